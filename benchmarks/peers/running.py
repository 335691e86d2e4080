"""Prepare systems, run them, and keep what was measured of each."""

import json
import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers.environments import NotInstallableError, installed_versions, prepare_environment
from benchmarks.peers.figures import Limit, Repeat, Usage
from benchmarks.peers.process_tree import CommandFailedError, measure
from benchmarks.peers.systems import Inputs, System, own_commands

NOT_INHERITED = ("PYTHONPATH", "VIRTUAL_ENV")
EVERYWHERE = {"CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}
"""No GPU for anybody, and nobody waits for a hub."""


@dataclass(slots=True)
class Record:
    """What is known of one system so far: why it is not run (any more), its command, and what was measured."""

    skipped: str | None
    commands: Path = field(default_factory=own_commands)
    versions: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    repeats: list[Repeat] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)


def say(text: str) -> None:
    """Tell whoever waits how far it is; the table alone goes to stdout."""
    print(text, file=sys.stderr, flush=True)


def prepare(system: System, build: Path) -> Record:
    """Install what a system needs, or record why it is not run."""
    if system.skipped or system.environment is None:
        return Record(system.skipped)
    say(f"installing {system.name}")
    try:
        commands = prepare_environment(build / "envs" / system.environment, system.requirements)
    except NotInstallableError as error:
        return Record(f"not installed: {error}")
    return Record(None, commands, installed_versions(commands, system.requirements))


def repeat(system: System, record: Record, pairs: int, sizes: tuple[Inputs, Inputs]) -> None:
    """Run a system on n pairs and on 2n and record both; one that fails is not run again."""
    if record.skipped:
        return
    try:
        record.repeats.append(
            Repeat(pairs, run(system, record, sizes[0], pairs), run(system, record, sizes[1], 2 * pairs))
        )
    except CommandFailedError as error:
        record.skipped = f"failed: {error}"
        say(f"  {record.skipped}")


def run(system: System, record: Record, inputs: Inputs, pairs: int) -> Usage:
    """Run a system once; an outcome for fewer pairs than it was given is a failure."""
    with tempfile.TemporaryDirectory() as folder:
        usage = launch(system, record, inputs, Path(folder))
        done = system.count_done(Path(folder))
    if done != pairs:
        raise CommandFailedError(f"an outcome for {done} of {pairs} pairs")
    say(f"  {pairs} pairs: {usage.wall_s:.0f} s, CPU {usage.cpu_s:.0f} s, {usage.peak_mib:.0f} MiB")
    return usage


def measure_limit(system: System, record: Record, inputs: Inputs) -> None:
    """Run an encoder alone and record the figures that it prints of itself."""
    if record.skipped:
        return
    try:
        with tempfile.TemporaryDirectory() as folder:
            launch(system, record, inputs, Path(folder))
            figures = json.loads((Path(folder) / "stdout.txt").read_text(encoding="utf-8"))
    except CommandFailedError as error:
        record.skipped = f"failed: {error}"
        return
    record.limits.append(Limit(**figures))


def launch(system: System, record: Record, inputs: Inputs, folder: Path) -> Usage:
    """Start a system's command in `folder` and measure it."""
    started = system.launch(record.commands, inputs, folder)
    record.command = [part.replace(str(folder), "OUT") for part in started.command]
    inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    return measure(started.command, inherited | EVERYWHERE | started.environment, folder)
