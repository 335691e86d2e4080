"""Files of target sets, and the one that a policy names."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sqlalchemy import Engine, Table

from pairsift.adapters.confined import place_below
from pairsift.adapters.durable import write_durably
from pairsift.adapters.store.named_sets import current_set, set_names
from pairsift.adapters.store.tables import target_set as target_table
from pairsift.core.conditions import nearest
from pairsift.core.norm_sim import TargetSet, target_set
from pairsift.core.policy import Policy
from pairsift.errors import ConfigError, SourceError, TargetDamagedError

EMBEDDING_FILES = (".npy", ".parquet")
"""What the name of a file of embeddings ends with."""

COLUMN = "image_embedding"
"""The column of a Parquet file that holds the embeddings: the one of an export."""

_SHORTEST = 1e-6
"""Length below which a row has no direction."""


def target_uri(fingerprint: str) -> str:
    """Name a target set's file below the storage folder."""
    return f"targets/{fingerprint}.npy"


def write_target(storage: Path, target: TargetSet) -> None:
    """Write a target set durably."""
    write_durably(storage / target_uri(target.fingerprint), partial(_save, rows=target.image))


def load_target(storage: Path, fingerprint: str) -> TargetSet:
    """Load a target set, its rows mapped, not read; TargetDamagedError where its file is gone or is not as it was."""
    path = place_below(storage, target_uri(fingerprint))
    try:
        found = target_set(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError) as error:
        raise _damaged(path, f"is gone or damaged ({error})") from error
    if found.fingerprint != fingerprint:
        raise _damaged(path, "holds other pictures than the store says")
    return found


def find_target(engine: Engine, policy: Policy, score_fingerprint: str) -> str | None:
    """Give the fingerprint of the target set that a policy names; None if it names none.

    ConfigError, which says how to make one, where there is none for pairs that are scored so.
    """
    if policy.target is None:
        return None
    makes = "`pairsift target SOURCE --name {name}` makes one of a folder, shards or a file of embeddings"
    return require_set(
        engine, Wanted(target_table, "target set", policy.name, score_fingerprint, makes), policy.target.name
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a policy wants: sets of a table, which people call `word`, for pairs scored so, and what `makes` one."""

    table: Table
    word: str
    policy: str
    score_fingerprint: str
    makes: str


def require_set(engine: Engine, wanted: Wanted, name: str) -> str:
    """Give the fingerprint of the set that a name stands for; ConfigError where there is none."""
    found = current_set(engine, wanted.table, name, wanted.score_fingerprint)
    if found is None:
        known = set_names(engine, wanted.table, wanted.score_fingerprint)
        raise ConfigError(
            f"policy {wanted.policy!r} compares pictures with the {wanted.word} {name!r}, of which there is none for "
            f"pairs scored as these are{f' ({nearest(name, known)})' if known else ''}: "
            f"{wanted.makes.format(name=name)}, with the --encoder and --config of the run"
        )
    return found


def read_embeddings(path: Path) -> NDArray[np.floating]:
    """Read a user's file of embeddings, (m, d): an array in `.npy`, or the column `image_embedding` of a Parquet file.

    The rows are brought to unit length. SourceError where it cannot be read, or a row has no direction.
    """
    try:
        rows = np.load(path, allow_pickle=False) if path.suffix == ".npy" else _read_column(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise SourceError(f"{path} cannot be read as embeddings: {error}") from error
    if rows.ndim != 2 or len(rows) == 0 or not np.issubdtype(rows.dtype, np.floating):
        raise SourceError(f"{path} holds {rows.dtype} of shape {rows.shape}: one floating row a picture is expected")
    length = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    if not bool((length > _SHORTEST).all()):  # NaN is not, either
        raise SourceError(f"{path}: row {int(np.argmin(length > _SHORTEST))} is zero or holds no numbers")
    return np.asarray(rows / length)


def _read_column(path: Path) -> NDArray[np.floating]:
    column = pq.read_table(path, columns=[COLUMN])[COLUMN]
    if len(pc.unique(pc.list_value_length(column))) != 1:
        raise ValueError(f"the rows of {COLUMN} are not of one length")
    values: NDArray[np.floating] = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return values.reshape(len(column), -1)


def _save(path: Path, rows: NDArray[np.float16]) -> None:
    with path.open("wb") as file:  # given a name, NumPy would add an ending to it
        np.save(file, rows, allow_pickle=False)


def _damaged(path: Path, what: str) -> TargetDamagedError:
    return TargetDamagedError(
        f"file {path} of a target set {what}: bring it back from a backup, or make it anew by `pairsift target`"
    )
