from pathlib import Path

import pytest

from pairsift.adapters.policies import load_policy, shipped_policies
from pairsift.core.copy_kinds import Duplicates
from pairsift.core.explaining import explain_rule
from pairsift.core.policy_versions import write_policy
from pairsift.core.records import Cleaner, SignalValue
from pairsift.core.selects import Fdr, TopFraction
from pairsift.errors import ConfigError

MINE = """\
# A comment
name: mine
version: 3
description: Keeps the best.
rules:
  - {signal: image.width, lt: 64, reason: image_too_small}
select: {method: fdr, alpha: 0.1}
"""


def write(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_shipped_policies_are_named_as_their_files():
    policies = shipped_policies()

    assert [policy.name for policy in policies] == [
        "baseline",
        "cleanvision",
        "clip-top-30",
        "datacomp-basic-and-clip-top-30",
        "datacomp-basic",
        "default",
        "laion-2b",
        "laion-400m",
        "negcliploss-and-normsim",
        "negcliploss",
        "sieve-like",
        "t-mars",
    ]
    assert [load_policy(policy.name) for policy in policies] == policies


def test_default_promises_five_percent():
    policy = load_policy("default")

    assert policy.select == Fdr(method="fdr", alpha=0.05)
    assert (policy.cleaner, policy.duplicates) == (Cleaner.DEFAULT, Duplicates(exact="drop"))


def test_baseline_ranks_by_the_product_and_has_no_rule():
    policy = load_policy("baseline")

    assert policy.select == TopFraction(method="top_fraction", signal="baseline.pair_quality", fraction=0.5)
    assert (policy.cleaner, policy.duplicates, policy.rules) == (Cleaner.BASELINE, Duplicates(exact="keep"), ())


def test_reads_a_file(tmp_path: Path):
    policy = load_policy(write(tmp_path, MINE))

    assert (policy.name, policy.version) == ("mine", 3)


def test_comments_and_layout_are_not_content(tmp_path: Path):
    compact = MINE.replace("# A comment\n", "").replace("{method: fdr, alpha: 0.1}", "\n  alpha: 1.0e-1\n  method: fdr")

    commented = load_policy(write(tmp_path, MINE))

    assert load_policy(write(tmp_path, compact)).sha256 == commented.sha256


@pytest.mark.parametrize("changed", ["version: 2", "version: 1\nencoder: conse"])
def test_a_file_that_takes_a_shipped_policy_s_name_for_something_else_is_refused(tmp_path: Path, changed: str):
    taken = write_policy(load_policy("default")).replace("version: 1", changed)

    with pytest.raises(ConfigError, match=r"is called 'default' as one that Pairsift ships.* name: my-default;"):
        load_policy(write(tmp_path, taken))


def test_a_file_that_says_what_the_shipped_policy_says_is_that_policy_whatever_drift_it_warns_of(tmp_path: Path):
    text = write_policy(load_policy("default")) + "drift: {warn: {psi: 0.4}}\n"

    assert load_policy(write(tmp_path, text)).sha256 == load_policy("default").sha256


def test_an_unknown_name_lists_the_shipped_ones():
    with pytest.raises(ConfigError, match=r"no policy 'defalt': .*\(baseline, .*, t-mars\); did you mean 'default'\?"):
        load_policy("defalt")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MINE.replace("select:", "selection:"), r"unknown key 'selection'; did you mean 'select'\?"),
        (
            MINE.replace("image.width", "image.with"),
            r"rules\.0\.signal: there is no signal image\.with; .*'image\.width'",
        ),
        (MINE.replace("image_too_small", "tiny"), r"rules\.0\.reason: .*'image_too_small'.*got 'tiny'"),
        (MINE.replace("lt: 64, ", ""), r"rules\.0: compare image\.width with exactly one of .*given: none"),
        (MINE.replace("0.1}", "5}"), r"select\.fdr\.alpha: .*less than 1 \(got 5\)"),
        (MINE.replace("version: 3", "version: three"), r"version: .*valid integer.*got 'three'"),
        ("name: [", "cannot read policy .*mine.yaml"),
        ("", "mine.yaml is not usable: top level"),
        ("just words", "mine.yaml is not usable: top level"),
    ],
)
def test_says_which_file_and_which_key_are_wrong(tmp_path: Path, text: str, said: str):
    path = write(tmp_path, text)

    with pytest.raises(ConfigError, match=said) as caught:
        load_policy(path)

    assert "mine.yaml" in str(caught.value)


def test_a_file_of_another_encoding_is_refused(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(MINE.replace("Keeps", "Behält").encode("latin-1"))

    with pytest.raises(ConfigError, match="cannot read policy"):
        load_policy(str(path))


GOOD: dict[str, SignalValue] = {
    "image.width": 64,
    "image.height": 64,
    "image.aspect_ratio": 5.0,
    "image.brightness": 0.5,
    "image.contrast": 0.02,
    "image.entropy": 0.25,
    "image.sharpness": 20.0,
    "text.words": 2,
    "text.language": "en",
    "text.share_removed": 0.49,
    "text.filename_likeness": 0.49,
    "text.url_likeness": 0.49,
    "text.code_likeness": 0.49,
}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"image.brightness": 0.0157},
        {"image.brightness": 0.992},
        {"text.words": 1, "text.language": "zh"},
    ],
)
def test_default_lets_pass_what_lies_on_its_thresholds(change: dict[str, SignalValue]):
    assert explain_rule(load_policy("default"), GOOD | change, {}) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"image.width": 63}, "image_too_small"),
        ({"image.height": 63}, "image_too_small"),
        ({"image.aspect_ratio": 5.01}, "odd_aspect_ratio"),
        ({"image.brightness": 0.0156}, "dark"),
        ({"image.brightness": 0.9921}, "light"),
        ({"image.entropy": 0.249}, "low_information"),
        ({"image.contrast": 0.019}, "low_information"),
        ({"image.sharpness": 19.9}, "blurry"),
        ({"text.filename_likeness": 0.5, "text.words": 1}, "caption_is_filename"),
        ({"text.url_likeness": 0.5, "text.words": 1}, "caption_is_url"),
        ({"text.code_likeness": 0.5}, "caption_is_code"),
        ({"text.share_removed": 0.5}, "caption_mostly_removed"),
        ({"text.words": 1}, "caption_too_short"),
    ],
)
def test_default_drops_what_lies_beyond_them(change: dict[str, SignalValue], reason: str):
    explained = explain_rule(load_policy("default"), GOOD | change, {})

    assert explained is not None
    assert explained.endswith(f"→ drop ({reason})")
