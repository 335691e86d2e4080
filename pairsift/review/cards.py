"""Pairs as they are shown: what the store holds of them, what people said of them, and how large their pictures are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pairsift.adapters.store.labels import Label, labels_of
from pairsift.adapters.store.looked_at import pairs_shown
from pairsift.adapters.viewed import View
from pairsift.core.thumbnails import Size
from pairsift.review.desk import Desk


@dataclass(frozen=True, slots=True)
class Shown:
    """A pair to look at; `width` and `height` are its small picture's in px, 0 where it cannot be decoded."""

    place: int
    partition: str
    row: Mapping[str, Any]
    label: Label | None
    width: int
    height: int

    @property
    def caption(self) -> str:
        """The caption as it was scored, else as it came."""
        return str(self.row["caption"] or self.row["raw_caption"] or "")

    @property
    def name(self) -> str:
        """Names the pair within the data set, as addresses do."""
        return f"{self.row['attempt_id']}/{self.row['ordinal']}"


def show_pairs(desk: Desk, view: View, places: Sequence[int], size: Size) -> list[Shown]:
    """Look up the pairs at some places."""
    rows = pairs_shown(desk.browsed.engine, [view.places.pair_at(place) for place in places], view.sets)
    labels = labels_of(desk.browsed.engine, desk.browsed.dataset_id, [row["uid"] for row in rows])
    return [_shown(view, place, row, labels, size) for place, row in zip(places, rows, strict=True)]


def _shown(view: View, place: int, row: Mapping[str, Any], labels: Mapping[str, Label], size: Size) -> Shown:
    width, height = row["image_width"], row["image_height"]
    sides = size.of(width, height) if width and height else (0, 0)
    partition = view.places.partitions[view.places.partition_at(place)]
    return Shown(place, partition, row, labels.get(row["uid"]), *sides)
