"""The comparison as a Markdown table. Pure."""

from collections.abc import Mapping, Sequence

from benchmarks.peers.figures import Limit, Summary

COLUMNS = (
    "system",
    "pairs/s",
    "CPU ms a pair (lowest … highest)",
    "start, CPU s",
    "whole command: pairs/s",
    "CPU ms a pair",
    "peak memory, MiB",
    "cost in CPU",
    "cost in wall",
)

Outcome = Summary | Limit | str
"""What became of a system: its figures, those of an encoder alone, or the reason why it has none."""


def markdown(outcomes: Mapping[str, Outcome]) -> str:
    """Write one row a system, in the order given."""
    head = [line(COLUMNS), "|" + "---|" * len(COLUMNS)]
    return "\n".join([*head, *(line([name, *cells(outcome)]) for name, outcome in outcomes.items())])


def cells(outcome: Outcome) -> list[str]:
    """Write the cells of a row behind its name."""
    if isinstance(outcome, str):
        return [outcome.replace("|", "\\|"), *[""] * (len(COLUMNS) - 2)]
    if isinstance(outcome, Limit):
        return [f"{outcome.pairs_per_s:.1f}", f"{outcome.cpu_ms_per_pair:.1f}", *[""] * (len(COLUMNS) - 3)]
    spread = f"({outcome.cpu_ms_lowest:.0f} … {outcome.cpu_ms_highest:.0f})"
    return [
        known(outcome.pairs_per_s, ".1f"),
        f"{outcome.cpu_ms_per_pair:.0f} {spread}",
        f"{outcome.start_cpu_s:.0f}",
        f"{outcome.whole_pairs_per_s:.1f}",
        f"{outcome.whole_cpu_ms_per_pair:.0f}",
        f"{outcome.peak_mib:,.0f}",
        known(outcome.cpu_ratio, ".2f"),
        known(outcome.wall_ratio, ".2f"),
    ]


def known(value: float | None, how: str) -> str:
    """Write a number that may be unknown."""
    return "–" if value is None else format(value, how)


def line(texts: Sequence[str]) -> str:
    """Write one line of a table."""
    return "| " + " | ".join(texts) + " |"
