"""Who is at work: a process, named so that another one on the same machine can tell whether it is dead."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process. `start` is in clock ticks since boot; the last three are None where there is no /proc."""

    host: str
    pid: int
    boot_id: str | None = None
    pid_namespace: str | None = None
    start: int | None = None

    @classmethod
    def current(cls) -> "ProcessIdentity":
        """Name the calling process."""
        state = _state_and_start(os.getpid())
        return cls(
            host=socket.gethostname(),
            pid=os.getpid(),
            boot_id=_boot_id(),
            pid_namespace=_pid_namespace(),
            start=None if state is None else state[1],
        )

    def known_dead(self) -> bool:
        """Say whether this process has surely ended; False wherever the calling process cannot know.

        It can know within one boot and one pid namespace only. A pid alone is reused, hence the start time; a
        zombie has ended.
        """
        if self.start is None or self.boot_id is None or self.pid_namespace is None:
            return False
        if (self.boot_id, self.pid_namespace) != (_boot_id(), _pid_namespace()):
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass  # another user's process: it is there, /proc says whether it is the same one
        state = _state_and_start(self.pid)
        return state is not None and (state[0] in "ZX" or state[1] != self.start)


def _state_and_start(pid: int) -> tuple[str, int] | None:
    """Read state letter and start time (fields 3 and 22 of /proc/PID/stat, see proc(5)); None if unreadable."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name in brackets may hold spaces and brackets
    return fields[0], int(fields[19])


def _boot_id() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None


def _pid_namespace() -> str | None:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return None
