"""What benchmarks.peers measures of a command: all its processes, and an error as an error."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MEASURE = """
import json, os, sys
from dataclasses import asdict
from pathlib import Path
from benchmarks.peers.process_tree import measure
print(json.dumps(asdict(measure([sys.executable, "-c", sys.argv[1]], os.environ, Path(sys.argv[2])))))
"""
BURN = "import time\nwhile time.process_time() < 0.5: pass\n"
ALLOCATE = "import time\nblock = b'x' * 150_000_000\ntime.sleep(1.5)\n"


def measured(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Measure a program from a process of its own: `measure` adopts and ends whatever children there are."""
    command = [sys.executable, "-c", MEASURE, program, str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("waits", ["process.wait()", "pass"], ids=["waited for", "left behind"])
def test_the_time_of_a_process_that_a_command_starts_counts(tmp_path: Path, waits: str):
    start = f"import subprocess, sys\nprocess = subprocess.Popen([sys.executable, '-c', {BURN!r}])\n{waits}\n"

    assert json.loads(measured(start, tmp_path).stdout)["cpu_s"] > 0.5


def test_memory_of_the_whole_tree_counts(tmp_path: Path):
    start = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {ALLOCATE!r}])\n"

    assert json.loads(measured(start, tmp_path).stdout)["peak_mib"] > 143


def test_a_command_that_fails_is_named_by_its_last_line(tmp_path: Path):
    error = measured("raise ValueError('no shards')", tmp_path).stderr

    assert error.endswith("CommandFailedError: exit code 1: ValueError: no shards\n")
