"""Every hostile tar through the WebDataset reader: its readable pairs, its damage, and never anything else."""

from pathlib import Path
from tarfile import BLOCKSIZE

import pytest

from pairsift.adapters.sources import webdataset
from pairsift.config import IngestConfig
from pairsift.core.records import Damage, PartitionSpec, ReadPair
from pairsift.errors import ContainerDamagedError
from tests.hostile.tar_cases import CAPTION, PICTURE, TarCase, tar_cases

CASES = tar_cases()


def read(path: Path) -> tuple[list[ReadPair], list[Damage]]:
    """Read a shard; where no pair is readable, the error is the damage."""
    try:
        found = list(webdataset.read(PartitionSpec("key", str(path), webdataset.FORMAT, ""), IngestConfig()))
    except ContainerDamagedError as error:
        return [], [Damage(str(error), 0)]
    return [one for one in found if isinstance(one, ReadPair)], [one for one in found if isinstance(one, Damage)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_a_hostile_tar_has_its_own_outcome(case: TarCase, tmp_path: Path):
    _, data, keys, lost = case
    path = tmp_path / "case.tar"
    path.write_bytes(data)

    pairs, damage = read(path)

    assert tuple(pair.pair.key for pair in pairs) == keys
    assert [one.lost_pairs for one in damage] == ([] if lost is None else [lost])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_no_tar_makes_up_a_picture_or_a_place(case: TarCase, tmp_path: Path):
    path = tmp_path / "case.tar"
    path.write_bytes(case[1])

    pairs, damage = read(path)

    places = [(pair.pair.image, pair.image) for pair in pairs]
    assert all(place is None or case[1][place.offset : place.offset + place.size] == image for place, image in places)
    assert {pair.caption for pair in pairs} <= {CAPTION, None} or case[0].startswith("json-")
    assert {pair.image for pair in pairs} <= {PICTURE, None} or case[0] in {"zeros-in-a-picture", "size-left-blank"}
    assert all(0 <= one.offset < len(case[1]) + BLOCKSIZE for one in damage)


def test_there_are_more_than_100_tars():
    assert len({case[0] for case in CASES}) == len(CASES) > 100
