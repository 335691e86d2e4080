"""What a run came to, as Markdown for people who look at it in Prefect's UI."""

import shlex
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pairsift.config import RunConfig, RunRequest
from pairsift.core.records import Reason
from pairsift.report.drifting import WHOLE_RUN, summarise_drift
from pairsift.report.escaping import clip, code_block, markdown
from pairsift.report.meanings import MEANINGS

SHOWN_PARTITIONS = 50
SHOWN_DAYS = 10
SHOWN_ERRORS = 10
MOST_KEY = 60
MOST_ERROR = 500
MOST_ERROR_IN_CELL = 80
"""Prefect's older UI does not break the lines of a cell."""
STATES = ("committed", "skipped", "failed")


@dataclass(frozen=True, slots=True)
class PartitionFacts:
    """How one partition ended in the run, and the counts of what stands committed of it.

    `state` is one of STATES; `attempt` and `flow_run_id` are those of its last attempt, in whichever run.
    """

    key: str
    state: str
    attempt: int | None = None
    read: int | None = None
    kept: int | None = None
    error: str | None = None
    flow_run_id: str | None = None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run came to; `pairs` has the counts of read, kept, dropped and quarantined, in this order.

    `recalled` of them had been measured before. `missing_days` are those of its days whose files have not all arrived.
    `deployed`: Prefect can start it again. `report` is the page's file. `drift` is as `summarise_drift` gives it.
    """

    run_id: str
    dataset: str
    request: RunRequest
    policy: str
    pairs: Mapping[str, int]
    reasons: Mapping[str, int]
    partitions: Sequence[PartitionFacts]
    out: str
    database: str
    seconds: float
    missing_days: Sequence[str] = ()
    deployed: bool = False
    recalled: int = 0
    report: str | None = None
    drift: Mapping[str, Any] = field(default_factory=lambda: summarise_drift(None, 0, []))

    @property
    def failed(self) -> list[PartitionFacts]:
        """The partitions that failed."""
        return [partition for partition in self.partitions if partition.state == "failed"]


def headline(run: RunFacts) -> str:
    """Say in one line what the run came to."""
    kept = f"{run.pairs['kept']:,} of {run.pairs['read']:,} pairs kept ({share(run.pairs['kept'], run.pairs['read'])})"
    if not run.failed:
        return kept
    return f"{len(run.failed):,} of {_partitions(len(run.partitions))} failed; {kept}"


def render_run(run: RunFacts, histogram: str) -> str:
    """Write the whole summary; `histogram` is an SVG picture."""
    day = f", {run.request.day}" if run.request.day else ""
    blocks = [
        f"# {markdown(run.dataset)}{day}: {headline(run)}",
        *_next_steps(run),
        "\n".join(_origin(run)),
        "## Pairs",
        _table(
            ("pairs", "count", "share"),
            [(name, f"{n:,}", share(n, run.pairs["read"])) for name, n in run.pairs.items()],
        ),
        f"![Pairs by alignment, kept and not kept]({picture_address(histogram)})",
        *_reasons(run),
        *_drift(run.drift),
        *_partitions_table(run.partitions),
    ]
    return "\n\n".join(blocks) + "\n"


def reason_rows(run: RunFacts) -> list[dict[str, str | int]]:
    """List why pairs were not kept, the most frequent reason first."""
    ordered = sorted(run.reasons.items(), key=lambda item: (-item[1], item[0]))
    return [
        {
            "reason": reason,
            "pairs": count,
            "share": share(count, run.pairs["read"]),
            "meaning": MEANINGS[Reason(reason)],
        }
        for reason, count in ordered
    ]


def share(count: int, total: int) -> str:
    """Write a share in per cent."""
    return f"{100 * count / total:.1f} %" if total else "–"


def picture_address(svg: str) -> str:
    """Write an SVG picture as an address that holds the whole of it."""
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"


def _origin(run: RunFacts) -> Iterator[str]:
    yield f"- **Source** {markdown(run.request.source)}"
    if run.missing_days:
        shown, more = run.missing_days[:SHOWN_DAYS], len(run.missing_days) - SHOWN_DAYS
        yield f"- **Files not all there** {', '.join(shown)}{f' and {more} more days' if more > 0 else ''}"
    yield f"- **Policy** {markdown(run.policy)}"
    if run.recalled:
        yield f"- **Measured before** {run.recalled:,} pairs ({share(run.recalled, run.pairs['read'])}): from the store"
    if run.drift["window"] is not None:
        moved = sum(each["partition"] is not None for each in run.drift["moved"])
        compared = _partitions(run.drift["compared"])
        yield f"- **Drift** in {moved:,} of {compared}, against reference window {run.drift['window']}"
    yield f"- **Results** {markdown(run.out)}/{markdown(run.dataset)}/manifest.json"
    if run.report:
        yield f"- **Report** {markdown(run.report)}"
    yield f"- **Database** {markdown(run.database)}"
    yield f"- **Took** {run.seconds:,.1f} s, run {markdown(run.run_id)}"


def _reasons(run: RunFacts) -> Iterator[str]:
    rows = reason_rows(run)
    if rows:
        yield "## Why pairs were not kept"
        yield _table(("reason", "pairs", "share", "what it means"), [tuple(row.values()) for row in rows])


def _drift(drift: Mapping[str, Any]) -> Iterator[str]:
    """Show where something moved, the run as a whole first; the whole comparison is in `status --json`."""
    if not drift["moved"]:
        return
    moved = drift["moved"]
    yield f"## Drift against reference window {drift['window']}"
    yield _table(
        ("partition", "level", "what moved (before → now)"),
        [
            (markdown(clip(each["partition"] or WHOLE_RUN, MOST_KEY)), each["level"], markdown(each["told"]))
            for each in moved[:SHOWN_PARTITIONS]
        ],
    )
    if len(moved) > SHOWN_PARTITIONS:
        yield f"… and {len(moved) - SHOWN_PARTITIONS:,} more."


def _partitions_table(partitions: Sequence[PartitionFacts]) -> Iterator[str]:
    """Show the failed ones first, then the others by key; those beyond SHOWN_PARTITIONS are counted."""
    ordered = sorted(partitions, key=lambda partition: (partition.state != "failed", partition.key))
    counts = Counter(partition.state for partition in partitions)
    yield f"## Partitions: {', '.join(f'{counts[state]:,} {state}' for state in STATES)}"
    shown = ordered[:SHOWN_PARTITIONS]
    yield _table(("partition", "state", "attempt", "read", "kept", "error"), [_partition_row(row) for row in shown])
    left = Counter(partition.state for partition in ordered[SHOWN_PARTITIONS:])
    if left:
        yield f"… and {', '.join(f'{count:,} more {state}' for state, count in left.items())}."


def _partition_row(partition: PartitionFacts) -> tuple[str, ...]:
    counts = ("–" if count is None else f"{count:,}" for count in (partition.attempt, partition.read, partition.kept))
    error = markdown(clip(partition.error, MOST_ERROR_IN_CELL)) if partition.error else ""
    return (_linked(partition), partition.state, *counts, error)


def _linked(partition: PartitionFacts) -> str:
    """Name a partition, as a link to the page of its own run; an address without a host works on every UI."""
    name = markdown(clip(partition.key, MOST_KEY))
    return f"[{name}](/runs/flow-run/{partition.flow_run_id})" if partition.flow_run_id else name


def _next_steps(run: RunFacts) -> Iterator[str]:
    if not run.failed:
        return
    yield f"## What to do about {_partitions(len(run.failed))} that failed"
    yield "\n".join(_errors(run.failed))
    yield "Put right what the error names, then have done again what failed, and nothing else:"
    if run.deployed:
        one = ", or on a partition's own page for that one" if run.request.config.dispatch.work_pool else ""
        yield f"- here: **Retry** on the page of this run{one}"
        yield "- in a terminal:"
        yield code_block(
            [
                f"prefect flow-run retry {run.run_id}",
                f"prefect deployment run rerun-failed/manual --param dataset={shlex.quote(run.dataset)}",
            ]
        )
    yield "- where the database and the source are within reach, with the `--config` of before if there was one:"
    yield code_block([f"{run_command(run.dataset, run.request)} --rerun-failed"])


def _errors(failed: Sequence[PartitionFacts]) -> Iterator[str]:
    for partition in failed[:SHOWN_ERRORS]:
        yield f"- **{_linked(partition)}** {markdown(clip(partition.error or 'no error was recorded', MOST_ERROR))}"
    if len(failed) > SHOWN_ERRORS:
        yield f"- and {len(failed) - SHOWN_ERRORS:,} more, in the table of partitions"


def run_command(dataset: str, asked: RunRequest) -> str:
    """Write the command that runs what was asked for; what only a config file can say is left to its reader."""
    options = {
        "--dataset": dataset,
        "--day": asked.day,
        "--catch-up-days": asked.catch_up_days or None,
        "--policy": None if asked.config.policy == RunConfig().policy else asked.config.policy,
        "--out": asked.out,
    }
    given = [str(part) for option in options.items() if option[1] is not None for part in option]
    return shlex.join(["pairsift", "run", asked.source, *given])


def _partitions(count: int) -> str:
    return "1 partition" if count == 1 else f"{count:,} partitions"


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a table; cells are Markdown already."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in lines)
