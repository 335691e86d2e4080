"""`uids.npy`: DataComp's subset file, which its resharder maps into memory and searches."""

import re
from itertools import chain
from pathlib import Path

import numpy as np

from pairsift.adapters.exports.request import ExportBatch, ExportRequest
from pairsift.core.records import IngestedPair

_UID = re.compile(r"[0-9a-fA-F]{32}")


def write_uids(path: Path, request: ExportRequest) -> int:
    """Write the kept pairs' 128-bit uids, sorted, as dtype `u8,u8`; return how many.

    A pair of multiplicity m is there m times, which the resharder takes for that. Its uid is the source's own where
    that is 32 hex digits, else Pairsift's.
    """
    uids = list(chain.from_iterable(_repeated(batch, n) for batch in request.batches() for n in batch.kept()))
    subset = np.array(uids, np.dtype("<u8,<u8"))
    subset.sort()
    with path.open("wb") as file:
        np.save(file, subset, allow_pickle=False)
    return len(subset)


def _repeated(batch: ExportBatch, n: int) -> list[tuple[int, int]]:
    return [_halves(batch.pairs[n])] * batch.decisions[n].multiplicity


def _halves(pair: IngestedPair) -> tuple[int, int]:
    uid = pair.source_uid if pair.source_uid and _UID.fullmatch(pair.source_uid) else pair.uid
    return int(uid[:16], 16), int(uid[16:], 16)
