"""A day of which nine tenths were there before costs a tenth, and ends in the rows and bytes of a day measured anew."""

import json
from pathlib import Path

import pytest

from pairsift.adapters.checking import check
from pairsift.adapters.sources import read_image
from pairsift.core.records import IngestedPair
from tasks import workplace
from tests.command_line import Command
from tests.flows.running import EncoderCalls, files_of, lineage, run
from tests.tasks.shards import cut

FIRST_DAY = {"a": range(1, 11), "b": range(80, 88)}
SECOND_DAY = (84, 3, 9, 1, 150, 81, 5, 87, 2, 80)
"""Of two shards of the first day and out of order; 150 alone is new."""


@pytest.fixture
def second_day(tmp_path: Path) -> Path:
    cut(tmp_path / "second" / "a.tar", SECOND_DAY)
    return tmp_path / "second"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the keys of the pairs whose images are read to be decoded."""
    keys: list[str] = []

    def read_and_note(pair: IngestedPair) -> bytes | None:
        keys.append(pair.key)
        return read_image(pair)

    monkeypatch.setattr("tasks.preparing.read_image", read_and_note)
    return keys


def test_a_second_day_measures_only_what_is_new_and_ends_in_the_same_rows_and_bytes(
    *,
    tmp_path: Path,
    second_day: Path,
    policy: Path,
    storage: Path,
    opened: list[str],
    encoder_calls: EncoderCalls,
    pairsift: Command,
    monkeypatch: pytest.MonkeyPatch,
):
    for name, keys in FIRST_DAY.items():
        cut(tmp_path / "first" / f"{name}.tar", keys)
    first = run(tmp_path / "first", policy, dataset="monday")
    opened.clear()
    encoder_calls.pairs.clear()

    second = run(second_day, policy, dataset="tuesday", config={"export": {"formats": ["shard"]}})

    assert (opened, encoder_calls.pairs) == (["000000150"], [1])
    assert (first["recalled"], second["recalled"], second["pairs"]["read"]) == (0, 9, 10)
    rows, files = lineage(workplace.store(), "tuesday"), files_of(storage / "exports" / "tuesday")
    assert check(workplace.store(), storage, repair=False).problems == []
    (_, told) = json.loads(pairsift("explain", "000000084", "--json")[1])["pairs"]
    assert told["provenance"]["measured"] == "in attempt 1 of partition monday/b; taken from the store"
    workplace.store().dispose()
    monkeypatch.setenv("PAIRSIFT_STORAGE", str(tmp_path / "another"))

    run(second_day, policy, dataset="tuesday", config={"export": {"formats": ["shard"]}})

    assert len(encoder_calls.pairs) == 1 + 3
    assert lineage(workplace.store(), "tuesday") == rows
    assert files_of(tmp_path / "another" / "exports" / "tuesday") == files
    workplace.store().dispose()
