"""An upgrade of a database with many millions of pairs writes none of their rows anew."""

import re
from pathlib import Path
from typing import Any

from alembic import command
from sqlalchemy import event

from pairsift.adapters.store.engine import alembic_config, open_engine, writing

REWRITES = re.compile(r'(UPDATE|INSERT INTO|DELETE FROM|DROP TABLE) "?(pair|score|decision)\b|_alembic_tmp_')


def test_no_migration_since_the_first_rewrites_a_table_of_pairs(tmp_path: Path):
    engine = open_engine(f"sqlite:///{tmp_path}/old.db")
    said: list[str] = []
    with writing(engine) as connection:
        command.upgrade(alembic_config(connection), "0001")

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        said.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    with writing(engine) as connection:
        command.upgrade(alembic_config(connection), "head")
    engine.dispose()

    assert [statement for statement in said if REWRITES.search(statement)] == []
    indexes = [statement for statement in said if statement.startswith("CREATE INDEX") and " ON pair " in statement]
    assert len(indexes) == 1
