"""A virtual environment for each peer, made once below build/."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

TIMEOUT_S = 3_600


class NotInstallableError(Exception):
    """A peer cannot be installed here; the message says why."""


def prepare_environment(folder: Path, requirements: Sequence[str]) -> Path:
    """Install `requirements` into an environment at `folder`, if they are not there; return its folder of commands.

    Raises NotInstallableError with pip's own reason; the next call tries again.
    """
    commands, stamp = folder / "bin", folder / "installed.txt"
    wanted = "\n".join(requirements) + "\n"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return commands
    if not (commands / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    install(commands / "python", requirements)
    stamp.write_text(wanted, encoding="utf-8")
    return commands


def install(python: Path, requirements: Sequence[str]) -> None:
    """Have pip install `requirements`; its output lies beside the environment's commands."""
    log = python.parents[1] / "pip.log"
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", *requirements]
    with log.open("wb") as output:
        try:
            code = subprocess.run(
                command, stdout=output, stderr=subprocess.STDOUT, timeout=TIMEOUT_S, check=False
            ).returncode
        except subprocess.TimeoutExpired as error:
            raise NotInstallableError(f"pip took longer than {TIMEOUT_S} s") from error
    if code:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        raise NotInstallableError(next((line for line in reversed(lines) if line.startswith("ERROR")), f"pip: {code}"))


def installed_versions(commands: Path, requirements: Sequence[str]) -> dict[str, str]:
    """Return the versions of the packages that `requirements` name in an environment."""
    names = [re.split(r"[=<>]", requirement)[0] for requirement in requirements]
    program = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    command = [str(commands / "python"), "-c", program, *names]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(zip(names, done.stdout.split(), strict=True))
