"""The commands that decide from stored scores, compare decisions, and write what they keep. None loads a model."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from pairsift.cli.app import DataSet, Json, app, opened_store
from pairsift.config import EXPORT_FORMATS

DECISION_SET = "A decision set: its id, its policy as NAME or NAME@VERSION, or active."


@app.command(
    epilog="**Examples**\n\n"
    "`pairsift decide sample --policy my-policy.yaml --dry-run`\n\n"
    "`pairsift decide sample --policy default`\n\n"
    "`pairsift decide sample --policy default --all`"
)
def decide(
    dataset: DataSet,
    policy: Annotated[
        str, typer.Option(help="A shipped policy's name, a policy file, or NAME@VERSION of the database.")
    ],
    partition: Annotated[list[str] | None, typer.Option(help="Only this partition; may be repeated.")] = None,
    anew: Annotated[
        bool, typer.Option("--all", help="Find copies anew: what stayed of them before need not stay again.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing, only show what would change.")] = False,
    as_json: Json = False,
) -> None:
    """Decide again by a policy, from stored scores: no model runs. Shows what changes; earlier decisions stay."""
    from pairsift.adapters.memory import collect_rarely
    from pairsift.adapters.policies import find_policy
    from pairsift.adapters.redeciding import Again, decide_again
    from pairsift.console import show
    from pairsift.console.deciding import render_decide
    from pairsift.progress import partitions_counted
    from pairsift.settings import Settings

    engine = opened_store()
    again = Again(dataset, find_policy(engine, policy), tuple(partition or ()), dry_run, anew)
    collect_rarely()
    with partitions_counted("deciding", not as_json) as advance:
        decided = decide_again(engine, Settings().storage.absolute(), again, advance)
    show(told_decided(again, decided), as_json, render_decide)


def told_decided(again: Any, decided: Any) -> dict[str, Any]:  # noqa: ANN401 - of modules that are imported late
    """Describe what was decided again."""
    return {
        "dataset": again.dataset,
        "policy": again.policy.name,
        "policy_version": str(again.policy.version),
        "decision_set": decided.decision_set,
        "calibration": decided.calibration,
        "dry_run": again.dry_run,
        "partitions": {
            "decided": decided.decided,
            "known": decided.known,
            "left": decided.left,
            "besides": decided.besides,
        },
        "before": decided.tally.before,
        "pairs": decided.tally.after,
        "reasons": decided.tally.reasons,
        "changes": {name: asdict(changed) for name, changed in decided.changes.items()},
        "seconds": round(decided.seconds, 3),
    }


@app.command(epilog="**Example**\n\n`pairsift diff sample default strict@2`")
def diff(
    dataset: DataSet,
    before: Annotated[str, typer.Argument(metavar="A", help=DECISION_SET)],
    after: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    as_json: Json = False,
) -> None:
    """Compare two decision sets: what only one of them keeps, and why, with examples. Nothing is changed."""
    from pairsift.adapters.comparing import compare
    from pairsift.console import show
    from pairsift.console.deciding import render_diff
    from pairsift.progress import partitions_counted

    engine = opened_store()
    with partitions_counted("comparing", not as_json) as advance:
        found = compare(engine, dataset, before, after, advance)
    told = {
        "dataset": dataset,
        "a": told_set(found.before),
        "b": told_set(found.after),
        "partitions": {"compared": found.partitions, "left": found.left},
        "before": found.tally.before,
        "pairs": found.tally.after,
        "changes": {name: asdict(changed) for name, changed in found.changes.items()},
    }
    show(told, as_json, render_diff)


def told_set(found: Any) -> dict[str, Any]:  # noqa: ANN401 - of a module that is imported late
    """Describe a decision set."""
    named = ("id", "policy", "version", "calibration", "active")
    return {name: getattr(found, name) for name in named}


@app.command(
    epilog="**Examples**\n\n"
    "`pairsift export sample`\n\n"
    "`pairsift export sample --policy strict --format shard --format kohya --out strict`"
)
def export(
    dataset: DataSet,
    policy: Annotated[str, typer.Option(metavar="SET", help=DECISION_SET)] = "active",
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format", help=f"Also write {', '.join(EXPORT_FORMATS[:-1])} or {EXPORT_FORMATS[-1]}; may be repeated."
        ),
    ] = None,
    out: Annotated[str, typer.Option(help="Where to; by default exports/ in the storage.")] = "",
    as_json: Json = False,
) -> None:
    """Write the files of what is decided from stored results: no model runs."""
    from pairsift.adapters.exporting import ExportAsked, export_decided
    from pairsift.console import show
    from pairsift.console.deciding import render_export
    from pairsift.progress import partitions_counted
    from pairsift.settings import Settings

    asked = ExportAsked(dataset, policy, tuple(formats or ()), out)
    engine = opened_store()
    with partitions_counted("exporting", not as_json) as advance:
        exported = export_decided(engine, Settings().storage.absolute(), asked, advance)
    show({"dataset": dataset, **asdict(exported)}, as_json, render_export)


@app.command(epilog="**Example**\n\n`pairsift calibrate sample`")
def calibrate(dataset: DataSet, as_json: Json = False) -> None:
    """Make a new calibration, and a new reference window of drift, of what stands committed.

    The next decide or run goes by it, for all partitions anew.
    """
    from pairsift.adapters.calibrating import calibrate_anew
    from pairsift.console import show
    from pairsift.console.deciding import render_calibrate
    from pairsift.progress import partitions_counted
    from pairsift.settings import Settings

    engine = opened_store()
    with partitions_counted("reading", not as_json) as advance:
        made = calibrate_anew(engine, Settings().storage.absolute(), dataset, advance)
    show({"dataset": dataset, **asdict(made)}, as_json, render_calibrate)
