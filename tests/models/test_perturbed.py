"""Perturbed pairs, measured by the real encoder, beside pairs as they are."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pairsift import evaluating
from pairsift.adapters.policies import load_policy
from pairsift.adapters.remaining import Takedowns
from pairsift.adapters.sampling import Sample, Wanted, draw_sample
from pairsift.config import PreprocessConfig, RunConfig, ScoreConfig
from pairsift.core.images import SQUARE
from pairsift.core.perturbing import Perturbation
from pairsift.core.records import Cleaner
from pairsift.core.robustness import Sighting
from pairsift.core.selects import ALIGNMENT
from pairsift.core.signals import FUSION_MATCH
from pairsift.errors import ModelUnavailableError
from pairsift.evaluating import Exam, evaluate
from pairsift.models.bench import SWAP_TURNS, Bench
from pairsift.models.conse import Conse
from pairsift.models.fusion_heads import HeadShape
from pairsift.models.perturbed import measure_perturbed
from pairsift.models.pictures import fit_picture
from pairsift.models.planted import measure_swapped
from tests.models.heads import keep_head
from tests.tasks.shards import SAMPLE

CONFIG = RunConfig(score=ScoreConfig(device="cpu", dtype="float32", batch_size=4))
pytestmark = pytest.mark.usefixtures("one_thread")

PAIRS = 6


def ignore(done: int) -> None:
    """Take no notice of progress."""


@pytest.fixture(scope="module")
def sample() -> Sample:
    return draw_sample(str(SAMPLE), CONFIG, Wanted(PAIRS, seed=0, english_only=True), Takedowns())


@pytest.fixture(scope="module")
def bench(conse: Conse) -> Bench:
    return Bench(conse, partial(fit_picture, fit=SQUARE), PreprocessConfig(), Cleaner.DEFAULT, seed=0)


@pytest.fixture(scope="module")
def seen(bench: Bench, sample: Sample) -> dict[Perturbation | None, Sighting]:
    return dict(measure_perturbed(bench, sample.originals, ALIGNMENT, ignore))


def test_pairs_as_they_are_score_as_in_the_rest_of_the_exam(
    seen: dict[Perturbation | None, Sighting], bench: Bench, sample: Sample
):
    sheet = measure_swapped(bench, sample.originals, ignore)

    column = sheet.pairs.columns.numbers(ALIGNMENT)
    np.testing.assert_array_equal(seen[None].own, column[sheet.originals])
    np.testing.assert_array_equal(seen[None].swapped, np.stack([column[swap.rows] for swap in sheet.swaps], axis=1))
    assert len(sheet.swaps) == len(SWAP_TURNS)


@pytest.mark.parametrize("perturbation", Perturbation)
def test_every_perturbation_moves_scores_and_fused_embeddings_of_nearly_all_pairs(
    seen: dict[Perturbation | None, Sighting], perturbation: Perturbation
):
    before, after = seen[None], seen[perturbation]

    assert (after.own != before.own).sum() >= PAIRS - 1
    assert (after.swapped != before.swapped).mean() > 0.8
    assert (after.fused != before.fused).any(axis=1).sum() >= PAIRS - 1


def test_the_same_seed_perturbs_alike_and_whichever_pairs_are_beside_it(
    seen: dict[Perturbation | None, Sighting], bench: Bench, sample: Sample
):
    again = measure_perturbed(bench, sample.originals[:2], ALIGNMENT, ignore)
    other = measure_perturbed(replace(bench, seed=1), sample.originals[:2], ALIGNMENT, ignore)

    for state in (None, *Perturbation):
        np.testing.assert_array_equal(again[state].own, seen[state].own[:2])
    assert all((other[each].own != again[each].own).any() for each in (Perturbation.NOISE, Perturbation.TYPOS))


def test_a_head_is_looked_at_by_what_it_says_of_the_match(
    conse: Conse, bench: Bench, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PAIRSIFT_STORAGE", str(tmp_path))
    keep_head(tmp_path, "made", conse.space, HeadShape("tokens", 1280, conse.dim))
    two = replace(sample, originals=sample.originals[:2])
    trained = replace(bench, encoder=evaluating._load_with(CONFIG, "made"))  # noqa: SLF001 - two pictures only

    shaken = evaluating._shake("made", trained, two, np.ones((3, 2), np.int64), ignore)  # noqa: SLF001 - see above

    assert (shaken.fusion, shaken.signal) == ("made", FUSION_MATCH)
    assert [each.perturbation for each in shaken.perturbed] == list(Perturbation)
    assert all(each.cosine.value < 1 and each.moved.value > 0 for each in shaken.perturbed)


def test_a_head_that_is_not_there_is_refused_before_a_pair_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PAIRSIFT_STORAGE", str(tmp_path))

    with pytest.raises(ModelUnavailableError, match=r"there is no fusion 'nobody'"):
        evaluate("nowhere", CONFIG, Exam([load_policy("default")], fusions=["nobody"]), ignore)
