"""The command lines of README and docs: each one parses, so that a renamed option or command breaks it here."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand, TyperGroup
from typer.testing import CliRunner

from pairsift.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = typer.main.get_group(app)


def shell_lines(path: Path) -> list[str]:
    """The lines of a page's sh blocks, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    return [line.split(" #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


def pairsift_lines() -> list[str]:
    lines = [line for path in PAGES for line in shell_lines(path)]
    return sorted({line for line in lines if re.match(r"(\w+=\S+ )*pairsift ", line)})


def parse(group: TyperGroup, arguments: list[str]) -> None:
    """Parse a command line down to its last command, as a run would, without running it."""
    name, command, rest = group.resolve_command(typer.Context(group), arguments)
    assert command is not None
    if isinstance(command, TyperGroup):
        parse(command, rest)
        return
    command.make_context(name, rest)


def commands(group: TyperGroup, prefix: str = "pairsift") -> dict[str, TyperCommand]:
    """Every command that is no group, by its full name."""
    found: dict[str, TyperCommand] = {}
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            found |= commands(command, f"{prefix} {name}")
        elif isinstance(command, TyperCommand):
            found[f"{prefix} {name}"] = command
    return found


@pytest.mark.parametrize("line", pairsift_lines())
def test_a_command_line_of_the_docs_parses(line: str):
    words = shlex.split(line)

    parse(COMMAND, words[words.index("pairsift") + 1 :])


def test_a_line_with_an_option_that_is_not_there_does_not_parse():
    with pytest.raises(Exception, match="No such option: --rerun-broken"):  # the class is private to typer
        parse(COMMAND, ["run", "shards", "--rerun-broken"])


def test_the_first_lines_of_the_readme_are_the_makefile_s():
    first = shell_lines(ROOT / "README.md")[:2]
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

    assert first == ["make run", "make test"]
    assert {"run", "test"} <= set(targets)


@pytest.mark.parametrize("name", commands(COMMAND))
def test_a_command_has_its_section_with_every_option(name: str):
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {name}$(.*?)(?=^## )", text, re.DOTALL | re.MULTILINE)
    assert section is not None

    options = [opt for parameter in commands(COMMAND)[name].params for opt in parameter.opts if opt.startswith("--")]

    assert [option for option in options if option != "--help" and option not in section[1]] == []


def test_listing_the_policies_names_those_that_the_docs_describe():
    result = CliRunner().invoke(app, ["policies", "--json"])

    assert result.exit_code == 0
    text = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
    assert set(re.findall(r'"name": "([a-z]+)", "version"', result.output)) == set(
        re.findall(r"/policies/([a-z]+)\.yaml", text)
    )
