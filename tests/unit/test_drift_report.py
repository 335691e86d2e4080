from typing import Any

import pytest

from pairsift.core.drift import Drift, Finding
from pairsift.core.drift_policy import DriftPolicy
from pairsift.report.drifting import summarise_drift, tell_drift, tell_failures

DARK = Finding("image.brightness", before=0.50612, now=0.15703, p=1e-9, q=2e-8, psi=0.414, ks=0.353)
FRENCH = Finding("text.language", before="en", now="fr", p=1e-9, q=2e-8, psi=1.2, ks=0.6)
KEPT = Finding("keep_rate", before=0.641, now=0.521, p=1e-3, q=2e-3, points=-12.0)
STILL = Finding("text.words", before=9.0, now=9.0, p=0.5, q=0.6, psi=0.01, ks=0.02)


def drift(*moved: str, level: str = "warn") -> Drift:
    return Drift(75, 150, level, moved, (DARK, STILL, FRENCH, KEPT), DriftPolicy())


@pytest.mark.parametrize(
    ("moved", "most", "told"),
    [
        ((), 3, "none"),
        (("image.brightness",), 3, "image.brightness PSI 0.41, KS 0.35 (0.506 → 0.157)"),
        (("text.language",), 3, "text.language PSI 1.20, KS 0.60 (en → fr)"),
        (("keep_rate",), 3, "keep_rate -12.0 points (64.1 % → 52.1 %)"),
        (("text.language", "image.brightness", "keep_rate"), 1, "text.language PSI 1.20, KS 0.60 (en → fr) and 2 more"),
    ],
)
def test_what_moved_is_told_with_its_size_and_both_values(moved: tuple[str, ...], most: int, told: str):
    assert tell_drift(drift(*moved).as_json(), most) == told


def test_a_summary_keeps_of_each_comparison_what_moved():
    summary: dict[str, Any] = summarise_drift(2, 5, [("a", drift("image.brightness"))])

    (entry,) = summary["moved"]
    assert (summary["window"], summary["compared"]) == (2, 5)
    assert (entry["partition"], entry["level"], entry["pairs"], entry["reference_pairs"]) == ("a", "warn", 75, 150)
    assert [finding["name"] for finding in entry["findings"]] == ["image.brightness"]
    assert entry["told"].startswith("image.brightness PSI 0.41")


def test_failures_name_the_partition_or_the_run_what_moved_and_how_far():
    fails = drift("image.brightness", level="fail")
    summary = summarise_drift(1, 3, [(None, fails), ("a", drift("keep_rate")), ("b", fails)])

    assert tell_failures(summary) == (
        "drift in the run as a whole: image.brightness PSI 0.41, KS 0.35 (0.506 → 0.157); "
        "drift in b: image.brightness PSI 0.41, KS 0.35 (0.506 → 0.157)"
    )


def test_warnings_fail_no_run():
    assert tell_failures(summarise_drift(1, 1, [("a", drift("keep_rate"))])) == ""
    assert tell_failures(summarise_drift(None, 0, [])) == ""
