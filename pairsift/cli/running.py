"""The command that runs the flow in this process, and how it ends in good order."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from pairsift.adapters.memory import keep_freed_memory
from pairsift.cli.app import EXIT_FAILED, Json, app
from pairsift.config import SOURCE_FORMATS, RunConfig, RunRequest, explain_validation, load_config
from pairsift.errors import ConfigError, DatabaseGoneError

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


@app.command(
    epilog="**Examples**\n\n"
    "`pairsift run examples/sample/shards --dataset sample`\n\n"
    "`pairsift run 'shards/{00000..00099}.tar' --policy my-policy.yaml --out exports`\n\n"
    "`pairsift run pairs.parquet --dataset mine`\n\n"
    "`pairsift run examples/sample/shards --dataset sample --rerun-failed`\n\n"
    "`pairsift run 'products/{date:%Y/%m/%d}/*.tar' --day 2026-11-23 --catch-up-days 7`"
)
def run(
    source: Annotated[
        str,
        typer.Argument(
            help="Shards, tables or a folder: path, glob, brace range or fsspec URL, or @FILE that lists some; {date} "
            "in it is the day."
        ),
    ],
    dataset: Annotated[str | None, typer.Option(help="Name of the data set; by default from SOURCE.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file: how to measure, decide and export.")] = None,
    policy: Annotated[str | None, typer.Option(help="A shipped policy's name, or a policy file.")] = None,
    encoder: Annotated[str | None, typer.Option(help="Encoder that compares images and captions.")] = None,
    out: Annotated[str | None, typer.Option(help="Where exports go; by default exports/ in the storage.")] = None,
    partition: Annotated[list[str] | None, typer.Option(help="Only this partition; may be repeated.")] = None,
    source_format: Annotated[
        str, typer.Option("--format", help=f"{', '.join(SOURCE_FORMATS[:-1])} or {SOURCE_FORMATS[-1]}.")
    ] = "auto",
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
    from pairsift.console import show  # help must not wait for rich tables
    from pairsift.console.running import render_run

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

    with server_started():
        from flows.curate import curate  # many seconds: torch
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


@contextmanager
def server_started() -> Iterator[None]:
    """Start Prefect's temporary server, where the run is to have one, beside what is done within.

    Both take some ten seconds. SIGTERM is heeded from here on, as CancelledError: it would end this process at once and
    leave the server behind.
    """
    from prefect import get_client

    signal.signal(signal.SIGTERM, cancel)
    with ThreadPoolExecutor(1) as beside:
        started = beside.submit(get_client, sync_client=True)
        yield
        started.result()


def cancel(_number: int, _frame: FrameType | None) -> None:
    """Raise what asyncio raises where a run is cancelled."""
    raise asyncio.CancelledError


async def summary_of(curate: Any, request: RunRequest) -> dict[str, Any]:  # noqa: ANN401 - a Prefect flow, imported late
    """Run the flow; what it raised is raised again, and its summary returned also where partitions failed."""
    run = asyncio.ensure_future(curate(request, return_state=True))
    # The flow has to hear of SIGTERM, not whatever line the process is at.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, run.cancel)
    state = await run
    result = await state.aresult(raise_on_failure=False)
    if isinstance(result, BaseException):
        raise result
    return dict(result)
