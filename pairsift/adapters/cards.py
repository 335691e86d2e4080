"""Looks at single pairs: what is stored of them, and their pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from pairsift.adapters.pictures import picture_of
from pairsift.adapters.store.decisions import CommittedPartition
from pairsift.adapters.store.looked_at import ordinal_of, pair_shown
from pairsift.core.overview import Card, CopyGroup
from pairsift.core.signals import BY_NAME
from pairsift.core.surveying import Place, Z


@dataclass(frozen=True)
class Looking:
    """Looks at pairs of some partitions, by the score that they were selected by.

    What is kept in the place of a copy may be of any partition of the data set.
    """

    engine: Engine
    parts: Sequence[CommittedPartition]
    dataset: Sequence[CommittedPartition]
    score: str

    def cards(self, places: Sequence[Place]) -> list[Card]:
        """Make a card of each pair."""
        return [self._card(self.parts[number], ordinal) for number, ordinal in places]

    def group(self, copies: Sequence[Place], count: int) -> CopyGroup:
        """Show some of a group's `count` copies with the pair that is kept in their place."""
        cards = self.cards(copies)
        keeper = None if cards[0].duplicate_of is None else self._named(cards[0].duplicate_of)
        return CopyGroup(keeper, cards, count - len(cards))

    def _named(self, name: str) -> Card | None:
        """Find a pair by PARTITION/KEY, both of which may have slashes."""
        for part in self.dataset:
            if name.startswith(f"{part.key}/"):
                ordinal = ordinal_of(self.engine, part.attempt_id, name.removeprefix(f"{part.key}/"))
                if ordinal is not None:
                    return self._card(part, ordinal)
        return None

    def _card(self, part: CommittedPartition, ordinal: int) -> Card:
        row = pair_shown(self.engine, part.attempt_id, ordinal, part.shown_decision_set_id)
        picture = picture_of(row)
        return Card(
            partition=part.key,
            key=row["key"],
            uid=row["uid"],
            caption=row["caption"] or row["raw_caption"] or "",
            verdict=row["verdict"],
            reason=row["reason"],
            score=row["alignment_z"] if self.score == Z else row[BY_NAME[self.score].column],
            p=row["alignment_p"],
            q=row["alignment_q"],
            width=row["image_width"],
            height=row["image_height"],
            duplicate_of=row["duplicate_of"],
            picture=picture if isinstance(picture, bytes) else None,
            unseen=None if isinstance(picture, bytes) else picture,
        )
