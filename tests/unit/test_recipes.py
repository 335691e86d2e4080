"""Shipped policies that follow a published recipe decide as it does, boundaries, ties and absent values included."""

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from pairsift.adapters.policies import load_policy, shipped_policies
from pairsift.core.calibration import Calibrated
from pairsift.core.columns import to_columns
from pairsift.core.copy_kinds import Duplicates
from pairsift.core.deciding import decide
from pairsift.core.judging import PairTable, judge_alone
from pairsift.core.policy import Policy, Target
from pairsift.core.records import Reason, SignalValue
from pairsift.core.selection import pool_values

DOCS = Path(__file__).parents[2] / "docs"
SHIPPED = shipped_policies()
RECIPES = [policy.name for policy in SHIPPED if policy.name not in {"baseline", "default"}]
GOOD: Mapping[str, SignalValue] = {
    "image.width": 640,
    "image.height": 480,
    "image.aspect_ratio": 4 / 3,
    "image.bytes": 80_000,
    "image.sharpness": 900.0,
    "image.brightness_p5": 0.2,
    "image.brightness_p99": 0.9,
    "image.entropy": 7.0,
    "image.chroma": 0.1,
    "text.characters": 27,
    "text.words": 6,
    "text.language": "en",
    "text.semantic_consistency": 0.5,
    "pair.alignment": 0.5,
    "pair.alignment_masked": 0.5,
    "pair.neg_clip_loss": -0.05,
    "pair.norm_sim": 0.5,
}


def decided(name: str, *pairs: Mapping[str, SignalValue]) -> list[str]:
    """Decide good pairs with these changes, all of one run; tell `keep` or the reason of each."""
    policy, rows = load_policy(name), [{**GOOD, **changes} for changes in pairs]
    signals = {signal: [row[signal] for row in rows] for signal in GOOD}
    table = PairTable([str(place) for place in range(len(rows))], to_columns(len(rows), signals, [{}] * len(rows)))
    survivors = judge_alone(table, policy).kept
    pools = {request: pool_values(table.columns, survivors, request) for request in policy.pools}
    unknown = np.full(len(rows), np.nan)
    return [row.reason or row.verdict for row in decide(table, policy, Calibrated(unknown, unknown), pools)]


def by(signal: str, values: Sequence[float]) -> list[dict[str, SignalValue]]:
    return [{signal: value} for value in values]


BASIC = [
    ({"image.width": 200, "image.height": 200, "image.aspect_ratio": 1.0}, "keep"),
    ({"image.width": 199}, "image_too_small"),
    ({"image.height": 199}, "image_too_small"),
    ({"image.aspect_ratio": 3.0}, "keep"),  # the code's `<= 3.0`; the paper says "below three"
    ({"image.aspect_ratio": 3.0001}, "odd_aspect_ratio"),
    ({"text.words": 3}, "keep"),
    ({"text.words": 2}, "caption_too_short"),
    ({"text.characters": 6}, "keep"),
    ({"text.characters": 5}, "caption_too_short"),
    ({"text.language": "de"}, "wrong_language"),
    ({"text.language": None}, "keep"),  # no letter, no language
]


@pytest.mark.parametrize(("changes", "said"), BASIC)
@pytest.mark.parametrize("name", ["datacomp-basic", "datacomp-basic-and-clip-top-30"])
def test_the_basic_filter_is_that_of_datacomp(name: str, changes: dict[str, SignalValue], said: str):
    assert decided(name, changes) == [said]


def test_the_basic_filter_keeps_whatever_the_cosine_and_copies():
    assert decided("datacomp-basic", {"pair.alignment": -1.0}, {"pair.alignment": None}) == ["keep", "keep"]
    assert load_policy("datacomp-basic").duplicates == Duplicates(exact="keep")


@pytest.mark.parametrize(
    ("cosines", "kept"),
    [
        # n = int(10 × 0.3) = 3: the cut is the value after the three highest, so four are kept
        ([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0], 4),
        # and all that tie with it
        ([0.9, 0.8, 0.7, 0.6, 0.6, 0.6, 0.3, 0.2, 0.1, 0.0], 6),
        # n = int(3 × 0.3) = 0: the highest
        ([0.3, 0.2, 0.1], 1),
        # a NaN counts in N: int(10 × 0.3) = 3 of ten, of which seven have a value
        ([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, np.nan, np.nan, np.nan], 4),
    ],
)
def test_the_best_thirty_percent_are_counted_as_in_datacomp_s_code(cosines: list[float], kept: int):
    said = decided("clip-top-30", *by("pair.alignment", cosines))

    below = ["signal_unmeasurable" if np.isnan(cosine) else "below_cut" for cosine in cosines[kept:]]
    assert said == ["keep"] * kept + below


def test_the_intersection_takes_its_threshold_before_the_basic_filter():
    # Of ten pairs the four best are kept (n + 1); two of them fail the basic filter and no others take their place.
    cosines = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0]
    pairs = by("pair.alignment", cosines)
    pairs[0]["text.words"] = 1
    pairs[2]["image.width"] = 100

    said = decided("datacomp-basic-and-clip-top-30", *pairs)

    assert said == ["caption_too_short", "keep", "image_too_small", "keep", *["below_cut"] * 6]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pair.alignment": 0.28}, "keep"),
        ({"pair.alignment": 0.2799}, "below_cut"),
        ({"pair.alignment": np.nan}, "signal_unmeasurable"),
        ({"text.language": "fr"}, "wrong_language"),
        ({"text.words": 1, "image.width": 10}, "keep"),
    ],
)
def test_laion_2b_asks_for_english_and_a_cosine(changes: dict[str, SignalValue], said: str):
    assert decided("laion-2b", changes) == [said]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pair.alignment": 0.3}, "keep"),
        ({"pair.alignment": 0.2999}, "below_cut"),
        ({"pair.alignment": np.nan}, "signal_unmeasurable"),
        ({"text.characters": 5}, "keep"),
        ({"text.characters": 4}, "caption_too_short"),
        ({"image.bytes": 5_000}, "keep"),
        ({"image.bytes": 4_999}, "image_file_too_small"),
        ({"text.language": "fr"}, "keep"),
    ],
)
def test_laion_400m_has_three_floors(changes: dict[str, SignalValue], said: str):
    assert decided("laion-400m", changes) == [said]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"image.brightness_p99": 0.32}, "keep"),
        ({"image.brightness_p99": 0.3199}, "dark"),
        ({"image.brightness_p5": 0.95}, "keep"),
        ({"image.brightness_p5": 0.9501}, "light"),
        ({"image.aspect_ratio": 100 / 35}, "keep"),  # a short side of exactly 0.35
        ({"image.aspect_ratio": 100 / 34}, "odd_aspect_ratio"),
        ({"image.entropy": 1.415}, "keep"),
        ({"image.entropy": 1.4149}, "low_information"),
        ({"image.sharpness": 2.5}, "keep"),
        ({"image.sharpness": 2.49}, "blurry"),
        ({"image.chroma": 0.0001}, "keep"),
        ({"image.chroma": 0.0}, "grayscale"),
        ({"text.language": "fr", "text.words": 1, "pair.alignment": None}, "keep"),
    ],
)
def test_cleanvision_tells_of_its_issues_by_name(changes: dict[str, SignalValue], said: str):
    assert decided("cleanvision", changes) == [said]


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0], 2),
        ([0.9, 0.8, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0], 3),
        ([0.9, 0.8, 0.7, 0.6, 0.5, np.nan], 1),  # a fifth of the five that have a value
    ],
)
def test_the_sieve_like_policy_keeps_the_best_fifth(values: list[float], kept: int):
    said = decided("sieve-like", *by("text.semantic_consistency", values))

    below = ["signal_unmeasurable" if np.isnan(value) else "below_cut" for value in values[kept:]]
    assert said == ["keep"] * kept + below


def test_the_sieve_like_policy_ranks_all_pairs_of_the_run():
    policy = load_policy("sieve-like")

    assert [(request.pool, request.among) for request in policy.pools] == [("run", "all")]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pair.alignment_masked": 0.281, "pair.alignment": 0.0}, "keep"),
        ({"pair.alignment_masked": 0.2809, "pair.alignment": 0.9}, "below_cut"),
        ({"pair.alignment_masked": np.nan}, "signal_unmeasurable"),
        ({"text.language": "fr", "image.width": 10}, "keep"),
    ],
)
def test_t_mars_asks_for_a_cosine_without_the_text(changes: dict[str, SignalValue], said: str):
    assert decided("t-mars", changes) == [said]


@pytest.mark.parametrize(
    ("losses", "kept"),
    [
        ([-0.01, -0.02, -0.03, -0.04, -0.05, -0.06, -0.07, -0.08, -0.09, -0.1], 3),
        ([-0.01, -0.02, -0.03, -0.03, -0.05, -0.06, -0.07, -0.08, -0.09, -0.1], 4),
        ([-0.01, -0.02, -0.03, -0.04, np.nan, np.nan], 2),  # ⌈0.3 × 4⌉ of the four that have a value
    ],
)
def test_the_best_thirty_percent_by_negcliploss_are_kept(losses: list[float], kept: int):
    said = decided("negcliploss", *by("pair.neg_clip_loss", losses))

    below = ["signal_unmeasurable" if np.isnan(loss) else "below_cut" for loss in losses[kept:]]
    assert said == ["keep"] * kept + below


@pytest.mark.parametrize(
    ("nearness", "kept"),
    [
        # Of the first three (30 %) the nearest two (20 % of ten), however near the others are.
        ([0.1, 0.3, 0.2, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9], [1, 2]),
        ([0.2, 0.3, 0.2, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9], [0, 1, 2]),
        # One without a value is none of the n: ⌈0.2 × 9⌉ = 2 of the two left.
        ([np.nan, 0.3, 0.2, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9], [1, 2]),
    ],
)
def test_of_the_best_by_negcliploss_the_nearest_to_the_target_are_kept(nearness: list[float], kept: list[int]):
    losses = [-0.01, -0.02, -0.03, -0.04, -0.05, -0.06, -0.07, -0.08, -0.09, -0.1]
    pairs: list[dict[str, SignalValue]] = [
        {"pair.neg_clip_loss": loss, "pair.norm_sim": near} for loss, near in zip(losses, nearness, strict=True)
    ]

    said = decided("negcliploss-and-normsim", *pairs)

    assert [place for place, word in enumerate(said) if word == "keep"] == kept
    assert set(said[3:]) == {"below_cut"}


def test_negcliploss_is_that_of_openai_and_normsim_that_of_the_nearest():
    policy = load_policy("negcliploss-and-normsim")

    assert policy.needs_calibration
    assert policy.tau == load_policy("negcliploss").tau == 0.01
    assert policy.target == Target(name="downstream", norm="inf")
    assert {(request.pool, request.among) for request in policy.pools} == {("run", "all")}


@pytest.mark.parametrize(
    ("name", "encoder", "meant"),
    [
        ("clip-top-30", "open_clip:ViT-L-14:openai", True),
        ("clip-top-30", "open_clip:ViT-L-14-quickgelu:openai", True),
        ("clip-top-30", "conse", False),
        ("laion-2b", "open_clip:ViT-B-32:openai", True),
        ("laion-2b", "open_clip:ViT-B-32:laion2b_s34b_b79k", False),
        ("laion-400m", "open_clip:ViT-B-32-quickgelu:openai", True),
        ("sieve-like", "conse", True),
        ("t-mars", "open_clip:ViT-B-32:openai", True),
        ("negcliploss", "open_clip:ViT-B-32:openai", True),
        ("negcliploss-and-normsim", "open_clip:ViT-L-14:openai", True),
        ("negcliploss", "conse", False),
        ("datacomp-basic", "conse", True),
    ],
)
def test_a_policy_says_which_encoder_its_numbers_are_for(name: str, encoder: str, meant: bool):
    assert load_policy(name).is_meant_for(encoder) is meant


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_names_its_source_and_what_it_follows(name: str):
    text = files("pairsift").joinpath(f"policies/{name}.yaml").read_text(encoding="utf-8")
    comments = " ".join(line.removeprefix("#").strip() for line in text.splitlines() if line.startswith("#"))

    assert re.search(r"arXiv \d{4}\.\d{5}|cleanvision \d", comments)
    assert re.search(r"[Aa]s in the (code|paper)", comments)


@pytest.mark.parametrize("policy", SHIPPED, ids=lambda policy: policy.name)
def test_a_shipped_policy_has_its_row_in_the_docs(policy: Policy):
    rows = (DOCS / "policies.md").read_text(encoding="utf-8").splitlines()

    assert any(row.startswith(f"| [`{policy.name}`](../pairsift/policies/{policy.name}.yaml) |") for row in rows)


@pytest.mark.parametrize("name", ["baseline", "default"])
def test_our_own_policies_are_no_recipes(name: str):
    assert name not in RECIPES
    assert load_policy(name).encoder is None


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_keeps_a_good_pair(name: str):
    assert decided(name, {}) == ["keep"]


def test_every_reason_that_a_recipe_gives_is_known():
    given = {rule.reason for policy in SHIPPED for rule in policy.rules}

    assert given <= set(Reason)
