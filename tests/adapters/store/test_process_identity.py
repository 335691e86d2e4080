"""A process is known dead only where that can be known."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from pairsift.adapters.store.process import ProcessIdentity

ME = ProcessIdentity.current()


def test_this_process_lives():
    assert not ME.known_dead()
    assert ME.pid == os.getpid()


def test_a_process_that_ended_is_dead_before_and_after_it_is_reaped():
    script = (
        "from pairsift.adapters.store.process import ProcessIdentity as P; me = P.current(); print(me.pid, me.start)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        pid, start = map(int, child.stdout.read().split())
        identity = replace(ME, pid=pid, start=start)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # ended, and still a zombie
        zombie = identity.known_dead()

    assert zombie
    assert identity.known_dead()


@pytest.mark.parametrize(
    ("identity", "dead"),
    [
        (replace(ME, start=1), True),
        (replace(ME, start=1, boot_id="another"), False),
        (replace(ME, start=1, pid_namespace="pid:[1]"), False),
        (replace(ME, start=None), False),
        (replace(ME, start=1, boot_id=None), False),
    ],
    ids=["reused pid", "another boot", "another namespace", "no start time", "no boot id"],
)
def test_a_stranger_is_judged_only_within_boot_and_namespace(identity: ProcessIdentity, dead: bool):
    assert identity.known_dead() is dead
