"""A marked secret is used by a run and found nowhere afterwards: no database, file, bucket, log or output has it."""

import gc
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.settings import get_current_settings
from s3fs import S3FileSystem
from sqlalchemy import create_engine, inspect, make_url, text

from pairsift.settings import Settings
from tasks import workplace
from tests.command_line import Command
from tests.object_store import Store, status
from tests.production.postgresql import PostgreSQL

pytestmark = pytest.mark.filterwarnings("ignore:.*was deleted while still open:ResourceWarning")

PASSWORD, KEY = "Marked-Password-5f1c", "Marked-S3-Key-9e2d"
SECRETS = (PASSWORD.encode(), KEY.encode())
NOT_SECRET = b"cats"
"""The data set's name, which must be found wherever is looked: so that nothing is found for want of looking."""


@pytest.fixture
def secrets(postgresql: PostgreSQL, bucket: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Let Pairsift know its database by a URL with a password, and the object store by a secret key."""
    postgresql.create_database("secrets")
    url = make_url(postgresql.url("secrets")).set(password=PASSWORD)
    monkeypatch.setenv("PAIRSIFT_DATABASE_URL", url.render_as_string(hide_password=False))
    monkeypatch.setenv("PAIRSIFT_STORAGE", str(tmp_path / "own"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    S3FileSystem.clear_instance_cache()  # it keeps what it signed in with
    yield bucket
    workplace.store().dispose()
    S3FileSystem.clear_instance_cache()
    gc.collect()  # a command's own connections end with its process, and here with what held them


def files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def rows_of(url: str) -> bytes:
    """Read every row of every table of a database, as text."""
    engine = create_engine(url)
    with engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        rows = [row for table in tables for row in connection.execute(text(f'SELECT t.* FROM "{table}" t'))]
    engine.dispose()
    return "\n".join(map(repr, rows)).encode()


def test_secrets_are_nowhere_after_a_run(
    *,
    pairsift: Command,
    secrets: Store,
    source: Path,
    policy: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
):
    for name in ("a", "b"):
        secrets.system.put_file(str(source / f"{name}.tar"), f"bucket/source/{name}.tar")
    secrets.fail("GET", "b.tar", status(403), times=9)
    caplog.set_level(logging.DEBUG)
    for chatty in ("aiosqlite", "PIL", "asyncio"):  # they know no secret, and say something of every step
        caplog.set_level(logging.INFO, chatty)
    command = ("run", "s3://bucket/source", "--policy", policy, "--dataset", "cats", "--out", "s3://bucket/out")

    said = [pairsift(*command)]
    secrets.forget()
    said += [pairsift(*command, "--rerun-failed", "--json")]
    asked = ("status", "check", "doctor", "policies", ("explain", "000000001"), ("export", "cats", "--out", tmp_path))
    said += [pairsift(*([each] if isinstance(each, str) else each), "--json") for each in asked]
    said += [pairsift("report", "cats", "--out", tmp_path / "own" / "report.html")]

    assert json.loads(said[1][1])["partitions"]["failed"] == 0
    assert any(request.headers.get("Authorization", "").startswith("AWS4-") for request in secrets.requests)
    connection_url = get_current_settings().server.database.connection_url
    assert connection_url is not None
    prefect = make_url(connection_url.get_secret_value())
    places = {
        "pairsift's database": rows_of(Settings().store_url.replace("postgresql:", "postgresql+psycopg:")),
        "prefect's database": rows_of(str(prefect.set(drivername="sqlite"))),
        "prefect's files": files(Path(str(prefect.database)).parent),
        "storage": files(tmp_path / "own"),
        "bucket": b"".join(secrets.system.cat_file(f"bucket/{key}") for key in secrets.names()),
        "output": repr(said).encode(),
        "log": caplog.text.encode(),
        "settings": repr(Settings()).encode() + NOT_SECRET,
    }
    assert {
        place: found for place, data in places.items() if (found := [each for each in SECRETS if each in data])
    } == {}
    assert [place for place, data in places.items() if NOT_SECRET not in data] == []


def test_a_database_that_refuses_is_told_without_the_password(
    pairsift: Command, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    gone = f"postgresql://pairsift:{PASSWORD}@127.0.0.1:1/cats?password={PASSWORD}"
    monkeypatch.setenv("PAIRSIFT_DATABASE_URL", gone)
    caplog.set_level(logging.DEBUG)

    said = [pairsift(*command) for command in (("status",), ("doctor", "--json"), ("run", "cats"))]

    assert [code for code, _, _ in said] == [2, 1, 2]
    assert all("cats" in out + err for _, out, err in said)
    assert PASSWORD not in repr(said) + caplog.text
