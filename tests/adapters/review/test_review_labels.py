"""Labels and new versions of policies, made on the page."""

import re
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from starlette.testclient import TestClient

from pairsift.adapters.policies import find_policy
from pairsift.adapters.redeciding import Again, decide_again
from pairsift.adapters.store.registry import register_policy
from pairsift.adapters.store.tables import label
from pairsift.core.policy_versions import write_policy
from tests.adapters.review.stored import csrf_of, field_of, post, review, uid_of


def said(engine: Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        columns = (label.c.uid, label.c.good, label.c.drawn, label.c.made_by)
        return [tuple(row) for row in connection.execute(select(*columns).order_by(label.c.id))]


def test_a_label_is_stored_with_who_and_shown_again(client: TestClient, engine: Engine):
    uid = uid_of(0, 5)

    answer = post(client, "/labels", uid=uid, good="0", next="/?partition=a")

    assert (answer.status_code, answer.headers["location"]) == (303, "/?partition=a")
    assert said(engine) == [(uid, False, False, "ada")]
    assert 'bad</span> <span class="soft">by ada' in client.get("/?partition=a").text


@pytest.mark.parametrize("fields", [{"uid": "x", "good": "1"}, {"uid": uid_of(0, 1), "good": "maybe"}, {}])
def test_a_label_of_nothing_is_refused(client: TestClient, engine: Engine, fields: dict[str, str]):
    assert post(client, "/labels", **fields).status_code == 400
    assert post(client, "/labels", uid="0" * 32, good="1").status_code == 404
    assert said(engine) == []


@pytest.mark.parametrize(
    "to", ["https://evil.example/", "//evil.example/x", "/\\evil.example", "javascript:alert(1)", "//["]
)
def test_nobody_is_sent_to_another_site(client: TestClient, to: str):
    assert post(client, "/labels", uid=uid_of(0, 1), good="1", next=to).headers["location"] == "/"


def label_drawn(client: TestClient, good: str) -> str:
    """Label the pair that is drawn now; return its uid."""
    page = client.get("/label").text
    uid = field_of(page, "uid")
    post(client, "/labels", uid=uid, good=good, drawn="1", set="active", next="/label")
    return uid


def test_precision_is_measured_by_the_drawn_alone(client: TestClient, engine: Engine):
    drawn = [label_drawn(client, good) for good in "1110"]
    post(client, "/labels", uid=uid_of(0, 5), good="0")  # picked by hand

    page = client.get("/label").text

    assert len(set(drawn)) == 4
    assert "<strong>75.0 %</strong> good, between 30.1 and 95.4 %" in page
    assert "over the first 4 of a drawn order" in page
    assert [drawn for _, _, drawn, _ in said(engine)] == [True] * 4 + [False]


def test_a_slip_on_a_drawn_pair_is_put_right_on_its_page(client: TestClient):
    uid = label_drawn(client, "0")
    assert f'<a href="/pairs/{uid}">change it</a>' in client.get("/label").text

    post(client, "/labels", uid=uid, good="1", next=f"/pairs/{uid}")

    assert "<strong>100.0 %</strong> good" in client.get("/label").text


def test_nobody_can_add_a_pair_of_their_choice_to_the_sample(client: TestClient, engine: Engine):
    shown = field_of(client.get("/label").text, "uid")
    other = next(uid_of(0, n) for n in range(20, 30) if uid_of(0, n) != shown)

    post(client, "/labels", uid=other, good="0", drawn="1", set="active")

    assert said(engine) == [(other, False, False, "ada")]


def test_the_queue_shows_neither_score_nor_verdict(client: TestClient):
    page = client.get("/label").text

    queue = page[page.index('id="queue"') : page.index('id="precision"')]
    assert not re.search(r"class=\"tag|\bz \d|kept</span>", queue)


def test_a_moved_cut_is_saved_as_a_version_that_decide_takes(client: TestClient, engine: Engine, tmp_path: Path):
    answer = post(client, "/policies", set="active", value="0.3", note="too few")

    saved = find_policy(engine, "my-default@1")
    assert "pairsift decide cats --policy my-default@1 --dry-run" in answer.text
    assert write_policy(saved).endswith("alpha: 0.3\n")
    assert decide_again(engine, tmp_path, Again("cats", saved)).tally.after["kept"] > 60
    versions = client.get("/policy").text
    assert "too few" in versions
    assert "alpha: 0.3" in client.get("/policy.yaml", params={"name": "my-default", "version": "1"}).text


def test_a_changed_text_is_saved_and_a_wrong_one_is_told_and_kept_on_the_page(client: TestClient, engine: Engine):
    text = write_policy(find_policy(engine, "default@1")).replace("name: default", "name: my-default")
    wrong = post(client, "/policies", set="active", text=text.replace("alpha: 0.05", "alpha: 7"), note="more")

    right = post(client, "/policies", set="active", text=text.replace("alpha: 0.05", "alpha: 0.07"), note="more")

    assert wrong.status_code == 400
    assert "select.fdr.alpha" in wrong.text
    assert "alpha: 7" in wrong.text
    assert "Saved as my-default@1" in right.text


def test_versions_saved_of_a_shipped_policy_leave_its_name_to_later_shipped_ones(
    client: TestClient, engine: Engine, tmp_path: Path
):
    shipped = find_policy(engine, "default")
    post(client, "/policies", set="active", value="0.3", note="too few")
    decide_again(engine, tmp_path, Again("cats", find_policy(engine, "my-default@1")))

    answer = post(client, "/policies", set="active", value="0.2", note="too many")

    later = shipped.model_copy(update={"version": 2, "description": "A later Pairsift's."})
    assert "Saved as my-default@2" in answer.text
    assert register_policy(engine, later.name, "2", later.sha256, later.text)
    assert find_policy(engine, "default@2") == later


def test_the_text_to_be_changed_has_the_name_that_it_is_saved_under(client: TestClient):
    page = client.get("/policy").text

    assert "name: my-default\n" in page
    assert "default is Pairsift's own, so that your versions of it are called my-default" in page


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"value": "0.3", "note": " "}, "say in the note"),
        ({"value": "many", "note": "why"}, "a number is needed"),
        ({"value": "nan", "note": "why"}, "alpha"),
        (
            {"text": "name: other\nversion: 1\ndescription: x\nselect: {method: fdr, alpha: 0.1}", "note": "w"},
            "is called &#39;my-default&#39;",
        ),
    ],
)
def test_what_is_no_version_is_refused_with_why(client: TestClient, engine: Engine, fields: dict[str, str], told: str):
    answer = post(client, "/policies", set="active", **fields)

    assert answer.status_code == 400
    assert told in answer.text
    assert csrf_of(review(engine)) != csrf_of(client)  # each start has its own
