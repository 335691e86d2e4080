"""The report's page: what stands on it, and that strangers' text stays text and nothing is fetched."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser

import pytest

from pairsift.config import RunConfig, RunRequest, ScoreConfig
from pairsift.core.course import Comparison, Course, Day, SignalCourse, Spread
from pairsift.core.overview import Card, CopyGroup, Cut, CutBin, Gallery, Group, Overview, RunRow
from pairsift.report.course import number
from pairsift.report.page import render_page

CARD = Card(
    "00000", "000000001", "ab" * 16, "A red fox", "keep", None, 2.5, 0.001, 0.02, 640, 480, None, b"\xff\xd8", None
)
COPY = replace(CARD, key="000000002", verdict="drop", reason="exact_duplicate", duplicate_of="00000/000000001")
DARKER = {
    "level": "warn",
    "moved": ["image.brightness"],
    "findings": [{"name": "image.brightness", "before": 0.506, "now": 0.357, "points": None, "psi": 0.41, "ks": 0.35}],
}
BRIGHTNESS = SignalCourse(
    "image.brightness", "image.brightness", "0–1", [Spread(0.4, 0.5, 0.6), Spread(0.3, 0.357, 0.5)], 0.506
)
WORDS = SignalCourse("text.words", "text.words", "words", [None, Spread(5, 8, 1200)], None)
COURSE = Course(
    days=[Day(date(2026, 11, 24), 10, 6, []), Day(date(2026, 11, 26), 4, 1, [Comparison("00007", DARKER)])],
    earlier=3,
    signals=[BRIGHTNESS, WORDS],
    foremost=frozenset(),
    window=1,
)
OVERVIEW = Overview(
    dataset="cats",
    policy="default 1",
    select="fdr of pair.alignment, alpha 0.05",
    run_id=None,
    pairs={"read": 10, "kept": 7, "dropped": 2, "quarantined": 1},
    reasons={"image_corrupt": 1, "blurry": 2},
    cut=Cut("z of pair.alignment", "standard deviations", [CutBin(0, 1, 2, 1, 3.0), CutBin(1, 2, 5, 0, 0.5)], 0.2, 0.3),
    curve=[(0.01, 0.5), (0.5, 1.0)],
    alpha=0.05,
    course=COURSE,
    partitions=[Group("00000", 10, 7)],
    languages=[Group("en", 9, 7)],
    sizes=[Group("≥ 800", 10, 7)],
    runs=[RunRow("run-1", datetime(2026, 11, 26, 3, 0, tzinfo=UTC), 10, 7, "warn")],
    galleries=[Gallery("Best of the kept", None, [CARD])],
    rules='{"name":"default","version":1,"description":"Keep what matches."}',
    facts={"policy sha256": "c0ffee"},
    request=RunRequest(source="shards/*.tar"),
)
HOSTILE = '</script><script>alert("1")</script><img src=x onerror=alert(2)>\u202egnp.exe'


class Seen(HTMLParser):
    """Collects tags with their attributes, and the text between."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_counts_the_reasons_and_the_command_stand_on_it():
    text = " ".join(Seen(render_page(OVERVIEW)).text.split())

    assert "kept 7 70.0 %" in text
    assert "blurry − 2 20.0 % too little sharpness" in text
    assert "2026-11-26 03:00 10 7 70.0 % warn" in text
    assert "pairsift run 'shards/*.tar' --dataset cats" in text


def test_the_steps_of_the_waterfall_lead_from_what_was_read_to_what_was_kept():
    page = render_page(OVERVIEW)
    bars = re.findall(r'<rect class="(all|gone|kept)" x="([\d.]+)" width="([\d.]+)" height="10"/>', page)

    assert bars[:4] == [
        ("all", "0.00", "100.00"),
        ("gone", "90.00", "10.00"),
        ("gone", "70.00", "20.00"),
        ("kept", "0.00", "70.00"),
    ]


def test_every_day_has_its_keep_rate_and_tells_what_drifted():
    text = " ".join(Seen(render_page(OVERVIEW)).text.split())

    assert "2026-11-26 4 1 25.0 % warn 00007 : image.brightness PSI 0.41, KS 0.35 (0.506 → 0.357)" in text
    assert "2026-11-24 10 6 60.0 % none" in text
    assert "3 earlier days are left out" in text


def test_the_chart_of_days_has_a_bar_a_day_and_a_flag_where_a_partition_drifted():
    page = render_page(OVERVIEW)
    [chart] = re.findall(r'aria-label="Share of pairs kept by day">.*?</svg>', page)

    assert re.findall("<title>(.*?)</title>", chart) == ["2026-11-24: 6 of 10 kept", "2026-11-26: 1 of 4 kept"]
    assert re.findall(r'class="flag (\w+)"', chart[chart.index("2026-11-26: 1") :]) == ["warn"]
    assert "flag" not in chart[: chart.index("2026-11-26: 1")]


@pytest.mark.parametrize(("alpha", "lines"), [(0.05, 1), (0.5, 1), (0.6, 0), (None, 0)])
def test_the_curve_marks_the_alpha_that_was_decided_by_where_it_is_on_it(alpha: float | None, lines: int):
    [curve] = re.findall(
        r'aria-label="Share of survivors kept by alpha">.*?</svg>', render_page(replace(OVERVIEW, alpha=alpha))
    )

    assert curve.count('class="cut"') == lines


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0, "0"), (-0.0, "0"), (0.12345, "0.123"), (999.4, "999"), (1000, "1,000"), (-12345.6, "-12,346")],
)
def test_numbers_are_written_short(value: float, written: str):
    assert number(value) == written


def test_a_signal_that_moved_is_flagged_on_its_day_and_shown_before_the_others():
    page = render_page(OVERVIEW)
    moved, *others = re.findall(r"<figure>.*?</figure>", page, re.DOTALL)

    assert "0.357 (0.3 to 0.5), reference 0.506" in moved
    assert moved.count('class="flag warn"') == 1
    assert [("8 (5 to 1,200)" in other, other.count("flag")) for other in others] == [(True, 0)]
    assert page.index("1 more, which the policy does not go by") < page.index("text.words")


def test_one_day_is_told_without_a_chart_of_days():
    course = replace(COURSE, days=COURSE.days[:1], signals=[replace(BRIGHTNESS, days=BRIGHTNESS.days[:1])], window=None)
    page = render_page(replace(OVERVIEW, course=course))

    assert "A second day makes it a chart" in page
    assert "no reference window yet" in page
    assert 'class="small"' not in page
    assert "Share of pairs kept by day" not in page


def test_copies_stand_in_groups_with_what_is_kept_in_their_place():
    gallery = Gallery("exact_duplicate", "exact_duplicate", groups=[CopyGroup(CARD, [COPY], 7)])
    page = render_page(replace(OVERVIEW, reasons={"exact_duplicate": 8}, galleries=[gallery]))
    [group] = re.findall(r'<ul class="groups">.*?\n</ul>\n</section>', page, re.DOTALL)

    assert re.findall(r"<bdi>(0000\d+)</bdi>", group) == ["00000", "000000001", "00000", "000000002"]
    assert "copy of <bdi>00000/000000001</bdi>" in group
    assert "… and 7 more copies" in group


def test_how_to_reproduce_it_names_the_command_the_config_and_the_policy():
    config = RunConfig(policy="mine.yaml", score=ScoreConfig(dtype="float32"))
    request = RunRequest(source="shards/*.tar", config=config)
    page = render_page(replace(OVERVIEW, request=request))
    text = Seen(page[page.index("How to reproduce it") :]).text

    assert "pairsift run 'shards/*.tar' --dataset cats --policy mine.yaml --config config.json" in text
    config_file = text.split("config.json", 2)[2].partition("Where another")[0]
    assert json.loads(config_file) == {"score": {"dtype": "float32"}}
    assert "pairsift decide cats --policy default" in text
    assert '"description": "Keep what matches."' in text


def test_a_run_by_the_defaults_needs_no_config_file():
    assert "--config" not in render_page(OVERVIEW)


def test_hostile_captions_keys_and_partitions_are_text():
    card = replace(CARD, caption=HOSTILE, key=HOSTILE, partition=HOSTILE, verdict="drop", reason="blurry")
    hostile = replace(
        OVERVIEW,
        partitions=[Group(HOSTILE, 1, 1)],
        galleries=[Gallery("blurry", "blurry", [card], [CopyGroup(card, [card], 0)])],
        course=replace(COURSE, days=[COURSE.days[0], replace(COURSE.days[1], moved=[Comparison(HOSTILE, DARKER)])]),
        rules=json.dumps({"name": HOSTILE, "description": HOSTILE}),
    )

    plain, seen = Seen(render_page(OVERVIEW)), Seen(render_page(hostile))

    assert len(seen.all("script")) == len(plain.all("script")) == 2
    assert not any("onerror" in attributes for _, attributes in seen.tags)
    assert "\\u{202e}gnp.exe" in seen.text
    assert "\u202e" not in seen.text


def test_its_own_policy_allows_its_own_style_and_script_and_nothing_else():
    page = render_page(OVERVIEW)
    policy = next(
        meta["content"] for meta in Seen(page).all("meta") if meta.get("http-equiv") == "Content-Security-Policy"
    )
    inline = [re.search(pattern, page, re.DOTALL) for pattern in ("<style>(.*?)</style>", "<script>(.*?)</script>")]
    digests = [base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode() for found in inline if found]

    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


def test_nothing_is_fetched():
    seen = Seen(render_page(OVERVIEW))
    addresses = [value for _, attributes in seen.tags for name, value in attributes.items() if name in {"src", "href"}]

    assert addresses
    assert [address for address in addresses if not str(address).startswith(("data:image/jpeg;base64,", "#"))] == []


def test_the_slider_is_told_what_every_cut_would_keep():
    page = render_page(OVERVIEW)
    found = re.search('id="cut-data">(.*?)</script>', page, re.DOTALL)

    assert found is not None
    assert json.loads(found[1]) == {"low": [0, 1], "pairs": [8, 5], "unrelated": [3.0, 0.5], "at": 0, "high": 2}


def test_a_page_without_scores_has_no_chart_and_no_script():
    page = render_page(replace(OVERVIEW, cut=None, curve=[]))

    assert Seen(page).all("script") == []
    assert "The cut" not in page


def test_a_pair_without_a_picture_says_why():
    card = replace(CARD, picture=None, unseen="image_corrupt")

    assert "no picture: image_corrupt" in render_page(replace(OVERVIEW, galleries=[Gallery("x", None, [card])]))


def test_the_same_overview_gives_the_same_page():
    assert render_page(OVERVIEW) == render_page(OVERVIEW)
