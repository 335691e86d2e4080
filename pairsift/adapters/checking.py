"""Proves from the store and the files that nothing is lost, doubled or damaged."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from pairsift.adapters.confined import place_below
from pairsift.adapters.exports import INDEX, damaged_files, manifest_is_current
from pairsift.adapters.manifests import rebuild_manifest
from pairsift.adapters.published import facts_at
from pairsift.adapters.references import look_at_references
from pairsift.adapters.store.queries import active_exports, conservation, export_places, stored_files
from pairsift.adapters.store.rows import StoredFile
from pairsift.errors import OutsideStorageError


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as the store says."""

    problem: str
    where: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How much was checked, and what is wrong."""

    checked: dict[str, int]
    problems: list[Problem]


def check(engine: Engine, storage: Path, *, repair: bool) -> CheckResult:
    """Check conservation under every decision set, every file that is promised or referred to, and every manifest.

    `repair` rebuilds manifests that differ from the store; nothing else is ever changed.
    """
    accounts = conservation(engine)
    files = stored_files(engine)
    places = export_places(engine)
    problems = [
        Problem(
            "the pairs read are not exactly those kept, dropped and quarantined",
            f"{a.dataset}/{a.partition}, decision set {a.decision_set_id}",
        )
        for a in accounts
        if not a.holds
    ]
    problems += [problem for file in files for problem in _check_file(file, storage)]
    referred = look_at_references(engine, storage)
    problems += [Problem(each.problem, each.where) for each in referred if each.problem is not None]
    problems += [problem for place in places for problem in _check_manifest(engine, *place, repair=repair)]
    read = {(account.dataset, account.partition): account.said.read for account in accounts}
    checked = {"committed partitions": len(read), "pairs": sum(read.values()), "decided partitions": len(accounts)}
    counted = {"files": len(files), "reference files": len(referred), "manifests": len(places)}
    return CheckResult(checked | counted, problems)


def _check_file(file: StoredFile, storage: Path) -> Iterator[Problem]:
    try:
        uri = str(place_below(storage, file.uri)) if file.kind == "chunk" else file.uri
    except OutsideStorageError as error:
        yield Problem(str(error), f"{file.kind} {file.uri} of {file.dataset}/{file.partition}")
        return
    where = f"{file.kind} {uri} of {file.dataset}/{file.partition}"
    facts = facts_at(uri)
    if facts is None:
        yield Problem("the file is gone: run the source again, it is made anew", where)
    elif facts.sha256 != file.sha256:
        yield Problem("the file's bytes have changed: remove it and run the source again, it is made anew", where)
    elif file.uri.endswith(f"/{INDEX}"):
        damaged = list(damaged_files(Path(uri)))
        if damaged:
            what = f"{len(damaged)} files of the folder are gone or have changed, the first {damaged[0].name!r}"
            yield Problem(f"{what}: remove the folder and run the source again, it is made anew", where)


def _check_manifest(engine: Engine, dataset: str, out: str, *, repair: bool) -> Iterator[Problem]:
    if manifest_is_current(out, dataset, active_exports(engine, dataset, out)):
        return
    if repair:
        rebuild_manifest(engine, dataset, out)
        return
    yield Problem("the manifest is not what is committed: `pairsift check --repair` rebuilds it", f"{out}/{dataset}")
