"""The pages of pairs: what they show, in which order, and that every address leads to what it says."""

import io
import re

import pytest
from PIL import Image
from sqlalchemy import Engine
from starlette.testclient import TestClient

from pairsift.adapters.browsed import Browsed
from pairsift.adapters.policies import load_policy
from pairsift.adapters.redeciding import Again, decide_again
from pairsift.adapters.store.tables import pair
from pairsift.adapters.viewed import SORTABLE
from pairsift.core.policy_versions import with_knob
from tests.adapters.review.stored import HOSTILE, PAIRS, captions, review, uid_of


def told(page: str) -> str:
    """The heading that counts."""
    found = re.search(r'<h2 id="told"[^>]*>(.*?)</h2>', page)
    assert found is not None
    return found[1]


def turned(page: str, key: str) -> str:
    """The address of the next page."""
    found = re.search(rf'href="([^"]+)" data-turn="{key}"', page)
    assert found is not None
    return found[1].replace("&amp;", "&")


def test_all_pairs_are_shown_page_by_page_and_back(client: TestClient):
    pages = [client.get("/").text]
    while 'data-turn="n"' in pages[-1]:
        pages.append(client.get(turned(pages[-1], "n")).text)

    assert [told(page) for page in pages] == [
        "80 of 80 pairs, here 1 to 24", "80 of 80 pairs, here 25 to 48", "80 of 80 pairs, here 49 to 72",
        "80 of 80 pairs, here 73 to 80",
    ]  # fmt: skip
    assert len({caption for page in pages for caption in captions(page)}) == 80
    assert captions(client.get(turned(pages[2], "p")).text) == captions(pages[1])


@pytest.mark.parametrize(("direction", "first"), [("down", "A picture no. 39 of b"), ("up", "A picture no. 0 of a")])
def test_pairs_are_sorted_either_way(client: TestClient, direction: str, first: str):
    page = client.get("/", params={"sort": "z of pair.alignment", "direction": direction}).text

    assert captions(page)[first == "A picture no. 39 of b"] == first  # behind the hostile one of the same z


@pytest.mark.parametrize("name", SORTABLE)
def test_pairs_can_be_sorted_by_every_signal(client: TestClient, name: str):
    page = client.get("/", params={"sort": name})

    assert (page.status_code, told(page.text)) == (200, "80 of 80 pairs, here 1 to 24")


def test_what_is_unmeasured_comes_last(client: TestClient):
    asked = {"sort": "image.sharpness", "direction": "up", "partition": "a"}

    page = client.get("/", params=asked).text
    last = client.get(turned(page, "n")).text

    assert captions(page)[0] == "A picture no. 3 of a"
    assert captions(last)[-1] == "A picture no. 38 of a"
    assert "no picture: image_corrupt" in last


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({"verdict": "quarantine"}, 2),
        ({"reason": "blurry"}, 2),
        ({"partition": "a"}, 40),
        ({"partition": "nowhere"}, 0),
        ({"text": "NO. 1 OF"}, 2),
        ({"text": "key-07"}, 2),
        ({"text": "no. 1 of a", "verdict": "keep"}, 0),
        ({"verdict": "", "reason": "", "text": "", "sort": ""}, 80),
    ],
)
def test_pairs_are_filtered(client: TestClient, asked: dict[str, str], count: int):
    assert told(client.get("/", params=asked).text).startswith(f"{count} of 80 pairs")


def test_a_page_holds_its_place_when_its_last_pair_is_gone(client: TestClient):
    asked = {"sort": "pair.alignment", "direction": "up"}
    here = captions(client.get("/", params={**asked, "after": "0.11~999~5"}).text)

    assert here[0] == "A picture no. 12 of a"
    assert told(client.get("/", params={**asked, "after": "nonsense"}).text).endswith("here 1 to 24")


def test_a_pair_has_a_page_of_its_own_with_its_story(client: TestClient):
    uid = uid_of(1, 30)

    page = client.get(f"/pairs/{uid}").text

    assert "<bdi>b</bdi> / <bdi>key-30</bdi>" in page
    for part in ("A picture no. 30 of b", "image.sharpness", "passed all 13 rules", uid, "score_fingerprint"):
        assert part in page


def test_the_page_of_a_pair_leads_to_its_prefect_run(engine: Engine):
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE attempt SET flow_run_id = 'run-7'")

    page = review(engine).get(f"/pairs/{uid_of(0, 1)}").text

    assert 'href="http://prefect.example/runs/flow-run/run-7"' in page


def test_pairs_of_the_same_content_are_told_of_each_other(engine: Engine):
    with engine.begin() as connection:
        connection.execute(pair.update().where(pair.c.attempt_id == 2, pair.c.ordinal == 5).values(uid=uid_of(0, 5)))
    client = review(engine)

    page, other = (client.get(f"/pairs/{uid_of(0, 5)}", params={"at": at}).text for at in ("", "2/5"))

    assert "<h1><bdi>a</bdi> / <bdi>key-05</bdi></h1>" in page
    assert "at=2/5" in page
    assert "<h1><bdi>b</bdi> / <bdi>key-05</bdi></h1>" in other


@pytest.mark.parametrize("uid", ["0" * 32, "nobody", "..%2f..%2fetc%2fpasswd", "A" * 32])
def test_an_unknown_pair_is_not_found(client: TestClient, uid: str):
    assert client.get(f"/pairs/{uid}").status_code == 404


@pytest.mark.parametrize("asked", ["sort=pair.nothing", "verdict=perhaps", "page=3", "set=nobody", "text=" + 201 * "x"])
def test_an_address_that_cannot_be_read_says_what_is_wrong_with_it(client: TestClient, asked: str):
    answer = client.get(f"/?{asked}")

    assert answer.status_code == 400
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize(("size", "side"), [("card", 240), ("large", 720)])
def test_pictures_are_encoded_anew_and_have_the_size_that_the_page_reserves(client: TestClient, size: str, side: int):
    answer = client.get(f"/pictures/1/0/{size}.jpg")

    picture = Image.open(io.BytesIO(answer.content))
    assert (answer.headers["content-type"], picture.format) == ("image/jpeg", "JPEG")
    assert max(picture.size) <= side
    assert answer.headers["cache-control"].startswith("private")


def test_why_there_is_no_picture_is_drawn(client: TestClient):
    answer = client.get("/pictures/1/38/card.jpg")

    assert answer.headers["content-type"] == "image/svg+xml"
    assert "image_corrupt" in answer.text


@pytest.mark.parametrize("path", ["/pictures/9/0/card.jpg", "/pictures/1/40/card.jpg", "/pictures/1/-1/card.jpg",
                                  "/pictures/1/0/original.jpg"])  # fmt: skip
def test_there_is_no_other_picture(client: TestClient, path: str):
    assert client.get(path).status_code == 404


def test_hostile_text_is_text(client: TestClient):
    page = client.get("/", params={"sort": "z of pair.alignment"}).text

    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert" in page
    assert "\u202e" not in page
    assert "\\u{202e}" in page
    assert HOSTILE not in client.get(f"/pairs/{uid_of(0, 39)}").text


def test_who_enters_and_who_leaves_is_counted_and_can_be_looked_at(client: TestClient):
    page = client.get("/compare", params={"a": "lenient", "b": "default"}).text
    left = re.search(r"Leave: dropped now: (\d+)", page)
    assert left is not None

    link = re.search(
        r'href="(/\?[^"]*change=newly_dropped[^"]*reason=likely_mismatched[^"]*|/\?[^"]*reason=likely_mismatched[^"]*change=newly_dropped[^"]*)"',
        page,
    )
    assert link is not None
    look = client.get(link[1].replace("&amp;", "&")).text

    assert int(left[1]) > 0
    assert told(look).startswith(f"{left[1]} of 80 pairs")
    back = client.get("/", params={"set": "lenient", "against": "default", "change": "newly_kept"}).text
    assert told(back).startswith(f"{left[1]} of 80 pairs")
    entered = {"set": "lenient", "against": "default", "change": "newly_kept", "reason": "likely_mismatched"}
    assert told(client.get("/", params=entered).text).startswith(f"{left[1]} of 80 pairs")


def test_the_cut_is_drawn_with_what_the_slider_moves(client: TestClient):
    page = client.get("/cut").text

    assert '<svg class="chart"' in page
    assert '<script type="application/json" id="cut-data">{"at"' in page
    assert "at least 95.0 % on average" in page


def test_what_is_decided_meanwhile_is_seen(engine: Engine, tmp_path):
    time = [0.0]
    browsed = Browsed(engine, "cats", lambda: time[0])
    before = browsed.view()
    decide_again(engine, tmp_path, Again("cats", with_knob(load_policy("default"), 0.4, 2)))

    same = browsed.view()
    time[0] = 10
    after = browsed.view()

    assert same is before
    assert (after.shown.version, after.counts["kept"] > before.counts["kept"]) == ("2", True)
    assert after.columns is before.columns  # nothing is read again of what was measured
    assert len(after.places) == 2 * PAIRS
