from xml.etree import ElementTree as ET

import pytest

from pairsift.report.histogram import Bin, Scale, draw_histogram, round_step

SVG = "{http://www.w3.org/2000/svg}"
BINS = [Bin(0.1, 0, 4), Bin(0.2, 3, 1), Bin(0.3, 8, 0)]


def drawn(bins: list[Bin], title: str = "Alignment") -> ET.Element:
    return ET.fromstring(draw_histogram(bins, 0.1, title, "alignment"))


def texts(picture: ET.Element) -> list[str]:
    return [element.text or "" for element in picture.iter(f"{SVG}text")]


def bars(picture: ET.Element, css: str) -> list[ET.Element]:
    """The boxes of one colour, without that of the legend."""
    return [box for box in picture.iter(f"{SVG}rect") if box.get("class") == css and box.get("rx") is None]


def test_the_picture_is_700_px_wide():
    assert drawn(BINS).get("width") == "700"


def test_every_bar_is_as_high_as_its_pairs():
    kept = bars(drawn(BINS), "kept")
    not_kept = bars(drawn(BINS), "not-kept")

    assert [float(box.get("height", 0)) / float(kept[0].get("height", 1)) for box in kept] == pytest.approx(
        [1, 8 / 3], rel=1e-3
    )
    assert float(not_kept[0].get("height", 0)) == pytest.approx(4 * float(not_kept[1].get("height", 0)), abs=0.02)


def test_what_was_not_kept_stands_on_what_was_kept():
    picture = drawn([Bin(0.2, 3, 1)])
    (kept,), (not_kept,) = bars(picture, "kept"), bars(picture, "not-kept")

    assert float(not_kept.get("y", 0)) + float(not_kept.get("height", 0)) == pytest.approx(float(kept.get("y", 0)))


def test_the_legend_counts_both_and_the_title_stands_above():
    shown = texts(drawn([Bin(0.1, 1200, 30), Bin(0.2, 0, 4)], "Alignment of cc12m"))

    assert {"kept 1,200", "not kept 34", "Alignment of cc12m", "alignment", "pairs"} <= set(shown)


def test_a_hostile_title_is_text():
    picture = drawn(BINS, 'a</text><script>alert("1")</script>\u202eb')

    assert list(picture.iter(f"{SVG}script")) == []
    assert 'a</text><script>alert("1")</script>\\u{202e}b' in texts(picture)


def test_a_long_title_is_cut():
    assert max(map(len, texts(drawn(BINS, "x" * 200)))) == 70


def test_without_any_pair_the_picture_says_so():
    assert "nothing was measured" in texts(drawn([]))


def test_a_lone_bar_fills_the_picture():
    (box,) = bars(drawn([Bin(0.3, 5, 0)]), "kept")

    assert float(box.get("width", 0)) > 500


def test_bars_that_are_left_out_leave_their_place_empty():
    first, last = bars(drawn([Bin(0.1, 1, 0), Bin(0.5, 1, 0)]), "kept")

    gap = float(last.get("x", 0)) - float(first.get("x", 0))
    assert gap == pytest.approx(4 * (float(first.get("width", 0)) + 1), rel=1e-3)


@pytest.mark.parametrize(
    ("span", "step"), [(1.1, 0.2), (0.7, 0.1), (7, 1), (8, 2), (34, 5), (36, 10), (5200, 1000), (3_400_000, 500_000)]
)
def test_ticks_are_round_and_at_most_seven_steps_apart(span: float, step: float):
    assert round_step(span) == pytest.approx(step)


def test_ticks_are_written_with_the_digits_of_their_step():
    scale = Scale(-0.11, 0.12, 0, 100, 0.05)

    assert [scale.label(tick) for tick in scale.ticks()] == ["-0.10", "-0.05", "0.00", "0.05", "0.10"]


def test_a_tick_of_zero_has_no_sign():
    assert Scale(-1, 1, 0, 100, 0.5).label(-0.0) == "0.0"
