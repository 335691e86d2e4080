from pathlib import Path

import fsspec
import pytest

from pairsift.adapters.sources import open_source, read_partition
from pairsift.errors import ConfigError, SourceError
from tests.adapters.reading import specs_of
from tests.adapters.tiny_shard import tiny_shard


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    for name in ("one/0.tar", "one/1.tar", "two/0.tar", "two/2.tar"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(tiny_shard())
    return tmp_path


def write(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines))
    return f"@{path}"


def test_a_list_names_paths_patterns_and_folders_below_its_own_folder(shards: Path):
    source = write(shards / "list.txt", "# remark", "one/{0..1}.tar", "", f"{shards}/two", "one/0.tar", "./one/*.tar")

    specs = specs_of(source)

    assert [spec.key for spec in specs] == ["one%2F0", "one%2F1", "two%2F0", "two%2F2"]
    assert [len(list(read_partition(spec))) for spec in specs] == [1] * 4
    assert open_source(source).why == f"4 WebDataset shard(s) named by 4 line(s) of {source}"


def test_a_list_of_folders_of_images_is_one_folder(tmp_path: Path):
    for name in ("a/1.jpg", "b/c/2.jpg"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(name.encode())

    [spec] = specs_of(write(tmp_path / "list.txt", "a", "b"))

    assert spec.members == ("a/1.jpg", "b/c/2.jpg")


def test_a_list_may_lie_and_name_files_behind_fsspec():
    system = fsspec.filesystem("memory")
    for name in ("x/0.tar", "y/0.tar"):
        system.pipe_file(f"/lists/{name}", tiny_shard())
    system.pipe_file("/lists/all.txt", b"x/0.tar\nmemory://lists/y/*.tar\n")

    assert [spec.key for spec in specs_of("@memory://lists/all.txt")] == ["x%2F0", "y%2F0"]
    system.rm("/lists", recursive=True)


@pytest.mark.parametrize(
    ("lines", "error", "message"),
    [
        (["one/0.tar", "none.tar"], SourceError, "none.tar names no file"),
        (["one/{0..2}.tar"], SourceError, "2.tar is not there, but the range names it"),
        (["# nothing"], SourceError, "lists no source"),
        (["http://host/a.jpg"], SourceError, "lists URLs such as http://host/a.jpg.*img2dataset"),
        (["one/{date}.tar"], ConfigError, "have no dates"),
        (["one/0.tar", "memory://x/0.tar"], SourceError, "names no file"),
    ],
)
def test_a_list_that_is_of_no_use_is_told(shards: Path, lines: list[str], error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        open_source(write(shards / "list.txt", *lines))


def test_a_list_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(SourceError, match="is no list of sources"):
        open_source(f"@{tmp_path}/none.txt")


def test_files_of_several_file_systems_are_refused(shards: Path):
    fsspec.filesystem("memory").pipe_file("/far/0.tar", tiny_shard())

    with pytest.raises(SourceError, match="in several file systems"):
        open_source(write(shards / "list.txt", "one/0.tar", "memory://far/0.tar"))


def test_a_text_file_without_the_mark_of_a_list_is_told(shards: Path):
    write(shards / "list.txt", "one/0.tar")

    with pytest.raises(SourceError, match=r"a list of sources is given as @.*list\.txt"):
        open_source(f"{shards}/list.txt")
