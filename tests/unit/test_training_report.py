from pairsift.report.training import render_training

METRICS = {
    **{
        f"{stem}_{kind}{end}": 0.75
        for stem in ("auc", "z", "cosine", "head_over_z")
        for kind in ("swapped", "hard")
        for end in ("", "_low", "_high")
    },
    "auc_swapped": 0.875,
    "trained_on": 100,
    "judged_on": 25,
    "calibration_error": 0.0312,
}
OUTCOME = {
    "name": "cats",
    "encoder": "conse",
    "shape": {"form": "tokens"},
    "data": {"from": "data set <b>cats</b>"},
    "metrics": METRICS,
    "curve": [
        {"epoch": 1, "matching": 0.5, "contrast": 1.5, "auc": 0.75},
        {"epoch": 2, "matching": 0.4, "contrast": 1.2, "auc": 0.4},
    ],
    "reliability": [{"said": 0.85, "true": 0.75, "weight": 0.5}],
}


def test_draws_figures_curve_and_reliability():
    text = render_training(OUTCOME)

    assert "| this head | 0.875 (0.750 to 0.750) | 0.750 (0.750 to 0.750) |" in text
    assert f"| 1 | 0.500 | 1.500 | 0.750 | {'█' * 20} |" in text
    assert "| 2 | 0.400 | 1.200 | 0.400 |  |" in text
    assert "| 0.85 | 0.75 | 0.50 |" in text
    assert "off by 0.031 in the mean" in text


def test_hostile_names_are_text():
    assert "<b>" not in render_training(OUTCOME)
