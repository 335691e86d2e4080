"""The shards that a path, a glob or a brace range names."""

import re
from itertools import product
from pathlib import Path

from pairsift.adapters.sources.files import SourceFile, local_file, local_path, remote, remote_file
from pairsift.errors import SourceError

_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


def find_shards(uri: str) -> list[SourceFile]:
    """List the shards that `uri` names, sorted by their names below the folders before its first pattern character.

    SourceError where there is none, where one is not a `.tar`, and where one of a range is missing.
    """
    base = _base(uri)
    found = [file for name in expand_ranges(uri) for file in _find(name, base, is_needed=name != uri)]
    if not found:
        raise SourceError(f"{uri} names no file: check the path; in a shell, put a pattern in quotes")
    odd = [file.uri for file in found if not file.name.lower().endswith(".tar")]
    if odd:
        raise SourceError(f"{odd[0]} is of no known format: a source is a .tar, or a folder of .tar or image files")
    return sorted({file.name: file for file in found}.values(), key=lambda file: file.name)


def expand_ranges(uri: str) -> list[str]:
    """Write out `{00000..00003}`, zero-padded as its first number is; several ranges give all combinations."""
    pieces = _RANGE.split(uri)
    numbers = [
        [f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1)]
        for first, last in zip(pieces[1::3], pieces[2::3], strict=True)
    ]
    literals = pieces[0::3]
    return [literals[0] + "".join(map("".join, zip(chosen, literals[1:], strict=True))) for chosen in product(*numbers)]


def _base(uri: str) -> str:
    path = local_path(uri)
    is_plain = path is not None and path.exists()
    before_pattern = uri if is_plain else re.split(r"[*?\[{]", uri, maxsplit=1)[0]
    folder, slash, _ = before_pattern.rpartition("/")
    return folder + slash or "."


def _find(name: str, base: str, *, is_needed: bool) -> list[SourceFile]:
    path, root = local_path(name), local_path(base)
    found = _find_remote(name, base) if path is None or root is None else _find_local(path, root)
    if is_needed and not found:
        raise SourceError(f"{name} is not there, but the range names it: give a range of shards that exist")
    return found


def _find_local(path: Path, root: Path) -> list[SourceFile]:
    pattern = path.relative_to(root)
    if not pattern.parts:  # a folder that is not there, written with a slash at its end
        return []
    paths = [path] if path.exists() else list(root.glob(str(pattern)))
    files = [local_file(match, root) for match in paths if not match.name.startswith(".")]
    return [file for file in files if file is not None]


def _find_remote(name: str, base: str) -> list[SourceFile]:
    system, path = remote(name)
    _, root = remote(base)
    infos = system.glob(path, detail=True)
    return [remote_file(system, match, info, root) for match, info in infos.items() if info["type"] == "file"]
