"""Files of evaluation sets, and those that a policy names."""

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Engine

from pairsift.adapters.confined import place_below
from pairsift.adapters.durable import write_durably
from pairsift.adapters.store.tables import evaluation_set as evaluation_table
from pairsift.adapters.targets import Wanted, require_set
from pairsift.core.evaluation_sets import EvaluationSet, Member, evaluation_set
from pairsift.core.policy import Policy
from pairsift.core.records import Cleaner
from pairsift.errors import EvaluationSetDamagedError

_WORDS = pa.list_(pa.string())
_STORED = np.dtype("<f2")


def evaluation_uri(fingerprint: str) -> str:
    """Name an evaluation set's file below the storage folder."""
    return f"evaluation-sets/{fingerprint}.parquet"


def write_evaluation_set(storage: Path, members: Sequence[Member]) -> EvaluationSet:
    """Write an evaluation set durably under its fingerprint."""
    made = evaluation_set(members)
    write_durably(storage / evaluation_uri(made.fingerprint), partial(_save, table=_to_table(members)))
    return made


def load_evaluation_set(storage: Path, fingerprint: str) -> EvaluationSet:
    """Load an evaluation set; EvaluationSetDamagedError where its file is gone or is not as it was."""
    path = place_below(storage, evaluation_uri(fingerprint))
    try:
        found = evaluation_set([_to_member(row) for row in pq.read_table(path).to_pylist()])
    except (OSError, ValueError, LookupError, pa.ArrowException) as error:
        raise _damaged(path, f"is gone or damaged ({error})") from error
    if found.fingerprint != fingerprint:
        raise _damaged(path, "holds other members than the store says")
    return found


@lru_cache(maxsize=2)
def load_evaluation_sets(storage: Path, named: tuple[tuple[str, str], ...]) -> Mapping[str, EvaluationSet]:
    """Load evaluation sets, given as names with fingerprints; kept for the next partition."""
    return {name: load_evaluation_set(storage, fingerprint) for name, fingerprint in named}


def find_evaluation_sets(engine: Engine, policy: Policy, score_fingerprint: str) -> tuple[tuple[str, str], ...]:
    """Give the evaluation sets that a policy names, as names with fingerprints, in its order.

    ConfigError, which says how to make one, where there is none for pairs that are scored so.
    """
    if policy.decontaminate is None:
        return ()
    makes = "`pairsift evaluation-set SOURCE --name {name}` makes one of a folder or shards"
    wanted = Wanted(evaluation_table, "evaluation set", policy.name, score_fingerprint, makes)
    return tuple((name, require_set(engine, wanted, name)) for name in policy.decontaminate.against)


def _to_table(members: Sequence[Member]) -> pa.Table:
    embeddings = [None if each.embedding is None else each.embedding.astype(_STORED).tobytes() for each in members]
    columns = {
        "key": pa.array([each.key for each in members], pa.string()),
        "picture": pa.array([each.picture for each in members], pa.string()),
        "hash": pa.array([each.hash for each in members], pa.string()),
        "embedding": pa.array(embeddings, pa.binary()),
    }
    captions = {
        f"captions_{cleaner}": pa.array([list(each.captions.get(cleaner, ())) for each in members], _WORDS)
        for cleaner in Cleaner
    }
    return pa.table({**columns, **captions})


def _to_member(row: Mapping[str, Any]) -> Member:
    embedding = row["embedding"]
    return Member(
        key=row["key"],
        picture=row["picture"],
        hash=row["hash"],
        embedding=None if embedding is None else np.frombuffer(embedding, dtype=_STORED),
        captions={cleaner: row[f"captions_{cleaner}"] for cleaner in Cleaner},
    )


def _save(path: Path, table: pa.Table) -> None:
    pq.write_table(table, path)


def _damaged(path: Path, what: str) -> EvaluationSetDamagedError:
    return EvaluationSetDamagedError(
        f"file {path} of an evaluation set {what}: bring it back from a backup, or make it anew by "
        "`pairsift evaluation-set`"
    )
