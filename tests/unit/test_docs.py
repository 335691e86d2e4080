"""The docs are complete and true to the code: a name that is added, renamed or removed is missed here."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
import yaml
from pydantic import BaseModel

from pairsift.adapters.store.views import QUERIES
from pairsift.config import RunConfig
from pairsift.core.conditions import Rule
from pairsift.core.explaining import explain_rule
from pairsift.core.policy import Policy
from pairsift.core.records import Reason
from pairsift.core.selects import Absolute, AllOf, Fdr, Percentile, TopFraction
from pairsift.core.signals import SIGNALS, Signal

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
_LINK = re.compile(r"\[[^\]]*\]\((?!https?://|mailto:)([^)\s]*)\)")
_FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
    return {_NOT_IN_ANCHORS.sub("", heading.lower()).replace(" ", "-") for heading in headings}


def config_keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, object]]:
    """The dotted name and default of every leaf of a config model."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from config_keys(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, field.default


def tracked() -> list[str]:
    """What git tracks: what else lies about is nobody's business."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


def tree(readme: str) -> set[str]:
    """The paths of the README's file tree, in which two spaces are one folder deeper."""
    block = readme[readme.index("## Files") :].split("```")[1]
    paths: set[str] = set()
    folders: list[str] = []
    for line in block.splitlines()[1:]:
        depth = (len(line) - len(line.lstrip())) // 2
        name = line.split()[0]
        paths.add(str(PurePosixPath(*folders[:depth], name)))
        folders[depth:] = [name.rstrip("/")]
    return paths


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
def test_a_signal_has_its_row_with_column_type_unit_and_definition(signal: Signal):
    row = (
        f"| `{signal.name}` | `{signal.column}` | {signal.type} | {signal.unit} | {signal.definition} | {signal.source}"
    )

    assert row.rstrip() in page("signals.md")


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_has_its_row(reason: Reason):
    assert re.search(rf"^\| `{reason}` \| .+ \|$", page("reasons.md"), re.MULTILINE)


def test_no_row_tells_of_a_reason_that_is_not_there():
    listed = re.findall(r"^\| `([a-z_0-9]+)` \|", page("reasons.md"), re.MULTILINE)

    assert sorted(listed) == sorted(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_produced_by_some_test(reason: Reason):
    said = re.compile(rf"Reason\.{reason.name}\b|\"{reason}\"")

    assert any(said.search(path.read_text(encoding="utf-8")) for path in (ROOT / "tests").rglob("test_*.py"))


@pytest.mark.parametrize(("key", "default"), list(config_keys(RunConfig)))
def test_a_config_key_has_its_row_with_its_default(key: str, default: object):
    shown = default if isinstance(default, str) else json.dumps(default)

    assert f"| `{key}` | `{shown}` | " in page("configuration.md")


def test_a_test_that_operations_name_is_there():
    named = set(re.findall(r"`(test_\w+)`", page("operations.md")))

    assert named
    assert named - {path.stem for path in (ROOT / "tests").rglob("test_*.py")} == set()


def test_the_config_example_is_usable():
    example = re.search(r"```yaml\n(.*?)```", page("configuration.md"), re.DOTALL)

    assert example is not None
    assert RunConfig.model_validate(yaml.safe_load(example[1])).export.shard


def test_the_policy_example_is_usable_and_drops_a_french_caption():
    example = re.search(r"```yaml\n(.*?)```", page("policies.md"), re.DOTALL)
    assert example is not None
    policy = Policy.model_validate(yaml.safe_load(example[1]))
    values = {"image.width": 500, "image.height": 400, "image.sharpness": 300.0, "text.filename_likeness": 0.0}

    told = explain_rule(
        policy, {**values, "text.words": 6, "text.language": "fr", "text.language_confidence": 0.99}, {}
    )

    assert told is not None
    assert told.endswith(f"→ drop ({Reason.WRONG_LANGUAGE})")
    assert isinstance(policy.select, TopFraction)


@pytest.mark.parametrize("example", re.findall(r"```yaml\n(.*?)```", page("policies.md"), re.DOTALL))
def test_every_example_of_the_policy_page_is_usable(example: str):
    rest = {"name": "example", "version": 1, "description": "", "select": {"method": "fdr", "alpha": 0.05}}

    policy = Policy.model_validate(rest | yaml.safe_load(example))

    assert policy.signals


def test_the_policy_page_has_an_example_of_every_key():
    examples = " ".join(re.findall(r"```yaml\n(.*?)```", page("policies.md"), re.DOTALL))
    models = (Policy, Rule, Absolute, TopFraction, Percentile, Fdr, AllOf)
    keys = {field.alias or name for model in models for name, field in model.model_fields.items()}

    assert {key for key in keys if not re.search(rf"\b{key}:", examples)} == set()


@pytest.mark.parametrize("view", QUERIES)
def test_every_column_of_a_public_view_is_named(view: str):
    text = page("sources-and-exports.md")
    signals = {signal.column for signal in SIGNALS}

    missing = [
        column.name
        for column in QUERIES[view].selected_columns
        if column.name not in signals and f"`{column.name}`" not in text
    ]

    assert f"**`{view}`**" in text
    assert missing == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(path: Path):
    text = _FENCED.sub("", path.read_text(encoding="utf-8"))
    broken = []
    for link in _LINK.findall(text):
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert broken == []


def test_every_page_is_in_the_index():
    index = page("README.md")

    assert [path.name for path in DOCS.glob("*.md") if f"({path.name})" not in index and path.name != "README.md"] == []


def test_the_readme_s_tree_names_every_source_file_and_nothing_else():
    named = tree((ROOT / "README.md").read_text(encoding="utf-8"))
    files = tracked()
    sources = {
        name
        for name in files
        if (name.endswith(".py") and not name.startswith("tests/") and not name.endswith("/__init__.py"))
        or "/" not in name
    }

    assert sources - named == set()
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_every_line_of_the_readme_s_tree_that_names_a_file_says_what_it_is():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = readme[readme.index("## Files") :].split("```")[1]

    silent = [line for line in block.splitlines()[1:] if len(line.split()) < 2 and not line.endswith("/")]

    assert silent == []
