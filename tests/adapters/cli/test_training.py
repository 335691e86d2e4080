"""The commands that train: what they learn from, and what they refuse before any work."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from pairsift.adapters.lessons import lessons_of_dataset, prepare_lesson
from pairsift.adapters.sampling import Wanted
from pairsift.adapters.store.engine import open_engine
from pairsift.adapters.store.trained import TrainedRow, register_trained
from pairsift.adapters.store.views import pair_lineage
from pairsift.config import PreprocessConfig
from pairsift.core.images import SQUARE, resize
from pairsift.errors import ConfigError, SourceChangedError
from pairsift.settings import Settings
from tests.command_line import Command


@pytest.fixture
def engine(curated: Path) -> Engine:  # noqa: ARG001 - it fills the store
    return open_engine(Settings().store_url)


def kept_in_the_lineage(engine: Engine) -> dict[str, str]:
    query = select(pair_lineage.c.image_sha256, pair_lineage.c.caption).where(pair_lineage.c.verdict == "keep")
    with engine.connect() as connection:
        return dict(connection.execute(query).tuples().all())


def test_learns_from_the_kept_pairs_of_a_data_set_as_they_lie_in_the_source(engine: Engine):
    lessons = list(lessons_of_dataset(engine, "source", Wanted(100, seed=0, english_only=True)))

    assert {lesson.image_sha256: lesson.caption.decode() for lesson in lessons} == kept_in_the_lineage(engine)
    prepared = [
        prepare_lesson(
            one, PreprocessConfig(), lambda rgb: resize(rgb, (SQUARE.width, SQUARE.height)), english_only=True
        )
        for one in lessons
    ]
    assert all(one is not None and one.pixels.shape == SQUARE.shape for one in prepared)


def test_the_seed_chooses_by_content(engine: Engine):
    def chosen(seed: int) -> list[str]:
        return [one.uid for one in lessons_of_dataset(engine, "source", Wanted(3, seed, english_only=True))]

    assert len(chosen(0)) == 3
    assert chosen(0) == chosen(0)
    assert any(chosen(0) != chosen(seed) for seed in (1, 2, 3))


def test_a_source_that_has_changed_is_refused(engine: Engine, tmp_path: Path):
    (shard,) = (tmp_path / "source").glob("*.tar")
    shard.write_bytes(bytes(len(shard.read_bytes())))

    with pytest.raises(SourceChangedError):
        list(lessons_of_dataset(engine, "source", Wanted(3, 0, english_only=True)))


def test_a_data_set_that_is_not_there_is_refused(engine: Engine):
    with pytest.raises(ConfigError, match=r"there is no data set 'cats'"):
        list(lessons_of_dataset(engine, "cats", Wanted(3, 0, english_only=True)))


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("adapt", "--name", "x"), "give either a SOURCE to learn from, or --dataset NAME"),
        (("adapt", "shards", "--dataset", "d", "--name", "x"), "give either a SOURCE"),
        (("train-fusion", "--name", "x"), "give either a source to learn from"),
        (("train-fusion", "shards", "--name", "best"), "best stands for the best of all heads"),
        (("train-fusion", "shards", "--name", "x", "--form", "sum"), "'tokens', 'concatenation' or 'single'"),
        (("train-fusion", "shards", "--name", "x", "--augment", "turn"), "'jpeg' or 'words'"),
    ],
)
def test_refuses_what_it_cannot_do(pairsift: Command, arguments: tuple[str, ...], why: str):
    code, out, error = pairsift(*arguments)

    assert (code, out) == (2, "")
    assert why in error


def test_too_few_pairs_are_refused(pairsift: Command, curated: Path):  # noqa: ARG001 - it fills the store
    code, _, error = pairsift("adapt", "--dataset", "source", "--name", "x")

    assert code == 2
    assert "pairs that are not alike can be read, and at least 100 are needed" in error


def test_a_name_that_is_taken_is_refused(pairsift: Command, engine: Engine):
    register_trained(engine, "adapter", TrainedRow("x", "s", "conse", {}, {}, {}, "models/adapter/x.safetensors", "ab"))

    code, _, error = pairsift("adapt", "--dataset", "source", "--name", "x")

    assert code == 2
    assert "there is an adapter 'x' already" in error
