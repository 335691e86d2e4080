"""Looks at the files that decisions and scores refer to: calibrations, target and evaluation sets, what was trained."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from sqlalchemy import Engine, select

from pairsift.adapters.calibrations import calibration_uri
from pairsift.adapters.confined import place_below
from pairsift.adapters.evaluation_sets import load_evaluation_set
from pairsift.adapters.published import facts_at
from pairsift.adapters.store.named_sets import set_fingerprints
from pairsift.adapters.store.tables import adapter, calibration, evaluation_set, fusion_head, target_set
from pairsift.adapters.targets import load_target
from pairsift.errors import EvaluationSetDamagedError, OutsideStorageError, TargetDamagedError


@dataclass(frozen=True, slots=True)
class Referred:
    """A file that the store refers to, and what is wrong with it; None if nothing is."""

    where: str
    problem: str | None


def look_at_references(engine: Engine, storage: Path) -> list[Referred]:
    """Hold every such file against the store, whether it is used now or was; each is read in full."""
    return [*_with_sha256(engine, storage), *_with_content(engine, storage)]


def _with_sha256(engine: Engine, storage: Path) -> Iterator[Referred]:
    with engine.connect() as connection:
        calibrations = connection.execute(select(calibration.c.fingerprint, calibration.c.sha256)).all()
        trained = [connection.execute(select(table.c.uri, table.c.sha256)).all() for table in (adapter, fusion_head)]
    made = [(calibration_uri(fingerprint), sha256) for fingerprint, sha256 in calibrations if sha256 is not None]
    for uri, sha256 in chain(made, *trained):
        yield Referred(str(storage / uri), _bytes_amiss(storage, uri, sha256))


def _with_content(engine: Engine, storage: Path) -> Iterator[Referred]:
    """Look at sets, which are named by what they hold."""
    for word, table, load in (
        ("target set", target_set, load_target),
        ("evaluation set", evaluation_set, load_evaluation_set),
    ):
        for fingerprint in set_fingerprints(engine, table):
            yield Referred(f"{word} {fingerprint}", _content_amiss(partial(load, storage, fingerprint)))


def _bytes_amiss(storage: Path, uri: str, sha256: str) -> str | None:
    try:
        facts = facts_at(str(place_below(storage, uri)))
    except OutsideStorageError as error:
        return str(error)
    if facts is not None and facts.sha256 == sha256:
        return None
    what = "the file is gone" if facts is None else "the file's bytes have changed"
    return f"{what}: bring it back from a backup, or make it anew under the same name from the same pairs"


def _content_amiss(load: Callable[[], object]) -> str | None:
    try:
        load()
    except (EvaluationSetDamagedError, OutsideStorageError, TargetDamagedError) as error:
        return str(error)
    return None
