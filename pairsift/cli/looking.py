"""The commands that look at what there is, and after it: states, stories, checks, the database."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pairsift.cli.app import EXIT_FAILED, DataSet, Json, app, database, opened_store
from pairsift.errors import UnusableInputError


@app.command(epilog="**Example**\n\n`pairsift status --dataset sample`")
def status(
    dataset: Annotated[str | None, typer.Option(help="Only this data set.")] = None, as_json: Json = False
) -> None:
    """Show every partition: its state, its attempts, what was read and kept, and why it failed; and what is stored."""
    from pairsift.adapters.store import queries  # SQLAlchemy takes a third of a second
    from pairsift.adapters.store.sizes import measure_store
    from pairsift.console import show
    from pairsift.console.running import render_status

    engine = opened_store()
    stored = asdict(measure_store(engine))
    show({"partitions": queries.status(engine, dataset), "store": stored}, as_json, render_status)


@app.command(epilog="**Example**\n\n`pairsift explain 000000017`")
def explain(
    key_or_uid: Annotated[str, typer.Argument(metavar="KEY|UID", help="A pair's key in its source, or its uid.")],
    as_json: Json = False,
) -> None:
    """Tell a pair's whole story: file and offset, hashes, every signal, models, policy and the rule that decided."""
    from pairsift.adapters.stories import tell
    from pairsift.console import show
    from pairsift.console.looking import render_explain

    pairs = tell(opened_store(), key_or_uid)
    if not pairs:
        raise UnusableInputError(
            f"no committed pair has the key or uid {key_or_uid!r}: `pairsift status` shows what is committed"
        )
    show({"pairs": pairs}, as_json, render_explain)


@app.command(epilog="**Examples**\n\n`pairsift report sample`\n\n`pairsift report sample --run RUN --out monday.html`")
def report(
    dataset: DataSet,
    run: Annotated[str | None, typer.Option(help="Only what this run committed; `status --json` names it.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The page's file; by default reports/DATASET.html in the storage.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Draw what was kept and why, with examples to look at, as one page that needs nothing else."""
    from pairsift.adapters.overviews import Asked, survey
    from pairsift.adapters.reports import report_file, write_report
    from pairsift.console import show
    from pairsift.console.looking import render_report
    from pairsift.progress import partitions_counted
    from pairsift.report.page import render_page
    from pairsift.settings import Settings

    engine = opened_store()
    with partitions_counted("looking", not as_json) as advance:
        overview = survey(engine, Asked(dataset, run), advance)
    if overview is None:
        by = "" if run is None else f" by run {run}"
        raise UnusableInputError(f"nothing of data set {dataset!r} is committed{by}: `pairsift status` shows what is")
    target = (out or report_file(Settings().storage, dataset)).absolute()
    facts = write_report(target, render_page(overview))
    show(
        {"dataset": dataset, "report": str(target), "pairs": overview.pairs, "bytes": facts.size},
        as_json,
        render_report,
    )


@app.command(epilog="**Example**\n\n`pairsift check --repair`")
def check(
    repair: Annotated[bool, typer.Option("--repair", help="Rebuild manifests that differ from the database.")] = False,
    as_json: Json = False,
) -> None:
    """Prove that nothing is lost, doubled or damaged: every pair's verdict, every file's sha256, every manifest."""
    from pairsift.adapters import checking
    from pairsift.console import show
    from pairsift.console.looking import render_check
    from pairsift.settings import Settings

    result = checking.check(opened_store(), Settings().storage.absolute(), repair=repair)
    show(asdict(result), as_json, render_check)
    if result.problems:
        raise typer.Exit(EXIT_FAILED)


@app.command(epilog="**Example**\n\n`pairsift reap`")
def reap(
    stuck_after: Annotated[
        float, typer.Option(min=1, help="Seconds after which a run of Prefect's that does not move is dead.")
    ] = 300,
    as_json: Json = False,
) -> None:
    """Mark lost what died without a word, in the database and on the Prefect server, so that it can be done again."""
    from pairsift.console import show
    from pairsift.console.looking import render_reap
    from tasks.reaping import reap_dead  # Prefect

    opened_store()
    show(asdict(asyncio.run(reap_dead(stuck_after))), as_json, render_reap)


@app.command(epilog="**Examples**\n\n`pairsift policies`\n\n`pairsift policies default`")
def policies(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME|FILE", help="Show this policy's rules: a shipped one or a file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the policies that come with Pairsift, or show one with every rule's unit."""
    from pairsift.adapters.policies import describe_policy, load_policy, shipped_policies
    from pairsift.console import show
    from pairsift.console.looking import render_policies, render_policy

    chosen = shipped_policies() if name is None else [load_policy(name)]
    described = {"policies": [describe_policy(policy) for policy in chosen]}
    show(described, as_json, render_policies if name is None else render_policy)


@database.command("upgrade", epilog="**Example**\n\n`pairsift db upgrade`")
def upgrade_database(as_json: Json = False) -> None:
    """Create the tables, or bring those of an older Pairsift up to date."""
    from pairsift.adapters.store.engine import open_engine, shown_url, upgrade
    from pairsift.console import show
    from pairsift.console.looking import render_upgrade
    from pairsift.settings import Settings

    url = Settings().store_url
    upgrade(url)
    show({"database": shown_url(open_engine(url))}, as_json, render_upgrade)


@app.command(epilog="**Example**\n\n`pairsift doctor`")
def doctor(as_json: Json = False) -> None:
    """Look at everything a run needs: database, storage, models, device, Prefect; say what to do where one is amiss."""
    from pairsift.console import show
    from pairsift.console.looking import render_doctor
    from pairsift.doctor import examine  # loads torch

    checks = examine()
    show({"checks": [asdict(found) for found in checks]}, as_json, render_doctor)
    if any(found.state != "ok" for found in checks):
        raise typer.Exit(EXIT_FAILED)
