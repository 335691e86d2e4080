"""The commands. Thin: each reads its options, calls the library, and prints tables or, with --json, one object."""

import asyncio
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from pairsift.adapters.memory import keep_freed_memory
from pairsift.config import RunConfig, RunRequest, explain_validation, load_config
from pairsift.errors import ConfigError, DatabaseGoneError, PairsiftError, UnusableInputError

EXIT_FAILED = 1
EXIT_UNUSABLE = 2
EXIT_SIGNAL = 128
"""Plus the signal's number: what a shell reports of a command that a signal ended."""

GOES_ON = "what was done is kept, and the same command goes on from there"

PREFECT_DEFAULTS = {
    # Prefect's own lines would tear the progress display; its server and the UI keep them.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    # The temporary server of a run makes its database first: more than Prefect's 20 s on a busy machine.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}
"""Prefect's settings for a run in this process, where the user has set none in the environment."""

app = typer.Typer(
    name="pairsift",
    help="Decide which image–text pairs are good enough to train on, say why, and remember it.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)
database = typer.Typer(help="Look after Pairsift's own database.", no_args_is_help=True)
app.add_typer(database, name="db")

DECISION_SET = "A decision set: its id, its policy as NAME or NAME@VERSION, or active."

DataSet = Annotated[str, typer.Argument(metavar="DATASET", help="Name of a data set, as `pairsift status` shows it.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output, nothing else.")]


def main() -> None:
    """Run a command; an error raised on purpose is one line on standard error and an exit code, no traceback."""
    try:
        app()
    except PairsiftError as error:
        from pairsift.console import plain

        sys.stderr.write(f"pairsift: {plain(str(error))}\n")
        raise SystemExit(EXIT_UNUSABLE if isinstance(error, UnusableInputError) else EXIT_FAILED) from None


@app.command(
    epilog="**Examples**\n\n"
    "`pairsift run examples/sample/shards --dataset sample`\n\n"
    "`pairsift run 'shards/{00000..00099}.tar' --policy my-policy.yaml --out exports`\n\n"
    "`pairsift run examples/sample/shards --dataset sample --rerun-failed`\n\n"
    "`pairsift run 'products/{date:%Y/%m/%d}/*.tar' --day 2026-11-23 --catch-up-days 7`"
)
def run(
    source: Annotated[
        str, typer.Argument(help="Shards or a folder: path, glob, brace range or fsspec URL; {date} in it is the day.")
    ],
    dataset: Annotated[str | None, typer.Option(help="Name of the data set; by default from SOURCE.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file: how to measure, decide and export.")] = None,
    policy: Annotated[str | None, typer.Option(help="A shipped policy's name, or a policy file.")] = None,
    encoder: Annotated[str | None, typer.Option(help="Encoder that compares images and captions.")] = None,
    out: Annotated[str | None, typer.Option(help="Where exports go; by default exports/ in the storage.")] = None,
    partition: Annotated[list[str] | None, typer.Option(help="Only this partition; may be repeated.")] = None,
    source_format: Annotated[str, typer.Option("--format", help="auto, webdataset or folder.")] = "auto",
    day: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="What {date} in SOURCE stands for; by default today.")
    ] = None,
    time_zone: Annotated[str, typer.Option(help="Time zone of today, such as Europe/Berlin.")] = "UTC",
    catch_up_days: Annotated[int, typer.Option(help="Days before the day to look at, too.")] = 0,
    rerun_failed: Annotated[
        bool, typer.Option("--rerun-failed", help="Only what failed, was lost or interrupted.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Curate SOURCE: measure every pair, decide, export what is kept. The same command again goes on."""
    from pairsift.console import render_run, show  # help must not wait for rich tables

    request = build_request(
        load_config(config) if config else RunConfig(),
        {"policy": policy, "encoder": encoder},
        {
            "source": source,
            "dataset": dataset,
            "out": out,
            "partitions": tuple(partition or ()),
            "format": source_format,
            "day": day,
            "time_zone": time_zone,
            "catch_up_days": catch_up_days,
            "rerun_failed": rerun_failed,
        },
    )
    summary = execute(request, progress=not as_json)
    show(summary, as_json, render_run)
    drifted = any(each["level"] == "fail" for each in summary["drift"]["moved"])
    if summary["failed"] or drifted or summary["day"] in summary["missing_days"]:
        raise typer.Exit(EXIT_FAILED)


def build_request(config: RunConfig, choices: dict[str, str | None], fields: dict[str, Any]) -> RunRequest:
    """Merge the config with the options that override it; ConfigError says which option is wrong."""
    score = config.score.model_copy(update={"encoder": choices["encoder"] or config.score.encoder})
    chosen = config.model_copy(update={"policy": choices["policy"] or config.policy, "score": score})
    try:
        return RunRequest(config=chosen, **fields)
    except ValidationError as error:
        raise ConfigError(explain_validation("the command", error)) from error


def execute(request: RunRequest, *, progress: bool) -> dict[str, Any]:
    """Run the flow in this process, with progress in the terminal, and return its summary.

    Stopped by a signal it ends in good order, with a line that says so and the exit code of that signal.
    """
    os.environ.update(PREFECT_DEFAULTS | os.environ)  # before Prefect is imported: it reads them then
    keep_freed_memory()
    try:
        return run_flow(request, progress=progress)
    except KeyboardInterrupt:
        stopped_by = signal.SIGINT
    except asyncio.CancelledError:
        stopped_by = signal.SIGTERM
    for another in (signal.SIGINT, signal.SIGTERM):  # it would leave Prefect's server behind, which is being stopped
        signal.signal(another, signal.SIG_IGN)
    sys.stderr.write(f"pairsift: stopped by {stopped_by.name}: {GOES_ON}\n")
    raise typer.Exit(EXIT_SIGNAL + stopped_by)


def run_flow(request: RunRequest, *, progress: bool) -> dict[str, Any]:
    """Run the flow; CancelledError if SIGTERM ended it, DatabaseGoneError if the database went away for too long."""
    from contextlib import nullcontext

    from prefect.exceptions import TerminationSignal
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings  # seconds
    from sqlalchemy.exc import InterfaceError, OperationalError

    from flows.curate import curate  # seconds
    from pairsift.core.naming import dataset_name
    from pairsift.progress import progress_of  # SQLAlchemy

    # In one process nobody watches heartbeats, and joining their thread costs a second a flow.
    with (
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
        progress_of(request.dataset or dataset_name(request.source)) if progress else nullcontext(),
    ):
        try:
            return asyncio.run(summary_of(curate, request))
        except TerminationSignal:  # Prefect's own handler ran, too
            raise asyncio.CancelledError from None
        except (OperationalError, InterfaceError) as error:
            what = " ".join(str(error.orig).split())
            raise DatabaseGoneError(f"the database went away: {what}; when it is back, {GOES_ON}") from error


async def summary_of(curate: Any, request: RunRequest) -> dict[str, Any]:  # noqa: ANN401 - a Prefect flow, imported late
    """Run the flow; what it raised is raised again, and its summary returned also where partitions failed."""
    run = asyncio.ensure_future(curate(request, return_state=True))
    # Without it SIGTERM would end the process at once while Prefect's server starts, and leave the server behind.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, run.cancel)
    state = await run
    result = await state.aresult(raise_on_failure=False)
    if isinstance(result, BaseException):
        raise result
    return dict(result)


@app.command(epilog="**Example**\n\n`pairsift status --dataset sample`")
def status(
    dataset: Annotated[str | None, typer.Option(help="Only this data set.")] = None, as_json: Json = False
) -> None:
    """Show every partition: its state, its attempts, what was read and kept, and why it failed."""
    from pairsift.adapters.store import queries  # SQLAlchemy takes a third of a second
    from pairsift.console import render_status, show

    show({"partitions": queries.status(opened_store(), dataset)}, as_json, render_status)


@app.command(epilog="**Example**\n\n`pairsift explain 000000017`")
def explain(
    key_or_uid: Annotated[str, typer.Argument(metavar="KEY|UID", help="A pair's key in its source, or its uid.")],
    as_json: Json = False,
) -> None:
    """Tell a pair's whole story: file and offset, hashes, every signal, models, policy and the rule that decided."""
    from pairsift.adapters.stories import tell
    from pairsift.console import render_explain, show

    pairs = tell(opened_store(), key_or_uid)
    if not pairs:
        raise UnusableInputError(
            f"no committed pair has the key or uid {key_or_uid!r}: `pairsift status` shows what is committed"
        )
    show({"pairs": pairs}, as_json, render_explain)


@app.command(epilog="**Example**\n\n`pairsift check --repair`")
def check(
    repair: Annotated[bool, typer.Option("--repair", help="Rebuild manifests that differ from the database.")] = False,
    as_json: Json = False,
) -> None:
    """Prove that nothing is lost, doubled or damaged: every pair's verdict, every file's sha256, every manifest."""
    from pairsift.adapters import checking
    from pairsift.console import render_check, show
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
    from pairsift.console import render_reap, show
    from tasks.reaping import reap_dead  # Prefect

    opened_store()
    show(asdict(asyncio.run(reap_dead(stuck_after))), as_json, render_reap)


@app.command(
    epilog="**Examples**\n\n"
    "`pairsift decide sample --policy my-policy.yaml --dry-run`\n\n"
    "`pairsift decide sample --policy default`"
)
def decide(
    dataset: DataSet,
    policy: Annotated[str, typer.Option(help="A shipped policy's name, or a policy file.")],
    partition: Annotated[list[str] | None, typer.Option(help="Only this partition; may be repeated.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing, only show what would change.")] = False,
    as_json: Json = False,
) -> None:
    """Decide again by a policy, from stored scores: no model runs. Shows what changes; earlier decisions stay."""
    from pairsift.adapters.policies import load_policy
    from pairsift.adapters.redeciding import Again, decide_again
    from pairsift.console import render_decide, show
    from pairsift.progress import partitions_counted
    from pairsift.settings import Settings

    again = Again(dataset, load_policy(policy), tuple(partition or ()), dry_run)
    engine = opened_store()
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
        "partitions": {"decided": decided.decided, "known": decided.known, "left": decided.left},
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
    from pairsift.console import render_diff, show
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
    "`pairsift export sample --policy strict --format shard --out strict`"
)
def export(
    dataset: DataSet,
    policy: Annotated[str, typer.Option(metavar="SET", help=DECISION_SET)] = "active",
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="Also write this, such as shard; may be repeated.")
    ] = None,
    out: Annotated[str, typer.Option(help="Where to; by default exports/ in the storage.")] = "",
    as_json: Json = False,
) -> None:
    """Write the files of what is decided from stored results: no model runs."""
    from pairsift.adapters.exporting import ExportAsked, export_decided
    from pairsift.console import render_export, show
    from pairsift.progress import partitions_counted
    from pairsift.settings import Settings

    asked = ExportAsked(dataset, policy, tuple(formats or ()), out)
    engine = opened_store()
    with partitions_counted("exporting", not as_json) as advance:
        exported = export_decided(engine, Settings().storage.absolute(), asked, advance)
    show({"dataset": dataset, **asdict(exported)}, as_json, render_export)


@app.command(epilog="**Example**\n\n`pairsift calibrate sample`")
def calibrate(dataset: DataSet, as_json: Json = False) -> None:
    """Make a new calibration of what stands committed. The next decide or run goes by it, for all partitions anew."""
    from pairsift.adapters.calibrating import calibrate_anew
    from pairsift.console import render_calibrate, show
    from pairsift.progress import partitions_counted
    from pairsift.settings import Settings

    engine = opened_store()
    with partitions_counted("reading", not as_json) as advance:
        made = calibrate_anew(engine, Settings().storage.absolute(), dataset, advance)
    show({"dataset": dataset, **asdict(made)}, as_json, render_calibrate)


@app.command(
    epilog="**Examples**\n\n"
    "`pairsift target my-downstream-pictures --name downstream --encoder open_clip:ViT-B-32:openai`\n\n"
    "`pairsift target imagenet-train.npy --name downstream --encoder open_clip:ViT-B-32:openai`"
)
def target(
    source: Annotated[
        str, typer.Argument(help="Pictures, as a folder or shards, or their embeddings: a .npy or .parquet file.")
    ],
    name: Annotated[str, typer.Option(help="What policies call it: the name of their key target.")],
    encoder: Annotated[str | None, typer.Option(help="The encoder of the runs that it is for.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file: encoder and preprocessing are taken.")] = None,
    as_json: Json = False,
) -> None:
    """Make a target set: pictures that data should be like, with which policies compare by `pair.norm_sim`."""
    from pairsift.console import counting, render_target, show
    from pairsift.core.policy import Target
    from pairsift.targeting import make_target  # loads torch

    try:
        named = Target(name=name).name
    except ValidationError as error:
        raise ConfigError(explain_validation("the command", error)) from error
    chosen = load_config(config) if config else RunConfig()
    score = chosen.score.model_copy(update={"encoder": encoder or chosen.score.encoder})
    with counting("pictures encoded", None, shown=not as_json) as advance:
        made = make_target(source, named, chosen.model_copy(update={"score": score}), advance)
    show(asdict(made), as_json, render_target)


@app.command(epilog="**Example**\n\n`pairsift quantise 'shards/*.tar' --encoder open_clip:ViT-B-32:laion2b_s34b_b79k`")
def quantise(
    source: Annotated[str, typer.Argument(help="Pairs like those to be scored: shards or a folder, as for run.")],
    encoder: Annotated[str | None, typer.Option(help="An encoder of open_clip; by default the config's.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file: encoder and preprocessing are taken.")] = None,
    pairs: Annotated[int, typer.Option(min=40, help="Pairs to read: half calibrate, half measure.")] = 600,
    least_overlap: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the best 30 % that must stay among them.")
    ] = 0.95,
    as_json: Json = False,
) -> None:
    """Make an encoder's int8 towers and switch them on for `dtype: int8`, if scores of your own pairs shift little."""
    from pairsift.console import render_quantise, show
    from pairsift.quantising import quantise as make  # loads torch

    chosen = load_config(config) if config else RunConfig()
    score = chosen.score.model_copy(update={"encoder": encoder or chosen.score.encoder})
    outcome = make(source, chosen.model_copy(update={"score": score}), pairs, least_overlap)
    show(asdict(outcome), as_json, render_quantise)
    if not outcome.switched_on:
        raise typer.Exit(EXIT_FAILED)


@app.command(epilog="**Example**\n\n`pairsift evaluate examples/sample/shards --policy default --swapped 0.3`")
def evaluate(
    source: Annotated[str, typer.Argument(help="Pairs to plant faults in copies of: shards or a folder, as for run.")],
    policy: Annotated[
        list[str] | None, typer.Option(help="A shipped policy's name, or a policy file; may be repeated.")
    ] = None,
    encoder: Annotated[str | None, typer.Option(help="Encoder that compares images and captions.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file: encoder, preprocessing and policy are taken.")] = None,
    pairs: Annotated[int, typer.Option(min=40, help="Pairs to examine, chosen by their content.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the choice, the faults, the draws and the bootstrap.")] = 0,
    swapped: Annotated[
        float, typer.Option(min=0.01, max=0.9, help="Share of swapped captions that fdr is tried with.")
    ] = 0.3,
    draws: Annotated[int, typer.Option(min=2, help="Draws of swapped captions.")] = 50,
    enhancements: Annotated[
        bool, typer.Option("--enhancements", help="Also measure what CLAHE, denoising and unsharp masking are worth.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Examine signals and policies on SOURCE: plant known faults in copies of its pairs, and see what finds them."""
    # Before NumPy is imported, which reads it then. Hundreds of decisions on small tables: BLAS threads that wait for
    # each other take 0.16 s of CPU time each, one takes 0.02 s.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from pairsift.adapters.policies import load_policy
    from pairsift.console import counting, show
    from pairsift.evaluating import Exam  # loads torch
    from pairsift.evaluating import evaluate as examine
    from pairsift.exam_tables import render_evaluate

    chosen = load_config(config) if config else RunConfig()
    score = chosen.score.model_copy(update={"encoder": encoder or chosen.score.encoder})
    policies = [load_policy(name) for name in policy or [chosen.policy]]
    exam = Exam(policies, pairs, seed, swapped, draws, enhancements)
    with counting("pictures examined", exam.passes * pairs, shown=not as_json) as advance:
        outcome = examine(source, chosen.model_copy(update={"score": score}), exam, advance)
    show(outcome.document(), as_json, render_evaluate)


@app.command(epilog="**Examples**\n\n`pairsift policies`\n\n`pairsift policies default`")
def policies(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME|FILE", help="Show this policy's rules: a shipped one or a file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the policies that come with Pairsift, or show one with every rule's unit."""
    from pairsift.adapters.policies import describe_policy, load_policy, shipped_policies
    from pairsift.console import render_policies, render_policy, show

    chosen = shipped_policies() if name is None else [load_policy(name)]
    described = {"policies": [describe_policy(policy) for policy in chosen]}
    show(described, as_json, render_policies if name is None else render_policy)


@database.command("upgrade", epilog="**Example**\n\n`pairsift db upgrade`")
def upgrade_database(as_json: Json = False) -> None:
    """Create the tables, or bring those of an older Pairsift up to date."""
    from pairsift.adapters.store.engine import open_engine, shown_url, upgrade
    from pairsift.console import render_upgrade, show
    from pairsift.settings import Settings

    url = Settings().store_url
    upgrade(url)
    show({"database": shown_url(open_engine(url))}, as_json, render_upgrade)


@app.command(epilog="**Example**\n\n`pairsift doctor`")
def doctor(as_json: Json = False) -> None:
    """Look at everything a run needs: database, storage, models, device, Prefect; say what to do where one is amiss."""
    from pairsift.console import render_doctor, show
    from pairsift.doctor import examine  # loads torch

    checks = examine()
    show({"checks": [asdict(found) for found in checks]}, as_json, render_doctor)
    if any(found.state != "ok" for found in checks):
        raise typer.Exit(EXIT_FAILED)


def opened_store() -> Any:  # noqa: ANN401 - an SQLAlchemy engine, imported late
    """Open the database; StoreError where it is missing or of another version."""
    from pairsift.adapters.store.engine import open_engine, require_current
    from pairsift.settings import Settings

    engine = open_engine(Settings().store_url)
    require_current(engine)
    return engine
