"""Who is let in, what is refused, and what browsers are told; read-only unless asked."""

import re
from importlib.resources import files

import pytest
from sqlalchemy import Engine, func, select
from starlette.testclient import TestClient

from pairsift.adapters.store.tables import label, policy
from pairsift.errors import ConfigError
from pairsift.review.access import open_access
from pairsift.review.entering import FILES
from pairsift.review.serving import listen, prefect_address
from tests.adapters.review.stored import TOKEN, csrf_of, field_of, post, review, uid_of

PAGES = ("/", "/cut", "/compare", "/label", "/policy", f"/pairs/{uid_of(0, 1)}", "/pictures/1/0/card.jpg",
         "/static/review.js", "/nowhere")  # fmt: skip
FORMS = ("/labels", "/policies", "/login")


def rows(engine: Engine) -> int:
    with engine.connect() as connection:
        return sum(connection.scalar(select(func.count()).select_from(table)) or 0 for table in (label, policy))


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_keeps_browsers_from_harm(client: TestClient, path: str):
    headers = client.get(path).headers

    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "cache-control" in headers


@pytest.mark.parametrize("path", PAGES[:6])
def test_no_page_needs_what_the_policy_forbids(client: TestClient, path: str):
    page = client.get(path).text

    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page)
    assert all("src=" in tag or "application/json" in tag for tag in re.findall(r"<script[^>]*>", page))
    assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', page)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.", "["])
def test_another_name_of_the_server_is_refused(client: TestClient, host: str):
    assert client.get("/", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({}, {}),
        ({"csrf": "guessed"}, {}),
        (None, {"origin": "https://evil.example"}),
        (None, {"origin": "null"}),
        (None, {"origin": "http://["}),
        (None, {"sec-fetch-site": "cross-site"}),
    ],
)
def test_a_form_of_another_site_is_refused(engine: Engine, path: str, fields, headers: dict[str, str]):
    client = review(engine)
    sent = {"csrf": csrf_of(client), **LABEL} if fields is None else {**fields, **LABEL}
    before = rows(engine)

    assert client.post(path, data=sent, headers=headers).status_code == 403
    assert rows(engine) == before


LABEL = {"uid": uid_of(0, 1), "good": "1", "value": "0.1", "note": "why"}


@pytest.mark.parametrize("path", ["/labels", "/policies"])
def test_without_write_nothing_is_changed(engine: Engine, path: str):
    client, before = review(engine, write=False), rows(engine)
    csrf = field_of(client.get("/login").text, "csrf")

    assert client.post(path, data={"csrf": csrf, **LABEL}).status_code == 403
    assert rows(engine) == before
    assert 'method="post"' not in client.get("/").text + client.get("/cut").text + client.get("/policy").text


@pytest.mark.parametrize(
    "name", ["../app.py", "..%2fapp.py", "%2e%2e/app.py", "htmx-2.0.10.LICENSE", "", "report.html"]
)
def test_no_file_is_sent_but_those_that_are_named(client: TestClient, name: str):
    assert client.get(f"/static/{name}").status_code == 404


@pytest.mark.parametrize("name", FILES)
def test_the_pages_own_files_are_sent(client: TestClient, name: str):
    answer = client.get(f"/static/{name}")

    package, folder, _ = FILES[name]
    assert (answer.status_code, answer.content) == (200, files(package).joinpath(folder, name).read_bytes())


@pytest.mark.parametrize("sent", [b"csrf=\xff", b"x" * 300_000, b"&".join([b"a=1"] * 200)])
def test_a_form_that_cannot_be_read_or_is_too_large_is_refused(client: TestClient, sent: bytes):
    assert client.post("/labels", content=sent).status_code in (400, 403, 413)


@pytest.mark.parametrize("path", PAGES[:7])
def test_with_a_token_nothing_is_shown_without_it(engine: Engine, path: str):
    client = review(engine, token=TOKEN)

    answer = client.get(path)

    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert "cats" not in client.get("/login").text
    assert client.post("/labels", data=LABEL).status_code == 401


def test_the_token_lets_in_under_a_name_that_stands_beside_labels(engine: Engine):
    client = review(engine, token=TOKEN)
    csrf = field_of(client.get("/login").text, "csrf")

    answer = client.post("/login", data={"csrf": csrf, "name": "Bo; Ünal.x", "token": TOKEN})
    cookie = answer.headers["set-cookie"]
    post(client, "/labels", **LABEL)

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert TOKEN not in cookie
    assert "by Bo; Ünal.x" in client.get(f"/pairs/{uid_of(0, 1)}").text


@pytest.mark.parametrize("cookie", ["", "ada", "ada.", "ada." + "0" * 64, '"', "é"])
def test_a_forged_cookie_lets_nobody_in(engine: Engine, cookie: str):
    client = review(engine, token=TOKEN)

    assert client.get("/", headers={b"cookie": f"pairsift_review={cookie}".encode()}).status_code == 303


@pytest.mark.parametrize(("name", "token"), [("ada", "wrong"), ("ada", ""), ("", TOKEN)])
def test_a_wrong_token_or_no_name_is_refused(engine: Engine, name: str, token: str):
    client = review(engine, token=TOKEN)
    csrf = field_of(client.get("/login").text, "csrf")

    answer = client.post("/login", data={"csrf": csrf, "name": name, "token": token})

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("host", "names", "token", "told"),
    [
        ("0.0.0.0", ["review.example"], None, "PAIRSIFT_REVIEW_TOKEN"),
        ("192.0.2.1", [], None, "PAIRSIFT_REVIEW_TOKEN"),
        ("0.0.0.0", [], TOKEN, "--allowed-host"),
        ("127.0.0.1", [], "short", "fewer than 16"),
    ],
)
def test_it_does_not_listen_where_anybody_could_come_in(host: str, names: list[str], token: str | None, told: str):
    with pytest.raises(ConfigError, match=told):
        open_access(host, names, token, write=False, reviewer="ada")


def test_it_is_known_by_the_names_it_was_given():
    assert "localhost" in open_access("127.0.0.1", [], None, write=False, reviewer="ada").hosts
    named = open_access("0.0.0.0", ["Review.example"], TOKEN, write=False, reviewer="ada")
    assert named.hosts == {"review.example"}


def test_a_taken_port_is_told():
    taken, address = listen("127.0.0.1", 0)

    with taken, pytest.raises(ConfigError, match="choose another --port"):
        listen("127.0.0.1", int(address.rstrip("/").rpartition(":")[2]))


@pytest.mark.parametrize(
    ("asked", "api", "address"),
    [
        (None, None, None),
        (None, "http://control:4200/api", "http://control:4200"),
        ("https://me:secret@ui.example/prefect/", "http://control:4200/api", "https://ui.example/prefect"),
    ],
)
def test_finds_the_prefect_ui(monkeypatch: pytest.MonkeyPatch, asked: str | None, api: str | None, address: str | None):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    if api is not None:
        monkeypatch.setenv("PREFECT_API_URL", api)

    assert prefect_address(asked) == address
    with pytest.raises(ConfigError, match="none of http"):
        prefect_address("javascript:alert(1)")
