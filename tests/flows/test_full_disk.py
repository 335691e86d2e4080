"""A disk that is full: the partition fails and names the file; with room the same command goes on."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.flows.nursery import Nursery
from tests.flows.places import Place, command_over, place
from tests.flows.running import files_of
from tests.flows.small_disks import SmallDisk

PAGE = 4096
ROOM = 50_000_000


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Three shards: the second is too large for the disks of these tests."""
    return command_over(tmp_path_factory.mktemp("source"), {"a": range(4), "b": range(80, 96), "c": range(150, 153)})


@pytest.fixture(scope="module")
def undisturbed_place(command: tuple[str, ...], nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Place:
    there = place(tmp_path_factory.mktemp("undisturbed"))
    nursery.run(command, there)
    return there


@pytest.fixture
def small_disk() -> Iterator[Callable[[Path, int], SmallDisk]]:
    """Put a disk of `size` bytes over a folder."""
    disks: list[SmallDisk] = []

    def mount(folder: Path, size: int) -> SmallDisk:
        folder.mkdir(parents=True)
        disks.append(SmallDisk(folder, size))
        disks[-1].require()
        return disks[-1]

    yield mount
    for disk in disks:
        disk.remove()


def size_of(files: dict[str, bytes]) -> int:
    return sum(-(-len(data) // PAGE) * PAGE for data in files.values())


def test_a_full_disk_of_exports_fails_what_does_not_fit_and_the_rest_follows_when_there_is_room(
    *,
    nursery: Nursery,
    command: tuple[str, ...],
    undisturbed_place: Place,
    tmp_path: Path,
    small_disk: Callable[[Path, int], SmallDisk],
):
    there, expected = place(tmp_path), undisturbed_place.results()
    of_b = {name: data for name, data in expected.files.items() if "/b/" in name or "/b-" in name}
    out = there.storage / "exports"
    disk = small_disk(out, size_of(expected.files) - size_of(of_b) // 2)

    full = nursery.run(command, there, disk.entered)
    written = files_of(disk.inside)
    disk.grow(ROOM)
    again = nursery.run(command, there, disk.entered)
    checked = nursery.run(("check", "--json"), there, disk.entered)

    assert full.exit_code == 1
    assert full.summary["partitions"] == {"committed": 2, "skipped": 0, "failed": 1}
    (failure,) = full.summary["failed"]
    assert failure["partition"] == "b"
    assert failure["error"].startswith(f"DiskFullError: no space left for {out}/shards/shards/b-")
    assert ".tar (ENOSPC): make room there" in failure["error"]
    told = {f"shards/{name}": written[f"shards/{name}"] for name in ("manifest.json", "shards/sizes.json")}
    assert written.items() - told.items() <= expected.files.items()
    assert not list(disk.inside.rglob("*.tmp"))
    assert again.summary["partitions"] == {"committed": 1, "skipped": 2, "failed": 0}
    assert files_of(disk.inside) == expected.files
    assert json.loads(checked.out)["problems"] == []
    assert there.count("SELECT count(*) FROM pair") == len(expected.rows)


@pytest.mark.production
def test_a_full_disk_of_chunks_keeps_those_that_are_done(
    *,
    nursery: Nursery,
    command: tuple[str, ...],
    undisturbed_place: Place,
    tmp_path: Path,
    small_disk: Callable[[Path, int], SmallDisk],
):
    there, chunks = place(tmp_path), files_of(undisturbed_place.storage / "chunks")
    disk = small_disk(there.storage / "chunks", size_of(chunks) // 2)

    full = nursery.run(command, there, disk.entered)
    written, ledgered = files_of(disk.inside), there.count("SELECT count(*) FROM chunk")
    disk.grow(ROOM)
    again = nursery.run(command, there, disk.entered)
    checked = nursery.run(("check", "--json"), there, disk.entered)

    assert full.exit_code == 1
    errors = {failure["partition"]: failure["error"] for failure in full.summary["failed"]}
    assert "a" not in errors
    assert errors["b"].startswith(f"DiskFullError: no space left for {there.storage}/chunks/")
    assert "(ENOSPC): make room there" in errors["b"]
    assert written.items() <= chunks.items()
    assert len(written) == ledgered
    assert again.summary["failed"] == []
    assert there.results() == undisturbed_place.results()
    assert json.loads(checked.out)["problems"] == []
