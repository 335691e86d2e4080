"""A decision set's pairs in memory, as the review page shows them: in any order, filtered, counted, drawn."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TypeVar

import numpy as np
import pyarrow as pa

from pairsift.adapters.store.decisions import DecisionSetRow
from pairsift.core.arrays import Flags, Floats, Integers
from pairsift.core.browsing import Ordering, Places, count_reasons, order_by
from pairsift.core.duplicates import Bytes
from pairsift.core.judgements import KEEP, SELECTED_OUT, Judgements, reason_code
from pairsift.core.overview import Cut
from pairsift.core.policy import Policy
from pairsift.core.precision import drawing_order
from pairsift.core.records import Reason
from pairsift.core.signals import NUMBERS, RELATIVE_SIGNALS
from pairsift.core.surveying import Survivors, Z, cut_of, score_of

P, Q = "p of pair.alignment", "q of pair.alignment"
DECIDED = {Z: "alignment_z", P: "alignment_p", Q: "alignment_q"} | {
    signal.name: signal.name.partition(".")[2] for signal in RELATIVE_SIGNALS
}
"""What pairs are put in order by that belongs to a decision, with its column."""
SORTABLE = (*DECIDED, *NUMBERS)

MOST_ORDERS, MOST_REMEMBERED = 12, 12
"""What a view remembers, of 8 and at most 8 bytes a pair."""

Value = TypeVar("Value")


class Recent(OrderedDict[Hashable, object]):
    """Remembers the values that were used last."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most, self._lock = most, Lock()
        self._making: dict[Hashable, Lock] = {}

    def get_or_make(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Give what is remembered of a key, or make it; who asks for it meanwhile waits, and nobody else does."""
        with self._lock:
            making = self._making.setdefault(key, Lock())
        with making:
            with self._lock:
                if key in self:
                    self.move_to_end(key)
                    return self[key]  # type: ignore[return-value]  # of this key it was made by the same function
            made = make()
            with self._lock:
                self[key] = made
                while len(self) > self._most:
                    self._making.pop(self.popitem(last=False)[0], None)
        return made


@dataclass(frozen=True, slots=True, eq=False)
class PairColumns:
    """What is known of n pairs under any decision set: (n,) float64 by signal, uids, and key and caption to search."""

    places: Places
    numbers: Mapping[str, Floats]
    uids: Bytes
    texts: pa.ChunkedArray


@dataclass(frozen=True, eq=False)
class View:
    """n pairs as a decision set has them: `decided` marks those that it decides, `sets` are its ids by attempt."""

    columns: PairColumns
    shown: DecisionSetRow
    sets: Mapping[int, int]
    decided: Flags
    judged: Judgements
    numbers: Mapping[str, Floats]
    _orders: Recent = field(default_factory=lambda: Recent(MOST_ORDERS))
    _remembered: Recent = field(default_factory=lambda: Recent(MOST_REMEMBERED))

    @property
    def places(self) -> Places:
        """Where the pairs stand."""
        return self.columns.places

    @cached_property
    def policy(self) -> Policy:
        """The policy that decided."""
        return Policy.model_validate_json(self.shown.policy_text)

    @cached_property
    def score(self) -> str:
        """What survivors are selected by."""
        return score_of(self.policy)

    @cached_property
    def reasons(self) -> dict[Reason, int]:
        """How many pairs have each reason."""
        return count_reasons(self.judged, self.decided)

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many pairs were decided, and with which verdict."""
        read, kept = int(self.decided.sum()), int(self.kept.sum())
        return {"read": read, "kept": kept, "not kept": read - kept}

    @property
    def kept(self) -> Flags:
        """Which pairs are kept."""
        kept: Flags = self.decided & (self.judged.verdicts == KEEP)
        return kept

    @cached_property
    def cut(self) -> Cut | None:
        """How the score of the survivors is distributed; None where nobody has one."""
        left_out = np.isin(self.judged.reasons, [reason_code(reason) for reason in SELECTED_OUT])
        survived = self.kept | (self.decided & left_out)
        scores, p = self.values(self.score)[survived], self.numbers[P][survived]
        return cut_of(Survivors(self.kept[survived], scores, p), self.score)

    @cached_property
    def drawing(self) -> Integers:
        """The kept pairs in the order in which they are drawn to be labelled."""
        return drawing_order(self.columns.uids, self.kept)

    def values(self, name: str) -> Floats:
        """Give the values of what pairs can be put in order by, (n,) float64."""
        return self.numbers[name] if name in DECIDED else self.columns.numbers[name]

    def ordering(self, name: str | None, *, descending: bool) -> Ordering:
        """Tell by which values pairs are put in order; by none in the order of their source."""
        return Ordering() if name is None else Ordering(self.values(name), descending)

    def order(self, name: str, *, descending: bool) -> Integers:
        """Give the places of all pairs in an order."""
        return self._orders.get_or_make((name, descending), lambda: order_by(self.values(name), descending=descending))

    def remember(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Give what was found out of these pairs, by what names it, or find it out."""
        return self._remembered.get_or_make(key, make)
