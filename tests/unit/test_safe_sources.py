"""The sources do nothing that data could turn against their user; ruff's S rules in pyproject.toml say the rest.

Nothing is unpickled, weights are read as weights, arrays without objects, and SQL's text is always our own.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("pairsift", "tasks", "flows", "deployments")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
ASKED = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False), "np.save": ("allow_pickle", False)}
UNPICKLERS = {"pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}
SQL_TEXT = {"text", "exec_driver_sql", "SQL"}
OWN_WORDS = ROOT / "pairsift/adapters/store/views.py"
"""Makes and drops the public views, by names that stand in it."""


def calls(source: str) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))


def unsafe(source: str) -> list[str]:
    """Name the calls of a module that are not safe whatever they read."""
    found = []
    for call in calls(source):
        name = ast.unparse(call.func)
        said = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        if name in ASKED and said.get(ASKED[name][0]) != str(ASKED[name][1]):
            found.append(f"{name} without {ASKED[name][0]}={ASKED[name][1]}")
        if name.partition(".")[0] in UNPICKLERS:
            found.append(name)
        if name.rpartition(".")[2] in SQL_TEXT and call.args and _is_made_up(call.args[0]):
            found.append(f"{name} of {ast.unparse(call.args[0])}")
    return found


def _is_made_up(argument: ast.expr) -> bool:
    """Say whether a text is put together where it is used: no constant, and no name of one."""
    return isinstance(argument, ast.JoinedStr | ast.BinOp | ast.Call)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_reads_nothing_that_could_run_code(path: Path):
    source = path.read_text(encoding="utf-8")

    found = [] if path == OWN_WORDS else unsafe(source)

    # Only the store speaks SQL: elsewhere `text` is another function.
    assert [each for each in found if " of " not in each or "sqlalchemy" in source or "psycopg" in source] == []


@pytest.mark.parametrize(
    "line",
    [
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "pickle.loads(data)",
        "connection.execute(text(f'SELECT {name}'))",
        "connection.execute(text('SELECT ' + name))",
        "connection.execute(sa.text('SELECT {}'.format(name)))",
    ],
)
def test_what_is_unsafe_is_seen(line: str):
    assert unsafe(line) != []


def test_what_is_safe_is_left_alone():
    assert unsafe("torch.load(path, weights_only=True); text('SELECT 1'); np.load(path, allow_pickle=False)") == []
