"""Draws what came of an exam: what tells each fault, what policies make of it, enhancement, and how scores move."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from pairsift.console import facts, plain_line, table, tell_forgotten


def render_evaluate(outcome: Mapping[str, Any]) -> list[RenderableType]:
    """Draw an exam's outcome for a terminal of 80 columns."""
    by_fault = groupby(outcome["signals"], key=lambda row: row["fault"])
    parts: list[RenderableType] = [
        table(
            f"What tells a fault: {outcome['encoder']} on {outcome['pairs']} pairs",
            ("fault", "signal", "it is", "AUC", "95 %"),
            [row for _, rows in by_fault for row in _telling(list(rows))],
        ),
        plain_line("Of each fault: our best signal, the alignment, the reference method's best."),
        plain_line("AUC 1 tells every faulty pair from a clean one, 0.5 none."),
        plain_line(f"Captions in another language: {outcome['foreign_from']}."),
        *tell_forgotten(outcome["forgotten"]),
        Text(),
    ]
    for graded in outcome["policies"]:
        parts += _graded(graded)
    if outcome["enhancements"] is not None:
        parts.append(_enhanced(outcome["enhancements"]))
    for shaken in outcome["robustness"] or ():
        parts += _shaken(shaken)
    return [*parts, plain_line(f"Took {outcome['seconds']:.1f} s")]


def render_quantise(outcome: Mapping[str, Any]) -> list[RenderableType]:
    """Draw how far scores shift in int8, and whether it was switched on."""
    done = f"switched on: score.dtype: int8 now takes the towers in {outcome['folder']}"
    refused = "not switched on, nothing was written"
    overlap = f"{outcome['facts']['top_overlap']:.3f} of the best 30 % stay, {outcome['least_overlap']:g} are asked for"
    return [
        facts(f"{outcome['encoder']} in int8 against float32", outcome["facts"]),
        plain_line(f"{overlap}: {done if outcome['switched_on'] else refused}"),
        *tell_forgotten(outcome["forgotten"]),
    ]


def _telling(rows: Sequence[Mapping[str, Any]]) -> list[tuple[object, ...]]:
    """Choose of one fault's signals ours that tells it best, the alignment, and the best of the reference method."""
    reference = [row for row in rows if row["signal"].startswith("baseline.")]
    ours = [row for row in rows if row not in reference]
    alignment = [row for row in ours if row["signal"] == "pair.alignment"]
    chosen: list[Mapping[str, Any]] = []
    for choices in (ours, alignment, reference):
        chosen += [row for row in sorted(choices, key=_uninformative)[:1] if row not in chosen]
    return [
        (row["fault"] if place == 0 else "", row["signal"], row["faulty_is"], *_measured(row))
        for place, row in enumerate(chosen)
    ]


def _uninformative(row: Mapping[str, Any]) -> float:
    """Order signals by AUC, behind those that no faulty pair has: that tells it, too."""
    return -2.0 if row["auc"] is None else -float(row["auc"])


def _measured(row: Mapping[str, Any]) -> tuple[str | None, str]:
    """Write an AUC and its interval, or how many faulty pairs have no value."""
    auc = None if row["auc"] is None else f"{row['auc']:.2f}"
    missing = sum(row["unmeasurable"].values())
    return auc, f"{missing} unmeasured" if missing else f"{row['low']:.2f}–{row['high']:.2f}"


def _graded(graded: Mapping[str, Any]) -> list[RenderableType]:
    """Draw what a policy catches of each fault, what it keeps of the originals, and how `fdr` keeps its promise."""
    rows = [
        (fault["fault"], _spread(fault["recall"]), _percent(fault["precision"]), _main_reasons(fault["reasons"]))
        for fault in graded["faults"]
    ]
    title = f"Policy {graded['policy']} {graded['version']}, each fault planted in a tenth of the pairs at a time"
    return [
        table(title, ("fault", "not kept", "precision", "why"), rows),
        plain_line(f"Kept of the pairs as they came: {_spread(graded['clean_kept'])}"),
        *_promised(graded["promise"]),
        Text(),
    ]


def _promised(promise: Mapping[str, Any] | None) -> list[RenderableType]:
    """Tell what `fdr` promised and what came true."""
    if promise is None:
        return []
    spread = f"{_percent(promise['low'])} to {_percent(promise['high'])}"
    asked = f"fdr, alpha {promise['alpha']:g}; {_percent(promise['swapped'])} of the captions swapped"
    held = "held" if promise["held"] else "NOT HELD"
    return [
        plain_line(f"{asked}, {promise['draws']} draws: promise {held}"),
        plain_line(f"  swapped captions among the kept: {_percent(promise['true_fdr'])} in the mean, {spread}"),
        plain_line(f"  kept of the other pairs: {_percent(promise['unswapped_kept'])}"),
    ]


def _enhanced(worths: Sequence[Mapping[str, Any]]) -> RenderableType:
    rows = [
        (
            worth["switch"],
            f"{worth['auc_off']:.3f}",
            f"{worth['auc_on']:.3f}",
            f"{worth['gain']:+.3f}",
            f"{worth['low']:+.3f} to {worth['high']:+.3f}",
        )
        for worth in worths
    ]
    title = "AUC of pair.alignment for swapped captions, by enhancement"
    return table(title, ("switch", "off", "on", "gain", "95 %"), rows)


def _shaken(shaken: Mapping[str, Any]) -> list[RenderableType]:
    """Draw how far a way to fuse moves under each perturbation."""
    rows = [
        (
            each["perturbation"],
            _estimated(each["auc_lost"], "+.3f", " to "),
            _estimated(each["moved"], ".2f", "–"),
            _estimated(each["cosine"], ".2f", "–"),
        )
        for each in shaken["perturbed"]
    ]
    title = f"Fusion {shaken['fusion']}: how {shaken['signal']} and fused embeddings move"
    before = _estimated(shaken["perturbed"][0]["auc"], ".3f", "–")
    return [
        table(title, ("perturbed by", "AUC lost", "score moved by", "fused cosine"), rows),
        plain_line(f"AUC for swapped captions before: {before}"),
        Text(),
    ]


def _estimated(value: Mapping[str, float], digits: str, to: str) -> str:
    """Write a figure with its interval."""
    figure, low, high = (format(value[name], digits) for name in ("value", "low", "high"))
    return f"{figure} ({low}{to}{high})"


def _spread(value: Mapping[str, Any]) -> str:
    """Write a share with its interval."""
    return f"{_percent(value['share'])} ({100 * value['low']:.0f}–{100 * value['high']:.0f})"


def _percent(value: float | None) -> str | None:
    """Write a share in whole per cent."""
    return None if value is None else f"{100 * value:.0f} %"


def _main_reasons(reasons: Mapping[str, int]) -> str:
    """Name the two most frequent reasons."""
    return ", ".join(f"{reason} {count}" for reason, count in list(reasons.items())[:2])
