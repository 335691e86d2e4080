"""What came of a training, as Markdown: figures on pairs held out, the curve by epoch, and reliability."""

from collections.abc import Mapping, Sequence
from typing import Any

from pairsift.report.escaping import markdown

BAR = 40


def render_training(outcome: Mapping[str, Any]) -> str:
    """Draw a head's figures as tables, with a bar for every epoch's AUC."""
    metrics = outcome["metrics"]
    rows = [
        [told, *(_auc(metrics, f"{stem}_{kind}") for kind in ("swapped", "hard"))]
        for told, stem in (("this head", "auc"), ("z", "z"), ("cosine", "cosine"), ("head over z", "head_over_z"))
    ]
    curve = [
        [
            point["epoch"],
            f"{point['matching']:.3f}",
            f"{point['contrast']:.3f}",
            f"{point['auc']:.3f}",
            _bar(point["auc"]),
        ]
        for point in outcome["curve"]
    ]
    bins = [[f"{each['said']:.2f}", f"{each['true']:.2f}", f"{each['weight']:.2f}"] for each in outcome["reliability"]]
    return "\n\n".join(
        [
            f"# Fusion head {markdown(outcome['name'])}",
            f"Form {outcome['shape']['form']}, for {markdown(outcome['encoder'])}.",
            f"Learnt from {markdown(outcome['data']['from'])}.",
            f"Trained on {metrics['trained_on']} pairs, judged on {metrics['judged_on']} that it has not seen.",
            _table(["score", "AUC, swapped captions", "AUC, most alike captions"], rows),
            _table(["epoch", "matching loss", "contrast loss", "AUC held out", ""], curve),
            f"Probabilities are off by {metrics['calibration_error']:.3f} in the mean.",
            _table(["said", "true", "share"], bins),
        ]
    )


def _auc(metrics: Mapping[str, float], stem: str) -> str:
    return f"{metrics[stem]:.3f} ({metrics[f'{stem}_low']:.3f} to {metrics[f'{stem}_high']:.3f})"


def _bar(auc: float) -> str:
    """Draw an AUC between 0.5 and 1 as blocks."""
    return "█" * round(BAR * max(0.0, auc - 0.5) * 2)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [list(head), ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
