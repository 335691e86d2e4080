"""What a page of pairs is asked for in its address, and the addresses of other pages."""

import math
from typing import Literal
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pairsift.adapters.browsed import Chosen
from pairsift.adapters.comparing import ACTIVE
from pairsift.adapters.viewed import SORTABLE, View
from pairsift.core.browsing import Key, Wanted
from pairsift.core.differences import Change
from pairsift.core.records import Reason, Verdict

UNMEASURED = "-"
Direction = Literal["down", "up"]


class Asked(BaseModel):
    """Which pairs, in which order, from where on; an empty field asks for nothing, as forms send it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    set: str = ACTIVE
    sort: str = ""
    direction: Direction = "down"
    verdict: Verdict | Literal[""] = ""
    reason: Reason | Literal[""] = ""
    partition: str = ""
    text: str = Field(default="", max_length=200)
    against: str = ""
    change: Change | Literal[""] = ""
    after: str = Field(default="", max_length=100)
    before: str = Field(default="", max_length=100)

    @field_validator("sort")
    @classmethod
    def _check_sort(cls, name: str) -> str:
        if name and name not in SORTABLE:
            raise ValueError(f"pairs cannot be sorted by {name!r}")
        return name

    @property
    def chosen(self) -> Chosen:
        """Which pairs, in which order."""
        return Chosen(
            Wanted(Verdict(self.verdict) if self.verdict else None, Reason(self.reason) if self.reason else None,
                   self.partition or None),
            self.text,
            self.sort or None,
            self.direction == "down",
            self.against,
            Change(self.change) if self.change else None,
        )  # fmt: skip

    def address(self, path: str = "/", **changed: object) -> str:
        """Write the address of the same pairs, but for what is changed."""
        fields = {**self.model_dump(mode="json"), **changed}
        default = type(self).model_fields
        told = {name: value for name, value in fields.items() if value != default[name].default}
        return f"{path}?{urlencode(told)}" if told else path

    def page(self, **at: str) -> str:
        """Write the address of another page of the same pairs."""
        return self.address(**{"after": "", "before": "", **at})


def write_position(view: View, sort: str, place: int) -> str:
    """Name where a pair stands in an order, so that it is found again when pairs have come or gone."""
    attempt, ordinal = view.places.pair_at(place)
    value = float(view.values(sort)[place]) if sort else math.nan
    return f"{UNMEASURED if math.isnan(value) else repr(value)}~{attempt}~{ordinal}"


def read_position(view: View, asked: Asked, position: str) -> Key | None:
    """Read what `write_position` wrote, or a value alone; None where it is neither.

    Of a pair that is not there any more its value counts, and it stands behind all pairs of that value.
    """
    value, _, pair = position.partition("~")
    attempt, _, ordinal = pair.partition("~")
    ordering = view.ordering(asked.sort or None, descending=asked.direction == "down")
    try:
        number = None if value == UNMEASURED else float(value)
        place = view.places.find(int(attempt), int(ordinal)) if pair else -1
    except ValueError:
        return None
    return ordering.key_of(number, len(view.places) if place is None else place)
