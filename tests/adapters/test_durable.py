import errno
import hashlib
import multiprocessing
from pathlib import Path

import pytest

from pairsift.adapters.durable import write_durably
from pairsift.errors import DiskFullError

TEXT = "whole\n" * 100_000


def write_often(target: Path) -> None:
    for _ in range(30):
        write_durably(target, lambda temporary: temporary.write_text(TEXT))


def test_writes_the_file_and_says_what_it_is(tmp_path: Path):
    target = tmp_path / "a" / "b" / "file.txt"

    facts = write_durably(target, lambda temporary: temporary.write_bytes(b"data"))

    assert target.read_bytes() == b"data"
    assert (facts.sha256, facts.size) == (hashlib.sha256(b"data").hexdigest(), 4)
    assert [path.name for path in target.parent.iterdir()] == ["file.txt"]


def test_a_failing_writer_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    target = tmp_path / "file.txt"
    target.write_text("old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_durably(target, fail)

    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


@pytest.mark.parametrize(("number", "name"), [(errno.ENOSPC, "ENOSPC"), (errno.EDQUOT, "EDQUOT")])
def test_a_full_disk_is_named_with_the_file_that_found_no_room(tmp_path: Path, number: int, name: str):
    target = tmp_path / "file.txt"

    def find_no_room(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError(number, "no room")

    with pytest.raises(DiskFullError, match=rf"no space left for {target} \({name}\): make room"):
        write_durably(target, find_no_room)

    assert list(tmp_path.iterdir()) == []


def test_the_file_has_the_permissions_of_any_new_file(tmp_path: Path):
    (tmp_path / "plain").touch()

    write_durably(tmp_path / "durable", lambda temporary: temporary.touch())

    assert (tmp_path / "durable").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_two_processes_may_write_one_target(tmp_path: Path):
    target = tmp_path / "file.txt"
    fork = multiprocessing.get_context("spawn")
    writers = [fork.Process(target=write_often, args=(target,)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert [writer.exitcode for writer in writers] == [0, 0]
    assert target.read_text() == TEXT
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]
