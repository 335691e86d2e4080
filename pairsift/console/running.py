"""What a person sees of runs: what they came to, and how far the partitions are."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from pairsift.console import plain_line, share, size, table
from pairsift.report.drifting import WHOLE_RUN, tell_drift

DRIFT_COLUMNS = ("partition", "level", "what moved (before → now)")


def render_run(summary: Mapping[str, Any]) -> list[RenderableType]:
    """Draw what a run read, kept, dropped and quarantined, where it lies and what to look at next."""
    pairs, partitions = summary["pairs"], summary["partitions"]
    counts = [("read", pairs["read"]), ("kept", pairs["kept"])]
    counts += [("dropped", pairs["dropped"]), ("quarantined", pairs["quarantined"])]
    reasons = sorted(summary["reasons"].items(), key=lambda item: (-item[1], item[0]))
    parts: list[RenderableType] = [
        table(
            f"Data set {summary['dataset']}",
            ("pairs", "count", "share"),
            [(*c, share(c[1], pairs["read"])) for c in counts],
        ),
        table("Why pairs were not kept", ("reason", "count"), reasons),
        table("Partitions", ("state", "count"), [(state, count) for state, count in partitions.items()]),
    ]
    drift = [(each["partition"] or WHOLE_RUN, each["level"], each["told"]) for each in summary["drift"]["moved"]]
    if drift:
        title = f"Drift against reference window {summary['drift']['window']}"
        parts.append(table(title, DRIFT_COLUMNS, drift))
    if summary["missing_days"]:
        parts.append(table("Files not all there", ("day",), [(day,) for day in summary["missing_days"]]))
    if summary["failed"]:
        parts.append(table("Failed", ("partition", "error"), [(f["partition"], f["error"]) for f in summary["failed"]]))
    return [*parts, *next_steps(summary)]


def next_steps(summary: Mapping[str, Any]) -> list[Text]:
    """Say where the results lie and what to do next."""
    dataset = summary["dataset"]
    lines = [
        f"Source    {summary['source']}",
        f"Results   {summary['out']}/{dataset}/manifest.json",
        *([f"Report    {summary['report']}"] if summary["report"] else []),
        f"Database  {summary['database']}",
        f"Took      {summary['seconds']:.1f} s",
        "",
        "Look next at",
    ]
    if summary.get("recalled"):
        lines.insert(0, f"Recalled  {summary['recalled']} pairs, measured before: taken from the store")
    if summary.get("example"):
        lines.append(f"  pairsift explain {summary['example']}    the whole story of one dropped pair")
    lines.append(f"  pairsift status --dataset {dataset}    its partitions")
    if summary["failed"]:
        lines.append("  the same command with --rerun-failed    just what failed")
    return [plain_line(line) for line in lines]


def render_status(status: Mapping[str, Any]) -> list[RenderableType]:
    """Draw every partition with its state and counts, a table a data set, and below it what degraded or drifted."""
    counts = ("pairs_read", "pairs_kept", "pairs_dropped", "pairs_quarantined")
    columns = ("partition", "status", "attempt", *counts, "error")
    titles = [column.removeprefix("pairs_") for column in columns]
    parts: list[RenderableType] = []
    for dataset, grouped in groupby(status["partitions"], key=lambda row: row["dataset"]):
        rows = list(grouped)
        parts.append(table(f"Data set {dataset}", titles, [[row[column] for column in columns] for row in rows]))
        damaged = [(row["partition"], len(row["damage"]), row["damage"][0]) for row in rows if row["damage"]]
        if damaged:
            parts.append(table(f"Degraded in {dataset}", ("partition", "damaged parts", "the first"), damaged))
        drifted = [(row["partition"], row["drift"]) for row in rows if row["drift"] and row["drift"]["moved"]]
        if drifted:
            shown = [(partition, drift["level"], tell_drift(drift)) for partition, drift in drifted]
            parts.append(table(f"Drift in {dataset}", DRIFT_COLUMNS, shown))
    if not parts:
        return [plain_line("Nothing has been curated yet: pairsift run SOURCE")]
    return [*parts, *map(plain_line, stored_lines(status["store"]))]


def stored_lines(store: Mapping[str, Any]) -> list[str]:
    """Say how much is stored, and how much more is to be expected."""
    kinds = [f"{name} {size(store[f'{name}_bytes'])}" for name in ("database", "chunks", "exports")]
    lines = [f"Stored    {store['pairs']:,} pairs, {store['rows']:,} with superseded ones: {', '.join(kinds)}"]
    if store["bytes_to_come"] is not None and store["partitions_to_come"]:
        per_pair = f"{size(store['bytes_per_pair'])} a pair so far"
        to_come = f"some {store['pairs_to_come']:,} pairs of {store['partitions_to_come']:,} partitions"
        lines.append(
            f"To come   about {size(store['bytes_to_come'])}: {per_pair}, {to_come}, if they are as the others"
        )
    return lines
