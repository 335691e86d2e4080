"""Which pictures say the same by their embeddings: SemDeDup (Abbas et al., 2023, arXiv 2303.09540), one kept a group.

As in the paper, embeddings are clustered by k-means on the sphere, and only pairs of one cluster with a cosine above
the limit are copies. Unlike its code, which removes a picture if it is a copy of any earlier one, be that itself
removed, a picture falls only beside one that stands: of a chain a ~ b ~ c the code keeps a, here c stands too.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairsift.core.arrays import Flags, Integers
from pairsift.core.standing import Standing, Ties, let_stand

Embeddings = npt.NDArray[np.floating]
"""May be a map of a file: rows are read as they are compared, never all at once."""
Unit = npt.NDArray[np.float32]

ALL_WITH_ALL = 10_000
"""So many pairs, the largest partition by default, are compared all with all; more are clustered."""

PAIRS_A_CLUSTER = 1000
"""Clustering costs n²·d / this, comparing n·d · this / 2: about equal for a million pairs."""

SEED = 1234
"""The published code's."""

_ITERATIONS = 20
"""The published code makes 100: five times the work for clusters that are only there to spare comparisons."""
_TRAINED_A_CLUSTER = 64
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True, slots=True, eq=False)
class _Fallen:
    """What is known so far of n pictures: which have fallen, and who stands for each."""

    flags: Flags
    keepers: Integers


def semantic_standing(embeddings: Embeddings, rows: Integers, cosine: float, settled: Flags) -> Standing:
    """Let pictures stand in the order of their rows of `embeddings` (n, d); `rows` and `settled` are (m,)."""
    fallen = _Fallen(np.zeros(len(rows), dtype=np.bool_), np.arange(len(rows)))
    clusters = _cluster(embeddings, rows)
    order = np.argsort(clusters, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(clusters[order])) + 1):
        _let_cluster_stand(_unit(embeddings, rows[members]), members, cosine, settled, fallen)
    return Standing(~fallen.flags, fallen.keepers)


def measured_rows(embeddings: Embeddings) -> Flags:
    """Mark the rows that are embeddings: finite, and not all 0."""
    starts = range(0, len(embeddings), _ROWS_AT_ONCE)
    norms = [np.linalg.norm(embeddings[start : start + _ROWS_AT_ONCE].astype(np.float32), axis=1) for start in starts]
    norm = np.concatenate(norms) if norms else np.empty(0, np.float32)
    return np.asarray(np.isfinite(norm) & (norm > 0), dtype=np.bool_)


def _unit(embeddings: Embeddings, rows: Integers) -> Unit:
    vectors = embeddings[rows].astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def _cluster(embeddings: Embeddings, rows: Integers) -> Integers:
    """Number the rows' clusters: few rows are one, more are clustered by seeded k-means of evenly spaced ones."""
    if len(rows) <= ALL_WITH_ALL:
        return np.zeros(len(rows), dtype=np.int64)
    import faiss  # noqa: PLC0415 - a second; only where there is much to compare

    count = -(-len(rows) // PAIRS_A_CLUSTER)
    trained = min(len(rows), count * _TRAINED_A_CLUSTER)
    sample = _unit(embeddings, rows[np.linspace(0, len(rows) - 1, trained).astype(np.int64)])
    kmeans = faiss.Kmeans(sample.shape[1], count, niter=_ITERATIONS, seed=SEED, spherical=True)
    kmeans.train(sample)
    starts = range(0, len(rows), _ROWS_AT_ONCE)
    found = [
        kmeans.index.search(_unit(embeddings, rows[start : start + _ROWS_AT_ONCE]), 1)[1][:, 0] for start in starts
    ]
    return np.concatenate(found).astype(np.int64)


def _let_cluster_stand(vectors: Unit, members: Integers, cosine: float, settled: Flags, fallen: _Fallen) -> None:
    """Hold each block of a cluster against those that stand before it, then against itself; note who has fallen.

    Memory grows with the block, not with how alike the cluster is.
    """
    for start in range(0, len(members), _ROWS_AT_ONCE):
        block = np.arange(start, min(start + _ROWS_AT_ONCE, len(members)))
        held = settled[members[block]]
        before = np.flatnonzero(~fallen.flags[members[:start]])
        keepers = _first_alike(vectors, block, before, cosine)
        left = (keepers < 0) | held
        inner = _stand_in_block(vectors[block[left]], cosine, held[left])
        own = members[block[left]]
        found = np.flatnonzero(keepers >= 0)
        fallen.flags[own] = ~inner.stands
        fallen.keepers[own] = own[inner.keepers]
        fallen.flags[members[block[found]]] = ~held[found]
        fallen.keepers[members[block[found]]] = members[keepers[found]]


def _first_alike(vectors: Unit, block: Integers, before: Integers, cosine: float) -> Integers:
    """Find for each of a block the first alike among some places before it, -1 where there is none."""
    first = np.full(len(block), -1, dtype=np.int64)
    for start in range(0, len(before), _ROWS_AT_ONCE):
        earlier = before[start : start + _ROWS_AT_ONCE]
        alike = vectors[block] @ vectors[earlier].T > cosine
        new = (first < 0) & alike.any(axis=1)
        first[new] = earlier[alike[new].argmax(axis=1)]
    return first


def _stand_in_block(vectors: Unit, cosine: float, settled: Flags) -> Standing:
    alike = np.triu(vectors @ vectors.T > cosine, k=1)
    return let_stand(Ties(*np.nonzero(alike)), settled)
