"""Files of calibrations: the reference set of each, and the candidates for one that pilot partitions left."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pairsift.adapters.chunks import embedding_column, vectors_of, write_table
from pairsift.adapters.confined import place_below
from pairsift.adapters.durable import FileFacts, write_durably
from pairsift.core.arrays import Floats
from pairsift.core.calibration import Calibration, EmbeddedPairs, prepare_calibration
from pairsift.core.signals import BY_NAME, NUMBERS
from pairsift.errors import CalibrationDamagedError

COLUMNS = ("uid", "caption", "image_sha256", "image_embedding", "text_embedding")


def calibration_uri(fingerprint: str) -> str:
    """Name a calibration's file below the storage folder."""
    return f"calibrations/{fingerprint}.parquet"


def candidates_path(storage: Path, run_id: str, partition_id: int) -> Path:
    """Name the file of a pilot partition's candidates, which is gone once the calibration is made."""
    return candidates_folder(storage, run_id) / f"{partition_id}.parquet"


def candidates_folder(storage: Path, run_id: str) -> Path:
    """Name the folder of a run's candidates."""
    return storage / "calibrations" / "candidates" / run_id


def write_reference(path: Path, pairs: EmbeddedPairs) -> FileFacts:
    """Write a reference set, or candidates for one, durably."""
    columns = {
        "uid": pa.array(pairs.uids, pa.string()),
        "caption": pa.array(pairs.captions, pa.string()),
        "image_sha256": pa.array(pairs.pictures, pa.string()),
        "image_embedding": embedding_column(pairs.image.astype(np.float16)),
        "text_embedding": embedding_column(pairs.text.astype(np.float16)),
        **{BY_NAME[name].column: pa.array(values, pa.float64()) for name, values in pairs.values.items()},
    }
    return write_durably(path, lambda temporary: write_table(temporary, pa.table(columns)))


def read_reference(path: Path) -> EmbeddedPairs:
    """Read a reference set; CalibrationDamagedError where the file is gone, cut or changed."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read(columns=[*COLUMNS, *(BY_NAME[name].column for name in NUMBERS)])
    except (OSError, pa.ArrowException) as error:
        raise CalibrationDamagedError(
            f"calibration file {path} is gone or damaged: bring it back from a backup, or make a new calibration by "
            f"`pairsift calibrate` ({error})"
        ) from error
    return EmbeddedPairs(
        uids=table["uid"].to_pylist(),
        captions=table["caption"].to_pylist(),
        pictures=table["image_sha256"].to_pylist(),
        image=vectors_of(table["image_embedding"]).astype(np.float32),
        text=vectors_of(table["text_embedding"]).astype(np.float32),
        values={name: _numbers(table, BY_NAME[name].column) for name in NUMBERS},
    )


def _numbers(table: pa.Table, column: str) -> Floats:
    """Give a signal of a reference set; one that came after its file was written is NaN throughout."""
    known = column in table.column_names
    return np.asarray(table[column].to_numpy() if known else np.full(len(table), np.nan), dtype=np.float64)


def join_pairs(parts: Iterable[EmbeddedPairs]) -> EmbeddedPairs:
    """Put candidates of several partitions together; without any there are no pairs, in no dimension."""
    nothing = np.empty((0, 0), np.float32)
    no_values = {name: np.empty(0) for name in NUMBERS}
    several = list(parts) or [EmbeddedPairs([], [], [], nothing, nothing, no_values)]
    return EmbeddedPairs(
        uids=[uid for part in several for uid in part.uids],
        captions=[caption for part in several for caption in part.captions],
        pictures=[picture for part in several for picture in part.pictures],
        image=np.concatenate([part.image for part in several]),
        text=np.concatenate([part.text for part in several]),
        values={name: np.concatenate([part.values[name] for part in several]) for name in NUMBERS},
    )


def load_calibration(storage: Path, fingerprint: str, score_fingerprint: str) -> Calibration:
    """Load a data set's calibration; CalibrationDamagedError where its file is gone or is not the one it was."""
    path = place_below(storage, calibration_uri(fingerprint))
    calibration = prepare_calibration(read_reference(path), score_fingerprint)
    if calibration is None or calibration.fingerprint != fingerprint:
        raise CalibrationDamagedError(
            f"calibration file {path} holds other pairs than the store says: bring it back from a backup, or make a "
            "new calibration by `pairsift calibrate`"
        )
    return calibration
