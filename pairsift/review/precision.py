"""How many of the kept pairs are good: what the policy promises, and what people found."""

from dataclasses import dataclass

from pairsift.adapters.store.labels import LabelCounts, count_labels, drawn_labels
from pairsift.adapters.viewed import View
from pairsift.core.precision import Proportion, measure_drawn
from pairsift.core.selects import Fdr
from pairsift.review.desk import Desk

SAMPLE = 100
"""Labels that are proposed: precision is then known to ± 10 points at worst."""


@dataclass(frozen=True, slots=True)
class Precision:
    """`promised` of the kept are not unrelated, None where a policy promises nothing; `measured` of a drawn sample."""

    promised: float | None
    measured: Proportion | None
    labels: LabelCounts
    sample: int

    @property
    def drawn(self) -> int:
        """How many of the drawn pairs are labelled."""
        return 0 if self.measured is None else self.measured.labelled


def told_precision(desk: Desk, view: View) -> Precision:
    """Measure precision by the labels of drawn pairs."""
    good = drawn_labels(desk.browsed.engine, desk.browsed.dataset_id)
    uids = (view.columns.uids[place].decode() for place in view.drawing[: len(good) + 1])
    select = view.policy.select
    return Precision(
        promised=1 - select.alpha if isinstance(select, Fdr) else None,
        measured=measure_drawn(uids, good),
        labels=count_labels(desk.browsed.engine, desk.browsed.dataset_id),
        sample=min(SAMPLE, len(view.drawing)),
    )


def next_drawn(desk: Desk, view: View) -> int | None:
    """Give the place of the first drawn pair that nobody has labelled as such; None where all are."""
    good = drawn_labels(desk.browsed.engine, desk.browsed.dataset_id)
    uids = view.columns.uids
    return next((int(place) for place in view.drawing if uids[place].decode() not in good), None)
