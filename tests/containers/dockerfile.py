"""Reads a Dockerfile: its stages, and the instructions of each."""

import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Stage:
    """One stage: the image or stage that it builds on, and its instructions with their arguments, in order."""

    name: str
    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        """Give the arguments of every instruction of a kind."""
        return [argument for word, argument in self.instructions if word == instruction]


def read_stages(path: Path) -> dict[str, Stage]:
    """Read a Dockerfile's stages by name, with the defaults of the arguments before them filled in."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    stages: dict[str, Stage] = {}
    defaults: dict[str, str] = {}
    stage = None
    for line in filter(str.strip, text.splitlines()):
        word, _, argument = line.partition(" ")
        if word == "FROM":
            base, _, name = argument.partition(" AS ")
            stage = Stage(name, re.sub(r"\$\{(\w+)\}", lambda found: defaults[found[1]], base))
            stages[name] = stage
        elif stage is None:
            name, _, default = argument.partition("=")
            defaults[name] = default
        else:
            stage.instructions.append((word, argument.strip()))
    return stages


def lineage(stages: dict[str, Stage], name: str) -> list[Stage]:
    """Give a stage behind those that it builds on, the first of them first."""
    stage = stages[name]
    return [*(lineage(stages, stage.base) if stage.base in stages else []), stage]
