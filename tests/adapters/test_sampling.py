from pathlib import Path

import pytest

from pairsift.adapters.remaining import Takedowns
from pairsift.adapters.sampling import LEAST_FOREIGN, Sample, Wanted, draw_sample
from pairsift.config import RunConfig
from pairsift.core.foreign_captions import FOREIGN_CAPTIONS
from tests.tasks.shards import FILENAME_CAPTION, GOOD, TRUNCATED, Members, pairs_of, write_shard

SHIPPED = {caption for captions in FOREIGN_CAPTIONS.values() for caption in captions}
GERMAN = "Der Hund Nummer {} schläft auf dem Teppich vor dem alten Kamin."


def sample(source: Path, count: int = 10, seed: int = 0, *, english_only: bool = True) -> Sample:
    return draw_sample(str(source), RunConfig(), Wanted(count, seed, english_only), Takedowns())


def texts(found: Sample) -> list[str]:
    return [original.text for original in found.originals]


@pytest.fixture
def pairs() -> dict[str, Members]:
    return pairs_of((*GOOD, FILENAME_CAPTION, TRUNCATED))


def test_takes_an_even_number_of_readable_pairs_and_says_how_many_it_read(tmp_path: Path, pairs: dict[str, Members]):
    found = sample(write_shard(tmp_path / "a.tar", pairs))

    assert found.read == 8
    assert len(found.originals) == 6  # seven can be read
    assert all(original.caption.decode().strip() == original.text for original in found.originals)


def test_neither_keys_nor_order_change_the_choice(tmp_path: Path, pairs: dict[str, Members]):
    renamed = {f"other{key}": members for key, members in reversed(pairs.items())}

    first, second = (write_shard(tmp_path / name / "a.tar", given) for name, given in (("x", pairs), ("y", renamed)))

    assert sample(first, 4).originals == sample(second, 4).originals


def test_another_seed_chooses_others(tmp_path: Path, pairs: dict[str, Members]):
    shard = write_shard(tmp_path / "a.tar", pairs)

    assert len({tuple(texts(sample(shard, 2, seed))) for seed in range(5)}) > 1


def test_of_pairs_with_one_picture_or_one_caption_only_one_is_taken(tmp_path: Path):
    whole = list(pairs_of(GOOD).values())
    image = next(suffix for suffix in whole[0] if suffix != "txt")
    same_picture = {image: whole[0][image], "txt": b"Something else altogether, and true."}
    same_caption = {**whole[2], "txt": whole[1]["txt"]}
    given = dict(zip("abcdefgh", [*whole, same_picture, same_caption], strict=True))

    found = sample(write_shard(tmp_path / "a.tar", given))

    assert len(set(texts(found))) == len(found.originals)
    assert len({original.image_sha256 for original in found.originals}) == len(found.originals)


def test_captions_in_another_language_are_shipped_where_the_source_has_none(tmp_path: Path, pairs: dict[str, Members]):
    found = sample(write_shard(tmp_path / "a.tar", pairs))

    assert found.foreign_from == "shipped"
    assert {original.foreign for original in found.originals} <= SHIPPED


def test_captions_in_another_language_are_the_sources_own_where_it_has_enough(tmp_path: Path):
    shard = write_shard(tmp_path / "a.tar", many(LEAST_FOREIGN))

    found = sample(shard, 40)

    assert found.foreign_from == "source"
    assert {original.foreign for original in found.originals} <= {GERMAN.format(n) for n in range(LEAST_FOREIGN)}
    assert not set(texts(found)) & {original.foreign for original in found.originals}


def test_one_caption_too_few_in_another_language_is_not_enough(tmp_path: Path):
    assert sample(write_shard(tmp_path / "a.tar", many(LEAST_FOREIGN - 1)), 40).foreign_from == "shipped"


def test_a_german_source_gets_no_german_captions_planted(tmp_path: Path):
    german = dict(list(many(8).items())[-8:])

    found = sample(write_shard(tmp_path / "a.tar", german), 8, english_only=False)

    assert found.foreign_from == "shipped"
    assert not {original.foreign for original in found.originals} & set(FOREIGN_CAPTIONS["de"])


def many(foreign: int) -> dict[str, Members]:
    """Some thirty English pairs of the sample, and so many with a German caption and a picture of their own."""
    english = pairs_of(range(10, 40))
    others = {
        f"g{number}": {**members, "txt": GERMAN.format(number).encode()}
        for number, members in enumerate(pairs_of(range(60, 60 + foreign)).values())
    }
    return {**english, **others}
