from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pairsift.adapters.chunks import ChunkData, read_chunk, write_chunk
from pairsift.adapters.recalled import RecalledRows, read_recalled, recalled_ordinals, weave, write_recalled
from pairsift.core.records import Reason, SignalValue
from pairsift.core.signals import SIGNALS

VALUES: dict[str, SignalValue] = {"float": 0.25, "int": 3, "str": "en"}


def chunk(*uids: str) -> ChunkData:
    """Pairs that differ in everything by their uids; those in capitals have no image."""
    vectors = np.array([[ord(uid), 0.5] if uid.islower() else [np.nan] * 2 for uid in uids], np.float16).reshape(-1, 2)
    return ChunkData(
        uids=list(uids),
        captions=[None if uid == "b" else f"caption {uid}" for uid in uids],
        signals={s.name: [VALUES[s.type] if uid.islower() else None for uid in uids] for s in SIGNALS},
        unmeasurable=[{} if uid.islower() else {"image.width": Reason.IMAGE_CORRUPT} for uid in uids],
        image_embedding=vectors,
        text_embedding=vectors + 1,
        fused_embedding=vectors + 2,
    )


def table(folder: Path, ordinals: list[int], measured_by: int, *uids: str) -> pa.Table:
    """A chunk file's rows with their ordinals and who measured them."""
    written = write_chunk(folder, "ab" + "".join(uids), chunk(*uids))
    rows = pq.read_table(folder / written.uri)
    columns = {"ordinal": pa.array(ordinals), "measured_by": pa.array([measured_by] * len(uids))}
    return pa.table({**columns, **{name: rows[name] for name in rows.column_names}})


def test_known_and_measured_pairs_are_woven_to_the_bytes_of_a_chunk_measured_as_a_whole(tmp_path: Path):
    known = RecalledRows([1, 2, 4], [7, 7, 8], chunk("b", "C", "e"))

    woven = write_chunk(tmp_path / "woven", "ab", weave(known, chunk("a", "d", "F")))

    assert woven == write_chunk(tmp_path / "whole", "ab", chunk("a", "b", "C", "d", "e", "F"))
    assert read_chunk(tmp_path / "woven" / woven.uri).uids == ["a", "b", "C", "d", "e", "F"]


def test_what_is_known_of_a_chunk_is_read_in_its_order_whatever_files_it_came_from(tmp_path: Path):
    path = tmp_path / "recalled.arrow"
    tables = [table(tmp_path, [9, 3], 7, "x", "a"), table(tmp_path, [5, 2, 4], 8, "C", "y", "b")]

    assert write_recalled(path, iter(tables)) == 5

    known = read_recalled(str(path), 3, 6)
    assert (known.places, known.measured_by) == ([0, 1, 2], [7, 8, 8])
    assert known.by_attempt == {7: (0,), 8: (1, 2)}
    assert write_chunk(tmp_path, "ab", known.data) == write_chunk(tmp_path / "whole", "ab", chunk("a", "b", "C"))
    assert recalled_ordinals(str(path), 3, 6) == {3, 4, 5}


def test_nothing_known_is_no_file(tmp_path: Path):
    assert write_recalled(tmp_path / "recalled.arrow", iter(())) == 0

    assert list(tmp_path.iterdir()) == []
    assert recalled_ordinals(None, 0, 4) == set()
    assert read_recalled(None, 0, 4).places == ()
