"""The report's page: what stands on it, and that strangers' text stays text and nothing is fetched."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

from pairsift.config import RunRequest
from pairsift.core.overview import Card, Cut, CutBin, Gallery, Group, Overview, RunRow
from pairsift.report.page import render_page

CARD = Card(
    "00000", "000000001", "ab" * 16, "A red fox", "keep", None, 2.5, 0.001, 0.02, 640, 480, None, b"\xff\xd8", None
)
OVERVIEW = Overview(
    dataset="cats",
    policy="default 1",
    select="fdr of pair.alignment, alpha 0.05",
    run_id=None,
    pairs={"read": 10, "kept": 7, "dropped": 2, "quarantined": 1},
    reasons={"blurry": 2, "image_corrupt": 1},
    cut=Cut("z of pair.alignment", "standard deviations", [CutBin(0, 1, 2, 1, 3.0), CutBin(1, 2, 5, 0, 0.5)], 0.2, 0.3),
    curve=[(0.01, 0.5), (0.5, 1.0)],
    partitions=[Group("00000", 10, 7)],
    languages=[Group("en", 9, 7)],
    sizes=[Group("≥ 800", 10, 7)],
    runs=[RunRow("run-1", datetime(2026, 11, 26, 3, 0, tzinfo=UTC), 10, 7, "warn")],
    galleries=[Gallery("Best of the kept", None, [CARD])],
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


def test_hostile_captions_keys_and_partitions_are_text():
    card = replace(CARD, caption=HOSTILE, key=HOSTILE, partition=HOSTILE, verdict="drop", reason="blurry")
    hostile = replace(OVERVIEW, partitions=[Group(HOSTILE, 1, 1)], galleries=[Gallery("blurry", "blurry", [card])])

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
