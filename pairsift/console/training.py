"""What a person sees of what was trained: what it is worth, and whether it was kept."""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType

from pairsift.console import plain_line, table, tell_forgotten


def render_adapt(outcome: Mapping[str, Any]) -> list[RenderableType]:
    """Draw what an adapter is worth, and whether it was kept."""
    worth = outcome["worth"]
    rows = [
        (what, f"{worth[key]:.3f}", f"{worth[f'{key}_low']:.3f} – {worth[f'{key}_high']:.3f}")
        for what, key in (("without", "auc_before"), ("with", "auc_after"), ("gain", "gain"))
    ]
    kept = f"kept as {outcome['file']}: choose it by score.adapter: {outcome['name']}"
    return [
        table(
            f"Swapped captions told from {outcome['pairs']} pairs held out in turn", ("adapter", "AUC", "95 %"), rows
        ),
        plain_line(kept if outcome["file"] else "not kept: the gain may well be nothing"),
        *tell_forgotten(outcome["forgotten"]),
    ]


def render_train(outcome: Mapping[str, Any]) -> list[RenderableType]:
    """Draw what a fusion head is worth beside what needs no training, and where it lies."""
    metrics = outcome["metrics"]
    rows = [
        (told, *(_auc(metrics, f"{stem}_{kind}") for kind in ("swapped", "hard")))
        for told, stem in (("this head", "auc"), ("z", "z"), ("cosine", "cosine"), ("head over z", "head_over_z"))
    ]
    judged = f"AUC on {metrics['judged_on']} pairs held out"
    kept = f"kept as {outcome['file']}: choose it by score.fusion: {outcome['name']}"
    judgement = table(judged, ("score", "swapped captions", "most alike captions"), rows)
    return [judgement, plain_line(kept), *tell_forgotten(outcome["forgotten"])]


def _auc(metrics: Mapping[str, float], stem: str) -> str:
    return f"{metrics[stem]:.3f} ({metrics[f'{stem}_low']:.3f} – {metrics[f'{stem}_high']:.3f})"
