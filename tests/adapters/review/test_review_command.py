"""The command: what it says, and what it refuses before anything listens."""

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.adapters.review.stored import TOKEN
from tests.command_line import Command


@pytest.fixture
def served(filled: Path, monkeypatch: pytest.MonkeyPatch) -> list[TestClient]:
    """Have the command use the filled database, and keep what it would serve."""
    kept: list[TestClient] = []

    def keep(app, listening) -> None:
        port = listening.getsockname()[1]
        kept.append(TestClient(app, base_url=f"http://127.0.0.1:{port}"))
        listening.close()

    monkeypatch.setenv("PAIRSIFT_DATABASE_URL", f"sqlite:///{filled}")
    monkeypatch.delenv("PAIRSIFT_REVIEW_TOKEN", raising=False)
    monkeypatch.setattr("pairsift.review.serving.serve", keep)
    return kept


def test_it_says_where_it_listens_and_shows_the_data_set(pairsift: Command, served: list[TestClient]):
    code, out, _ = pairsift("review", "cats", "--port", "0", "--json")

    told = json.loads(out)
    assert code == 0
    assert (told["dataset"], told["write"]) == ("cats", False)
    assert told["address"].startswith("http://127.0.0.1:")
    assert "80 of 80 pairs" in served[0].get("/").text
    assert served[0].post("/labels").status_code == 403


def test_it_says_so_to_people_too(pairsift: Command, served: list[TestClient]):
    _, out, _ = pairsift("review", "cats", "--port", "0", "--write")

    assert "open http://127.0.0.1:" in out
    assert "labels and new policy versions are stored" in out
    assert 'method="post"' in served[0].get("/").text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("dogs",), "there is no data set 'dogs'"),
        (("cats", "--host", "0.0.0.0"), "PAIRSIFT_REVIEW_TOKEN"),
        (("cats", "--prefect-ui", "ftp://x", "--port", "0"), "none of http"),
    ],
)
def test_what_cannot_be_served_is_refused(
    pairsift: Command, served: list[TestClient], arguments: tuple[str, ...], told: str
):
    code, _, err = pairsift("review", *arguments)

    assert (code, served) == (2, [])
    assert told in err


def test_with_a_token_everybody_gives_it(pairsift: Command, served: list[TestClient], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PAIRSIFT_REVIEW_TOKEN", TOKEN)

    pairsift("review", "cats", "--port", "0")

    assert "Your name" in served[0].get("/").text


def test_decide_takes_a_version_that_the_database_knows(pairsift: Command, served: list[TestClient]):
    known = pairsift("decide", "cats", "--policy", "lenient@1", "--dry-run", "--json")
    unknown = pairsift("decide", "cats", "--policy", "lenient@9", "--dry-run")

    assert (known[0], json.loads(known[1])["policy"]) == (0, "lenient")
    assert unknown[0] == 2
    assert "known of it: lenient@1" in unknown[2]
    assert served == []
