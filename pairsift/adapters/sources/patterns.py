"""The files that a path, a glob or a brace range names."""

import re
from itertools import product
from pathlib import Path

from pairsift.adapters.sources.files import SourceFile, local_file, local_path, remote, remote_file
from pairsift.core.days import ALLOWED, has_date
from pairsift.errors import ConfigError

_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_BRACES = re.compile(r"\{[^{}]*\}")


def find_files(uri: str, base: str) -> tuple[list[SourceFile], list[str]]:
    """List the files that `uri` names, sorted by their names below `base`, and what a range names in vain."""
    by_name = {name: _find(name, base) for name in expand_ranges(uri)}
    found = [file for files in by_name.values() for file in files]
    absent = [name for name, files in by_name.items() if name != uri and not files]
    return sorted({file.name: file for file in found}.values(), key=lambda file: file.name), absent


def refuse_unknown_braces(uri: str) -> None:
    """Raise ConfigError for braces that were taken as they are, in a source of which nothing was found."""
    odd = [braces[0] for braces in _BRACES.finditer(uri) if not (_RANGE.fullmatch(braces[0]) or has_date(braces[0]))]
    if odd:
        raise ConfigError(
            f"{uri} names no file: {odd[0]} is neither a date ({ALLOWED}) nor a range such as {{00000..00099}}"
        )


def expand_ranges(uri: str) -> list[str]:
    """Write out `{00000..00003}`, zero-padded as its first number is; several ranges give all combinations."""
    pieces = _RANGE.split(uri)
    numbers = [
        [f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1)]
        for first, last in zip(pieces[1::3], pieces[2::3], strict=True)
    ]
    literals = pieces[0::3]
    return [literals[0] + "".join(map("".join, zip(chosen, literals[1:], strict=True))) for chosen in product(*numbers)]


def base_of(uri: str) -> str:
    """Give the folders before a source's first pattern character; the names of its files begin below them."""
    path = local_path(uri)
    is_plain = not has_date(uri) and path is not None and path.exists()
    before_pattern = uri if is_plain else re.split(r"[*?\[{]", uri, maxsplit=1)[0]
    folder, slash, _ = before_pattern.rpartition("/")
    return folder + slash or "."


def _find(name: str, base: str) -> list[SourceFile]:
    path, root = local_path(name), local_path(base)
    return _find_remote(name, base) if path is None or root is None else _find_local(path, root)


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
