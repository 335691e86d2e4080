"""The exam end to end: the real encoder on a few pairs of the sample."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pairsift import evaluating
from pairsift.adapters.policies import load_policy
from pairsift.adapters.remaining import Takedowns
from pairsift.adapters.sampling import Wanted, draw_sample
from pairsift.config import EnhanceConfig, PreprocessConfig, RunConfig, ScoreConfig
from pairsift.core.columns import to_columns
from pairsift.core.examining import Discrimination, Sheet
from pairsift.core.images import SQUARE
from pairsift.core.perturbing import Perturbation
from pairsift.core.planting import Fault, Original
from pairsift.core.preprocessing import both_sides, prepare_caption, prepare_image
from pairsift.core.records import Cleaner, Reason
from pairsift.core.robustness import Estimate, Moved
from pairsift.core.selects import ALIGNMENT
from pairsift.errors import ConfigError
from pairsift.evaluating import Exam, Outcome, evaluate
from pairsift.models.bench import Bench
from pairsift.models.conse import Conse
from pairsift.models.measuring import measure_pairs
from pairsift.models.pictures import fit_picture
from pairsift.models.planted import measure_planted, measure_swapped
from tests.command_line import Command
from tests.taken_down import take_down_here
from tests.tasks.shards import GOOD, SAMPLE, cut, sample

PAIRS, TAKEN_DOWN = 40, 17
CONFIG = RunConfig(score=ScoreConfig(device="cpu", dtype="float32", batch_size=4))


def ignore(done: int) -> None:
    """Take no notice of progress."""


@pytest.fixture(scope="module", autouse=True)
def own_storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let no exam touch the storage of the checkout; one picture was taken down."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("PAIRSIFT_DATABASE_URL", raising=False)
        environment.setenv("PAIRSIFT_STORAGE", str(tmp_path_factory.mktemp("storage")))
        take_down_here(TAKEN_DOWN)
        yield


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    exam = Exam([load_policy("default")], pairs=PAIRS, draws=5)
    return evaluate(str(SAMPLE), CONFIG, exam, ignore)


@pytest.fixture(scope="module")
def originals() -> list[Original]:
    return list(draw_sample(str(SAMPLE), CONFIG, Wanted(6, seed=0, english_only=True), Takedowns()).originals)


@pytest.fixture(scope="module")
def bench(conse: Conse) -> Bench:
    return Bench(conse, partial(fit_picture, fit=SQUARE), PreprocessConfig(), Cleaner.DEFAULT, seed=0)


@pytest.fixture(scope="module")
def sheet(bench: Bench, originals: list[Original]) -> Sheet:
    return measure_planted(bench, originals, ignore)


def test_a_pair_that_was_taken_down_is_not_read_but_counted(outcome: Outcome):
    assert (outcome.read, outcome.forgotten) == (len(sample()) - 1, 1)


def found(outcome: Outcome, fault: Fault, signal: str) -> Discrimination:
    (row,) = [row for row in outcome.signals if (row.fault, row.signal) == (fault, signal)]
    return row


@pytest.mark.parametrize(
    ("fault", "signal", "side"),
    [
        (Fault.BLURRED, "image.sharpness", "lower"),
        (Fault.NOISY, "image.sharpness", "higher"),
        (Fault.DARK, "image.brightness", "lower"),
        (Fault.FILENAME_CAPTION, "text.filename_likeness", "higher"),
        (Fault.TRUNCATED_CAPTION, "text.characters", "lower"),
    ],
)
def test_the_signal_made_for_a_fault_tells_it(outcome: Outcome, fault: Fault, signal: str, side: str):
    row = found(outcome, fault, signal)

    assert row.faulty_is == side
    assert row.auc is not None
    assert row.auc > 0.9


def test_the_alignment_tells_swapped_captions_and_the_reference_method_does_not(outcome: Outcome):
    ours = found(outcome, Fault.SWAPPED_CAPTION, ALIGNMENT)
    reference = found(outcome, Fault.SWAPPED_CAPTION, "baseline.pair_quality")

    assert ours.auc is not None
    assert ours.auc > 0.7
    assert reference.auc == pytest.approx(0.5, abs=0.02)


def test_a_cut_off_file_and_another_language_are_told_by_what_cannot_be_measured(outcome: Outcome):
    cut_off = found(outcome, Fault.TRUNCATED_IMAGE, ALIGNMENT).unmeasurable
    foreign = found(outcome, Fault.FOREIGN_CAPTION, ALIGNMENT).unmeasurable

    assert cut_off == {Reason.IMAGE_CORRUPT: PAIRS}
    assert foreign[Reason.LANGUAGE_UNSUPPORTED] > 0.8 * PAIRS


def test_every_fault_is_graded_once_in_each_pair(outcome: Outcome):
    (graded,) = outcome.policies
    recalls = {grade.fault: grade.recall.share for grade in graded.faults}

    assert list(recalls) == list(Fault)
    assert recalls[Fault.TRUNCATED_IMAGE] == recalls[Fault.EXACT_COPY] == recalls[Fault.BLURRED] == 1
    assert graded.promise is not None
    assert graded.promise.draws == 5


def test_the_same_seed_gives_the_same_outcome(outcome: Outcome):
    exam = Exam([load_policy("default")], pairs=PAIRS, draws=5)

    again = evaluate(str(SAMPLE), CONFIG, exam, ignore)

    assert replace(again, seconds=0) == replace(outcome, seconds=0)


def test_an_original_and_its_swapped_caption_measure_as_pairs_of_a_run_do(
    sheet: Sheet, bench: Bench, originals: list[Original]
):
    partner = int(sheet.swaps[1].partners[2])
    image = prepare_image(originals[2].image, bench.preprocess, bench.fit)
    caption, counted = prepare_caption(originals[partner].caption, bench.preprocess, bench.cleaner)
    assert image.pixels is not None

    _, alone = measure_pairs(
        bench.encoder, image.pixels[None], np.zeros(1, np.int64), [caption], [both_sides(image.measurement, counted)]
    )

    row = int(sheet.swaps[1].rows[2])
    measured = sheet.pairs.take(np.array([row])).columns
    again = to_columns(1, alone.signals, alone.unmeasurable)
    for name in alone.signals:
        np.testing.assert_array_equal(measured.signals[name], again.signals[name])


def test_a_planted_picture_keeps_its_caption_and_a_planted_caption_its_picture(sheet: Sheet):
    captions, pictures = sheet.pairs.embedded.captions, sheet.pairs.embedded.pictures
    blurred, truncated = sheet.planted[Fault.BLURRED], sheet.planted[Fault.TRUNCATED_CAPTION]

    for original, picture, caption in zip(sheet.originals, blurred, truncated, strict=True):
        assert captions[picture] == captions[original]
        assert pictures[picture] != pictures[original]
        assert pictures[caption] == pictures[original]
        assert captions[caption] != captions[original]


def test_swapped_captions_alone_measure_the_same(sheet: Sheet, bench: Bench, originals: list[Original]):
    alone = measure_swapped(bench, originals, ignore)

    rows, whole = alone.planted[Fault.SWAPPED_CAPTION], sheet.planted[Fault.SWAPPED_CAPTION]
    np.testing.assert_array_equal(
        alone.pairs.columns.numbers(ALIGNMENT)[rows], sheet.pairs.columns.numbers(ALIGNMENT)[whole]
    )
    assert list(alone.planted) == [Fault.SWAPPED_CAPTION, Fault.EXACT_COPY]


@pytest.mark.parametrize("was_on", [False, True])
def test_a_switch_that_is_turned_over_is_compared_off_with_on(
    bench: Bench, sheet: Sheet, originals: list[Original], was_on: bool
):
    enhance = EnhanceConfig(unsharp=was_on)
    turned = replace(bench, preprocess=PreprocessConfig(enhance=enhance))
    measured = measure_swapped(turned, originals, ignore) if was_on else sheet
    weights = np.ones((3, len(sheet)), np.int64)
    sample = draw_sample(str(SAMPLE), CONFIG, Wanted(6, seed=0, english_only=True), Takedowns())

    *_, worth = evaluating._weigh_switches(turned, sample, measured, weights, ignore)  # noqa: SLF001 - 3 pictures only

    assert worth.switch == "unsharp"
    assert worth.gain == pytest.approx(worth.auc_on - worth.auc_off)
    off = evaluating._compare("unsharp", sheet, sheet, weights).auc_off  # noqa: SLF001 - see above
    assert worth.auc_off == off


def test_a_policy_of_signals_that_the_encoder_does_not_measure_is_refused():
    config = RunConfig(score=ScoreConfig(encoder="open_clip:ViT-B-32:nowhere.pt"))

    with pytest.raises(ConfigError, match=r"policy 'baseline' goes by baseline\.pair_quality"):
        evaluate(str(SAMPLE), config, Exam([load_policy("baseline")]), ignore)


def test_too_few_pairs_are_exit_code_2_and_the_message_says_how_many(pairsift: Command, tmp_path: Path):
    shard = cut(tmp_path / "a.tar", GOOD)

    code, out, err = pairsift("evaluate", shard, "--json")

    assert (code, out) == (2, "")
    assert "6 of 6 pairs read are usable" in err
    assert "at least 40 are needed" in err


def test_missing_weights_are_exit_code_2(pairsift: Command):
    code, out, err = pairsift("evaluate", SAMPLE, "--encoder", "open_clip:ViT-B-32:nowhere.pt", "--json")

    assert (code, out) == (2, "")
    assert "nowhere.pt" in err


@pytest.mark.parametrize("command", [["evaluate", SAMPLE, "--pairs", 40, "--policy", "nobody"]])
def test_an_unknown_policy_is_exit_code_2(pairsift: Command, command: list[str]):
    assert pairsift(*command)[0] == 2


@pytest.fixture
def given(outcome: Outcome, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """Have the command take an outcome that is there already."""
    worth = evaluating.Worth("clahe", 0.79, 0.81, 0.02, -0.01, 0.05)
    figures = (Estimate(0.83, 0.79, 0.86), Estimate(-0.012, -0.04, 0.02), Estimate(0.1, 0, 0.2), Estimate(0.9, 0.8, 1))
    shaken = evaluating.Robustness(
        "a-head-of-some-name", "pair.fusion_match", [Moved(each, PAIRS, *figures) for each in Perturbation]
    )
    whole = replace(outcome, enhancements=[worth], robustness=[shaken])
    monkeypatch.setattr(evaluating, "evaluate", lambda *_: whole)
    return whole


def test_json_is_one_object_of_all_that_was_measured(pairsift: Command, given: Outcome):
    code, out, _ = pairsift("evaluate", SAMPLE, "--json")

    document = json.loads(out)
    assert code == 0
    assert len(out.splitlines()) == 1
    assert document.keys() == given.document().keys()
    assert document["pairs"] == PAIRS
    assert document["signals"][0].keys() == {"fault", "signal", "faulty_is", "auc", "low", "high", "unmeasurable"}
    assert [each["perturbation"] for each in document["robustness"][0]["perturbed"]] == list(Perturbation)
    assert document["robustness"][0]["perturbed"][0]["auc_lost"] == {"value": -0.012, "low": -0.04, "high": 0.02}
    assert [grade["fault"] for grade in document["policies"][0]["faults"]] == list(Fault)


def test_the_table_fits_80_columns_and_shows_ours_beside_the_reference_method(
    pairsift: Command, given: Outcome, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "80")

    code, out, _ = pairsift("evaluate", SAMPLE)

    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out  # nothing was cut
    assert all(fault in out for fault in Fault)
    assert all(perturbation in out for perturbation in Perturbation)
    for wanted in (
        "baseline.",
        "promise held",
        "clahe",
        "-0.012 (-0.040 to +0.020)",
        "before: 0.830",
        f"{given.pairs} pairs",
        "image_corrupt 40",
    ):
        assert wanted in out
