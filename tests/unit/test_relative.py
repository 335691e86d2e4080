import math

import numpy as np
import pytest

from pairsift.core.calibration import (
    Calibration,
    EmbeddedPairs,
    calibration_of,
    contrast,
    decision_basis,
    draw_calibration,
    references_basis,
    target_of,
)
from pairsift.core.columns import to_columns
from pairsift.core.explaining import explain_rule
from pairsift.core.judgements import REASONS
from pairsift.core.norm_sim import TargetSet, target_set
from pairsift.core.policy import Policy
from pairsift.core.records import Reason
from pairsift.core.relative import (
    References,
    complete,
    copies_rest_on,
    frozen_pools,
    relative_identities,
    relative_signals,
)

BY_LOSS = {"method": "top_fraction", "signal": "pair.neg_clip_loss", "fraction": 0.5, "pool": "calibration"}
BY_NEARNESS = {"signal": "pair.norm_sim", "lt": 0.2, "reason": "policy_rule"}
BOTH = {"rules": [BY_NEARNESS], "select": BY_LOSS, "target": {"name": "mine"}}
COUNT = 20


def policy(**content: object) -> Policy:
    given = {"name": "mine", "version": 1, "description": "", "select": {"method": "fdr", "alpha": 0.1}}
    return Policy.model_validate(given | content)


@pytest.fixture
def pairs() -> EmbeddedPairs:
    rows = np.random.default_rng(3).normal(size=(2, COUNT, 8))
    image, text = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in rows)
    names = [f"{number:02d}" for number in range(COUNT)]
    return EmbeddedPairs(names, names, names, image, text, {"pair.alignment": (image * text).sum(axis=1)})


@pytest.fixture
def calibration(pairs: EmbeddedPairs) -> Calibration:
    made = draw_calibration(pairs, np.arange(12), "score")
    assert made is not None
    return made


@pytest.fixture
def target(pairs: EmbeddedPairs) -> TargetSet:
    return target_set(pairs.image[:1].astype(np.float16))


def every(pairs: EmbeddedPairs) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.ones(len(pairs.uids), dtype=np.bool_)


def test_only_what_a_policy_goes_by_is_computed(pairs: EmbeddedPairs, calibration: Calibration, target: TargetSet):
    references = References(calibration, target)

    assert relative_signals(policy(), references, pairs, every(pairs)) == {}
    assert relative_signals(policy(**BOTH), references, pairs, every(pairs)).keys() == {
        "pair.neg_clip_loss",
        "pair.norm_sim",
    }


def test_a_picture_is_near_a_target_set_whatever_its_caption(
    pairs: EmbeddedPairs, calibration: Calibration, target: TargetSet
):
    pairs.image[5], pairs.text[7] = np.nan, np.nan
    eligible = np.isfinite(pairs.image).all(axis=1) & np.isfinite(pairs.text).all(axis=1)

    found = relative_signals(policy(**BOTH), References(calibration, target), pairs, eligible)

    assert np.flatnonzero(np.isnan(found["pair.neg_clip_loss"])).tolist() == [5, 7]
    assert np.flatnonzero(np.isnan(found["pair.norm_sim"])).tolist() == [5]
    assert found["pair.norm_sim"][0] == pytest.approx(1, abs=1e-3)


def test_the_temperature_is_the_policys(pairs: EmbeddedPairs, calibration: Calibration):
    found = relative_signals(policy(select=BY_LOSS, temperature=0.2), References(calibration), pairs, every(pairs))

    warm = contrast(calibration, pairs, every(pairs), 0.2)
    np.testing.assert_array_equal(found["pair.neg_clip_loss"], warm)
    assert not np.array_equal(warm, contrast(calibration, pairs, every(pairs), 0.01))
    assert policy(select=BY_LOSS).tau == 0.01


def test_without_a_calibration_there_is_no_loss(pairs: EmbeddedPairs):
    found = relative_signals(policy(select=BY_LOSS), References(), pairs, every(pairs))

    assert np.isnan(found["pair.neg_clip_loss"]).all()


def test_the_pool_of_the_calibration_has_the_losses_of_its_own_pairs(pairs: EmbeddedPairs, calibration: Calibration):
    chosen = policy(select=BY_LOSS)
    own = relative_signals(chosen, References(calibration), pairs, every(pairs))["pair.neg_clip_loss"][:12]

    ((_, values),) = frozen_pools(chosen, References(calibration)).items()

    assert sorted(values) == pytest.approx(sorted(own), abs=1e-9)
    assert frozen_pools(chosen, References()) == {}
    assert frozen_pools(policy(), References(calibration)) == {}


def test_why_a_relative_signal_is_absent_is_what_the_alignment_says():
    unmeasurable = [{"pair.alignment": Reason.LANGUAGE_UNSUPPORTED}, {}, {}]
    columns = to_columns(3, {"pair.alignment": [None, 0.3, 0.4]}, unmeasurable)

    whole = complete(columns, {"pair.neg_clip_loss": np.array([math.nan, math.nan, -0.1])})

    codes = whole.why_absent("pair.neg_clip_loss").tolist()
    assert [REASONS[code] for code in codes] == [Reason.LANGUAGE_UNSUPPORTED, Reason.SIGNAL_UNMEASURABLE, None]
    np.testing.assert_array_equal(whole.numbers("pair.neg_clip_loss"), [math.nan, math.nan, -0.1])


def test_what_a_relative_signal_depends_on_has_a_name():
    basis = decision_basis(references_basis("cal", "tar"), "pools")
    chosen = policy(**BOTH)

    named = relative_identities(chosen, basis)

    assert named == relative_identities(chosen, references_basis("cal", "tar"))  # whatever the pools are
    loss, near = "pair.neg_clip_loss", "pair.norm_sim"
    assert named[near] == relative_identities(chosen, references_basis("other", "tar"))[near]
    assert named[loss] == relative_identities(chosen, references_basis("cal", "other"))[loss]
    others = [
        relative_identities(chosen, references_basis("other", "other")),
        relative_identities(policy(**BOTH | {"temperature": 0.5, "target": {"name": "mine", "norm": 2}}), basis),
    ]
    assert all(named[signal] != other[signal] for other in others for signal in named)
    assert relative_identities(policy(), basis) == {}


def test_copies_rest_on_what_rules_and_what_spares_from_them_compare_with():
    spared = BY_NEARNESS | {"signal": "image.width", "unless": {"signal": "pair.neg_clip_loss", "ge": -0.1}}
    chosen = policy(**BOTH)
    basis = references_basis("cal", "tar")

    assert copies_rest_on(chosen, basis) == copies_rest_on(chosen, references_basis("other", "tar"))
    assert copies_rest_on(chosen, basis) != copies_rest_on(chosen, references_basis("cal", "other"))
    assert copies_rest_on(policy(select=BY_LOSS), basis) == {}
    assert list(copies_rest_on(policy(rules=[spared]), basis)) == ["pair.neg_clip_loss"]


@pytest.mark.parametrize(
    ("parts", "basis"),
    [
        ((None,), "none"),
        (("cal",), "cal"),
        (("cal", None, "pools"), "cal+pools"),
        ((None, "tar"), "none@tar"),
        (("cal", "tar", "pools"), "cal@tar+pools"),
    ],
)
def test_a_basis_is_read_back_and_one_without_a_target_set_is_as_ever(parts: tuple[str | None, ...], basis: str):
    calibration, target, pools = (*parts, None, None)[:3]
    assert decision_basis(references_basis(calibration, target), pools or "") == basis
    assert calibration_of(basis) == (parts[0] or "none")
    assert target_of(basis) == (parts[1] if len(parts) > 1 else None)


def test_rules_that_compare_with_the_reference_set_wait_for_it():
    tiny = {"signal": "image.width", "lt": 64, "reason": "image_too_small"}
    spared = tiny | {"unless": {"signal": "pair.neg_clip_loss", "ge": -0.1}}
    chosen = policy(rules=[tiny, BY_NEARNESS, spared], target={"name": "mine"})

    assert [rule.signal for rule in chosen.before_calibration.rules] == ["image.width"]


def test_a_rule_on_a_relative_signal_is_told_with_its_value_or_why_it_has_none():
    chosen = policy(rules=[BY_NEARNESS], target={"name": "mine"})

    assert explain_rule(chosen, {"pair.norm_sim": 0.1}, {}) == (
        "rule 1: pair.norm_sim = 0.1; pair.norm_sim < 0.2 [cosine, 0–1, or their norm] → drop (policy_rule)"
    )
    assert explain_rule(chosen, {"pair.norm_sim": 0.2}, {}) is None
    untold = explain_rule(chosen, {}, {"pair.alignment": Reason.LANGUAGE_UNSUPPORTED})
    assert untold is not None
    assert untold.endswith("→ quarantine (language_unsupported)")
