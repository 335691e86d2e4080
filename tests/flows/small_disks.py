"""A real disk of a few hundred kilobytes, which only the processes that enter it see."""

import ctypes
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

MOUNT = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && echo mounted && exec cat'
CLONE_NEWUSER, CLONE_NEWNS = 0x10000000, 0x00020000


class SmallDisk:
    """A tmpfs over a folder, in a mount namespace that a process of its own holds open."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--map-root-user", "sh", "-c", MOUNT, "sh", str(size), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def require(self) -> None:
        """Wait until it is mounted; skip the test where that is not permitted."""
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "mounted\n":
            pytest.skip(f"mounting is not permitted here: {self._holder.communicate()[1].strip()}")

    @property
    def inside(self) -> Path:
        """The folder as those see it that have entered."""
        return Path(f"/proc/{self._holder.pid}/root{self.folder}")

    @property
    def entered(self) -> "Entered":
        """Have a command see it."""
        return Entered(self._holder.pid)

    def grow(self, size: int) -> None:
        """Make room."""
        enter = ["nsenter", f"--target={self._holder.pid}", "--user", "--mount", "--preserve-credentials"]
        subprocess.run([*enter, "mount", "-o", f"remount,size={size}", str(self.folder)], check=True)

    def remove(self) -> None:
        self._holder.communicate()


@dataclass(frozen=True)
class Entered:
    """Has a forked process enter the namespaces of another one."""

    pid: int

    def install(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        # Both are opened before: afterwards /proc is seen with other eyes.
        kinds = {CLONE_NEWUSER: "user", CLONE_NEWNS: "mnt"}
        namespaces = {os.open(f"/proc/{self.pid}/ns/{name}", os.O_RDONLY): kind for kind, name in kinds.items()}
        for descriptor, kind in namespaces.items():
            if libc.setns(descriptor, kind):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
