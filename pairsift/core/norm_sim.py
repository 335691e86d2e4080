"""NormSim of pairs: how near a picture is to those of a target set, whatever its caption.

After Wang et al., 2024 (arXiv 2405.19547): NormSim_p(x) = ‖f(x) · Gᵀ‖_p, f(x) the embedding of the picture and G those
of the target set, all of unit length; p = ∞, the cosine with the nearest of them, or 2, the root of the sum of squares.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pairsift.core.arrays import Floats
from pairsift.core.embedded import BLOCK_PAIRS, COSINE_STEP, rounded
from pairsift.core.fingerprint import fingerprint

Norm = Literal["inf", 2]
"""Which norm of the cosines with a target set is taken."""

TARGET_RULE = "target:v1"
"""Names what a target set is; raise the version when that changes, or NormSim's formula."""

BLOCK_TARGETS = 8192
"""With 512 pictures 33 MB of cosines."""


@dataclass(frozen=True, slots=True, eq=False)
class TargetSet:
    """Embeddings of pictures that data should be like, (m, d) float16 unit rows, each once, in order; m ≥ 1."""

    fingerprint: str
    image: npt.NDArray[np.float16]


def target_set(rows: npt.NDArray[np.float16]) -> TargetSet:
    """Name rows that are in order (`canonical_target`) by their content."""
    digest = hashlib.sha256()
    for start in range(0, len(rows), BLOCK_TARGETS):
        digest.update(rows[start : start + BLOCK_TARGETS].tobytes())
    return TargetSet(fingerprint({"rule": TARGET_RULE, "shape": rows.shape, "rows": digest.hexdigest()}), rows)


def norm_sim(image: npt.NDArray[np.floating], target: TargetSet, norm: Norm) -> Floats:
    """Score pictures (n, d) against a target set: (n,) float64."""
    blocks = [
        _score(image[start : start + BLOCK_PAIRS], target.image, norm) for start in range(0, len(image), BLOCK_PAIRS)
    ]
    return rounded(np.concatenate(blocks), COSINE_STEP) if blocks else np.zeros(0)


def canonical_target(rows: npt.NDArray[np.floating]) -> npt.NDArray[np.float16]:
    """Bring unit rows (m, d) into one order, each once, as they are stored: a set has neither order nor copies."""
    return np.unique(rows.astype(np.float16), axis=0)


def _score(image: npt.NDArray[np.floating], targets: npt.NDArray[np.floating], norm: Norm) -> Floats:
    rows, found = image.astype(np.float64), np.zeros(len(image))
    for start in range(0, len(targets), BLOCK_TARGETS):
        # Not rounded one by one, as where sums must be exact: that would take longer than the product.
        cosines = rows @ targets[start : start + BLOCK_TARGETS].astype(np.float64).T
        if norm == "inf":
            found = np.maximum(found, np.maximum(cosines.max(axis=1), -cosines.min(axis=1)))
        else:
            found += np.einsum("ij,ij->i", cosines, cosines)
    return found if norm == "inf" else np.sqrt(found)
