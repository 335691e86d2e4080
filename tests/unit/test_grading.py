from dataclasses import replace

import numpy as np
import pytest

from pairsift.core.conditions import Rule
from pairsift.core.decontamination import Decontaminate
from pairsift.core.discrimination import resampled_weights
from pairsift.core.examining import Sheet
from pairsift.core.grading import Candidate, PolicyGrade, draw_couples, grade
from pairsift.core.norm_sim import TargetSet, target_set
from pairsift.core.planting import Fault
from pairsift.core.policy import Policy, Target
from pairsift.core.records import Reason
from pairsift.core.selects import Absolute, Fdr, Percentile, Pool
from tests.unit.exam_sheets import embedded_sheet

SHARP = Rule(signal="image.sharpness", lt=20, reason=Reason.BLURRY)
FDR = Policy(name="fdr", version=1, description="", rules=(SHARP,), select=Fdr(method="fdr", alpha=0.1))
ALL = Policy(
    name="all",
    version=2,
    description="",
    rules=(SHARP,),
    duplicates="keep",
    select=Absolute(method="absolute", signal="pair.alignment", ge=-1),
)


def graded(sheet: Sheet, policy: Policy, draws: int = 8, target: TargetSet | None = None) -> PolicyGrade:
    weights = resampled_weights(np.random.default_rng(0), len(sheet), 200)
    chosen = [draw_couples(np.random.default_rng(seed), len(sheet) // 2, 0.3) for seed in range(draws)]
    return grade(sheet, Candidate(policy, target), weights, chosen)


def test_a_policy_that_goes_by_a_target_set_keeps_what_is_near_it():
    sheet = embedded_sheet(1)
    sharp = sheet.pairs.embedded.image[sheet.originals[5:6]].astype(np.float16)  # the first is blurred
    near = Absolute(method="absolute", signal="pair.norm_sim", ge=0.99)
    policy = ALL.model_copy(update={"select": near, "target": Target(name="mine")})

    found = graded(sheet, policy, target=target_set(sharp))

    assert found.clean_kept.share == pytest.approx(1 / len(sheet))
    assert found.clean_reasons == {Reason.BELOW_CUT: 98, Reason.BLURRY: 1}


def test_nothing_is_held_against_evaluation_sets():
    kept_out = ALL.model_copy(update={"decontaminate": Decontaminate(against=("mine",))})

    assert graded(embedded_sheet(1), kept_out).clean_kept == graded(embedded_sheet(1), ALL).clean_kept


@pytest.fixture(scope="module")
def by_fdr() -> PolicyGrade:
    return graded(embedded_sheet(1), FDR)


def test_a_strict_policy_drops_the_swapped_and_says_why():
    strict = FDR.model_copy(update={"select": Fdr(method="fdr", alpha=0.01)})

    swapped, _ = graded(embedded_sheet(1), strict).faults

    assert swapped.fault is Fault.SWAPPED_CAPTION
    assert swapped.recall.share > 0.9
    assert swapped.recall.low <= swapped.recall.share <= swapped.recall.high
    assert swapped.reasons[Reason.LIKELY_MISMATCHED] >= 90
    assert sum(swapped.reasons.values()) == round(swapped.recall.share * 100)


def test_where_one_in_ten_is_swapped_an_alpha_of_a_tenth_lets_nearly_all_pass(by_fdr: PolicyGrade):
    assert by_fdr.faults[0].recall.share < 0.3


def test_every_copy_is_dropped_or_fails_like_its_original(by_fdr: PolicyGrade):
    copies = by_fdr.faults[1]

    assert copies.reasons == {Reason.EXACT_DUPLICATE: 99, Reason.BLURRY: 1}
    assert copies.recall.share == 1


def test_the_originals_are_graded_with_nothing_planted(by_fdr: PolicyGrade):
    assert by_fdr.clean_reasons[Reason.BLURRY] == 1
    assert by_fdr.clean_kept.share == pytest.approx(1 - sum(by_fdr.clean_reasons.values()) / 100)


def test_precision_is_the_share_of_planted_among_all_that_is_not_kept():
    swapped, copies = graded(embedded_sheet(1), ALL).faults

    # The blurred picture is dropped in each of ten turns: in nine as itself, in one as the planted pair.
    assert swapped.recall.share == 0.01
    assert swapped.precision == pytest.approx(1 / 10)
    # A copy comes besides its original: eleven drops, one of them planted.
    assert copies.recall.share == 0.01
    assert copies.precision == pytest.approx(1 / 11)


def test_a_policy_that_keeps_all_has_no_precision():
    kept = graded(embedded_sheet(1), ALL.model_copy(update={"rules": ()}))

    assert [fault.precision for fault in kept.faults] == [None, None]
    assert kept.clean_kept.share == 1


@pytest.mark.parametrize("pool", [Pool.RUN, Pool.CALIBRATION])
def test_pools_beyond_a_partition_are_those_of_the_exam(pool: Pool):
    select = Percentile(method="percentile", signal="pair.alignment", percentile=50, pool=pool)

    kept = graded(embedded_sheet(1), ALL.model_copy(update={"rules": (), "select": select})).clean_kept

    assert kept.share == pytest.approx(0.5, abs=0.02)


def test_only_fdr_makes_a_promise(by_fdr: PolicyGrade):
    assert graded(embedded_sheet(1), ALL).promise is None
    assert by_fdr.promise is not None
    assert (by_fdr.promise.alpha, by_fdr.promise.draws) == (0.1, 8)
    assert by_fdr.promise.swapped == pytest.approx(0.3)


def test_the_promise_is_held_where_swapped_captions_look_unrelated(by_fdr: PolicyGrade):
    promise = by_fdr.promise

    assert promise is not None
    assert promise.held
    assert promise.low <= promise.true_fdr <= promise.high
    assert promise.unswapped_kept > 0.8


def test_the_promise_is_broken_where_the_swapped_look_as_good_as_the_others():
    sheet = embedded_sheet(1)
    rows = np.concatenate([sheet.originals] * 3)
    text = sheet.pairs.embedded.text[rows]
    forged = replace(sheet.pairs, embedded=replace(sheet.pairs.embedded, text=text))

    promise = graded(replace(sheet, pairs=forged), FDR).promise

    assert promise is not None
    assert promise.true_fdr == pytest.approx(0.3, abs=0.05)
    assert not promise.held


@pytest.mark.parametrize(("share", "chosen"), [(0.3, 15), (0.001, 1), (0.9, 45)])
def test_a_draw_swaps_a_share_of_the_couples(share: float, chosen: int):
    assert draw_couples(np.random.default_rng(0), 50, share).sum() == chosen


def test_grades_repeat():
    assert graded(embedded_sheet(2), FDR) == graded(embedded_sheet(2), FDR)
