"""Every hostile pair through the real reading and preprocessing: its own outcome, and no change to its neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pairsift.adapters.pairlist import write_pairs
from pairsift.adapters.scratch import PreparedPairs, read_prepared
from pairsift.adapters.sources import open_source, pairs_of
from pairsift.config import IngestConfig, PreprocessConfig
from pairsift.core.captions import display_text
from pairsift.core.image_files import image_format
from pairsift.core.images import SQUARE
from pairsift.core.ingesting import identify
from pairsift.core.records import Cleaner, IngestedPair, Measurement, Reason
from tasks.preparing import Preparation, prepare_files
from tests.hostile.caption_cases import MAX_CAPTION_BYTES
from tests.hostile.cases import PairCase, pair_cases
from tests.hostile.image_cases import MAX_IMAGE_BYTES
from tests.hostile.shards import NEIGHBOURS, write_cases

CASES = pair_cases()
CONFIG = PreprocessConfig(max_image_bytes=MAX_IMAGE_BYTES, max_caption_bytes=MAX_CAPTION_BYTES)

pytestmark = pytest.mark.filterwarnings("ignore")  # as in production: Pillow warns of odd tags


@dataclass(frozen=True)
class Outcome:
    """What was read and prepared of one pair."""

    pair: IngestedPair
    caption: str | None
    measurement: Measurement
    pixels: bytes | None

    @property
    def reason(self) -> Reason | None:
        reasons = set(self.measurement.unmeasurable.values())
        assert len(reasons) <= 1, "one side of each case is good"
        return next(iter(reasons), None)


def outcomes(source: Path, work: Path) -> dict[str, Outcome]:
    """Read a source as a run does, as one chunk, and prepare its pairs; by key."""
    work.mkdir()
    (spec,) = open_source(str(source)).partitions({}, IngestConfig())
    pairs = [identify(place, pair, CONFIG.max_caption_bytes) for place, pair in enumerate(pairs_of(spec))]
    listed = write_pairs(work / "pairs.arrow", pairs).path
    files = (work / "0.pixels", work / "0.json")
    prepare_files(Preparation(listed, 0, len(pairs), frozenset(), CONFIG, Cleaner.DEFAULT, SQUARE, *files))
    return by_key(pairs, read_prepared(*files))


def by_key(pairs: Sequence[IngestedPair], prepared: PreparedPairs) -> dict[str, Outcome]:
    rows = zip(pairs, prepared.captions, prepared.measurements, prepared.image_of, strict=True)
    return {
        pair.key: Outcome(pair, caption, measured, prepared.pixels[image].tobytes() if image >= 0 else None)
        for pair, caption, measured, image in rows
    }


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    folder = tmp_path_factory.mktemp("shard")
    return outcomes(write_cases(folder / "all.tar", CASES), folder / "work")


def test_the_suite_has_more_than_200_cases_of_pairs():
    assert len({case.name for case in CASES}) == len(CASES) > 300


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_hostile_pair_has_its_own_outcome(case: PairCase, shard: dict[str, Outcome]):
    outcome = shard[case.name]

    assert outcome.reason is case.reason
    assert (outcome.pixels is None) == (case.reason is not None and case.reason.startswith("image"))
    assert case.cleaned is None or outcome.caption == case.cleaned


def test_every_reason_of_an_unreadable_pair_is_produced_by_a_case():
    unreadable = {reason for reason in Reason if reason.startswith(("image_", "caption_"))}
    by_a_rule = {
        Reason.IMAGE_TOO_SMALL,
        Reason.IMAGE_FILE_TOO_SMALL,
        Reason.CAPTION_TOO_SHORT,
        Reason.CAPTION_IS_FILENAME,
        Reason.CAPTION_IS_URL,
        Reason.CAPTION_IS_CODE,
        Reason.CAPTION_MOSTLY_REMOVED,
    }
    by_isolation = {Reason.IMAGE_DECODE_TIMEOUT, Reason.IMAGE_DECODE_MEMORY, Reason.IMAGE_DECODE_CRASH}

    assert {case.reason for case in CASES} - {None} == unreadable - by_a_rule - by_isolation


def test_a_pair_keeps_its_caption_as_it_came_and_as_it_was_cleaned(shard: dict[str, Outcome]):
    for case in CASES:
        kept = shard[case.name].pair.raw_caption

        assert kept == (None if case.caption is None else case.caption[: MAX_CAPTION_BYTES + 2])
        for text in (display_text(kept), shard[case.name].caption):
            assert text is None or "\0" not in text
            assert text is None or text.encode().decode() == text  # no lone surrogate


def test_no_neighbour_is_changed(shard: dict[str, Outcome], tmp_path: Path):
    alone = outcomes(write_cases(tmp_path / "alone.tar", []), tmp_path / "work")

    assert len(alone) == len(NEIGHBOURS)
    for key, undisturbed in alone.items():
        among = shard[key]
        assert (among.pair.uid, among.pair.image_sha256) == (undisturbed.pair.uid, undisturbed.pair.image_sha256)
        assert (among.caption, among.measurement) == (undisturbed.caption, undisturbed.measurement)
        assert among.pixels == undisturbed.pixels is not None


def test_every_format_that_is_read_is_among_the_whole_pictures(shard: dict[str, Outcome]):
    whole = [case for case in CASES if case.reason is None and case.image is not None]

    assert {image_format(case.image or b"") for case in whole} == {"JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"}
    assert all(np.frombuffer(shard[case.name].pixels or b"", np.uint8).size == 224 * 224 * 3 for case in whole)


def test_a_folder_has_the_same_outcomes_as_a_shard(shard: dict[str, Outcome], tmp_path: Path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for case in CASES:
        if case.image is not None:
            (folder / f"{case.name}.jpg").write_bytes(case.image)
        if case.caption is not None:
            (folder / f"{case.name}.txt").write_bytes(case.caption)

    found = outcomes(folder, tmp_path / "work")

    assert {key: (one.pair.uid, one.reason) for key, one in found.items()} == {
        case.name: (shard[case.name].pair.uid, case.reason) for case in CASES
    }
