"""The files that a source names: by a path, a pattern, a date, or a list of these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from pairsift.adapters.sources.files import SourceFile, local_path, relative_name, remote, uri_of, walk
from pairsift.adapters.sources.lists import LIST, common_folder, read_list
from pairsift.adapters.sources.patterns import base_of, find_files, refuse_unknown_braces
from pairsift.core.days import has_date, name_days, on_day
from pairsift.errors import ConfigError, SourceError


@dataclass(frozen=True, slots=True)
class Part:
    """What there is of one day; `absent` is what a range names in vain, `name` the day's folder below the base."""

    files: Sequence[SourceFile]
    absent: Sequence[str] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What a source names, by day if it has days; names of files begin below `base`.

    `whole` if it names folders, with all that is in them.
    """

    uri: str
    base: str
    parts: Mapping[date | None, Part]
    told: str
    whole: bool

    @property
    def files(self) -> list[SourceFile]:
        """All files."""
        return [file for part in self.parts.values() for file in part.files]


def find(uri: str, days: Sequence[date]) -> Found:
    """Find what a source names; SourceError where that is nothing, or a range names what is not there.

    What is not there of a day does not keep back the others.
    """
    if uri.startswith(LIST):
        return _find_listed(uri)
    if has_date(uri):
        base = base_of(uri)
        parts: dict[date | None, Part] = {day: _of_day(on_day(uri, day), base) for day in days}
        return Found(uri, _absolute(base), parts, f"named by {uri}", all(p.name for p in parts.values() if p.files))
    base, files = _find_one(uri)
    whole = is_folder(uri)
    return Found(uri, _absolute(base), {None: Part(files)}, f"{'under' if whole else 'named by'} {uri}", whole)


def is_folder(uri: str) -> bool:
    """Say whether a folder is there under a name."""
    path = local_path(uri)
    if path is not None:
        return path.is_dir()
    system, name = remote(uri)
    return bool(system.isdir(name))


def tell_days(found: Found, there: Sequence[date], missing: Sequence[date]) -> str:
    """Say of which days something is there, and of which it is not, or not all."""
    absent = [name for day in there for name in found.parts[day].absent]
    lacking = f"; nothing, or not all, of {name_days(missing)}" if missing else ""
    example = f" ({absent[0]} is not there)" if absent else ""
    return f"of {len(there)} day(s) {found.told}{lacking}{example}"


def _find_one(uri: str) -> tuple[str, list[SourceFile]]:
    """List the files that a path or a pattern names, and the folder below which their names begin."""
    if is_folder(uri):
        return uri, walk(uri)
    base = base_of(uri)
    files, absent = find_files(uri, base)
    if not files:
        refuse_unknown_braces(uri)
    if absent:
        raise SourceError(f"{absent[0]} is not there, but the range names it: give a range of files that exist")
    if not files:
        raise SourceError(f"{uri} names no file: check the path; in a shell, put a pattern in quotes")
    return base, files


def _find_listed(uri: str) -> Found:
    lines = read_list(uri)
    for line in lines:
        if has_date(line):
            raise ConfigError(f"{uri} names {line}, and sources in a list have no dates: give that source itself")
    files = {file.uri: file for line in lines for file in _find_one(line)[1]}
    base = common_folder(uri, [file.uri for file in files.values()])
    named = [replace(file, name=relative_name(file.uri, base)) for file in files.values()]
    part = Part(sorted(named, key=lambda file: file.name))
    return Found(uri, base, {None: part}, f"named by {len(lines)} line(s) of {uri}", all(map(is_folder, lines)))


def _of_day(uri: str, base: str) -> Part:
    if not is_folder(uri):
        return Part(*find_files(uri, base))
    name = f"{relative_name(uri, base)}/"
    return Part([replace(file, name=f"{name}{file.name}") for file in walk(uri)], name=name)


def _absolute(uri: str) -> str:
    path = local_path(uri)
    return uri if path is None else uri_of(path)
