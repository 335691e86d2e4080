"""What an unrelated caption scores: the double-normalised z of pairs and of a reference set's cross pairs.

The cosine of an image with a caption depends on how "popular" each of them is. So the cosine is standardised twice:
u = over the reference captions for its image, then z = u over the reference images for its caption. The z of an
image with another pair's caption is a draw from the null; a pair whose z is no higher is likely mismatched.

Tested pairs and nulls are treated alike: whatever is scored, image of x with caption of y, every reference pair
related to x or to y (the pair itself, the same caption, the same picture) is left out of the moments, so that a
score never meets itself there. One simplification makes the nulls closed sums: in the u of a reference image r with
caption y, r's moments leave out what is related to r or y, but keep x's caption (for a tested pair that is y's own).

Cosines are rounded (core/embedded.py), so that their sums are exact, and so is u up to its own rounding; z is rounded
to 2⁻³⁰. A result therefore does not depend on the order of the pairs, and on the number of BLAS threads or the
processor only where a value falls within 1e-15 of a rounding boundary.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairsift.core.arrays import Flags, Floats, Integers
from pairsift.core.embedded import FINE_STEP, Embedded, all_cosines, blocks_of, own_cosines, related_to, rounded

_MIN_VARIANCE = 1e-12
"""Below the square of a cosine's step a deviation is rounding, not spread."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference set of m pairs with each image's sums over the captions unrelated to it.

    `scores[r, c]` is the cosine of image r with caption c, 0 where the two are related; all (m, m) or (m,) float64.
    """

    pairs: Embedded
    related: Floats
    scores: Floats
    counts: Floats
    sums: Floats
    squares: Floats


def prepare_reference(pairs: Embedded) -> Reference:
    """Compute the moments of a reference set's images."""
    related = related_to(pairs, pairs)
    scores = np.where(related, 0.0, all_cosines(pairs.image, pairs.text))
    return Reference(
        pairs=pairs,
        related=related.astype(np.float64),
        scores=scores,
        counts=(~related).sum(axis=1).astype(np.float64),
        sums=scores.sum(axis=1),
        squares=np.square(scores).sum(axis=1),
    )


def calibrated_z(pairs: Embedded, rows: Integers, reference: Reference) -> Floats:
    """Score the image of some pairs (rows) with their own captions.

    Returns (len(rows),) float64, NaN where moments are of fewer than two values or have no spread. The rows may be
    the reference's own pairs: those are related to themselves and leave the moments.
    """
    blocks = [_block_z(block, reference) for block in blocks_of(pairs, rows)]
    return np.concatenate(blocks) if blocks else np.zeros(0)


def null_z(reference: Reference) -> Floats:
    """Score every reference image with every reference caption unrelated to it: (N,) float64, without NaN."""
    every_row = np.arange(len(reference.pairs))
    nulls = [_block_nulls(block, reference) for block in blocks_of(reference.pairs, every_row)]
    return np.concatenate(nulls) if nulls else np.zeros(0)


def _block_z(block: Embedded, reference: Reference) -> Floats:
    """Double-normalise the own score of each of b pairs: (b,)."""
    unrelated = ~related_to(block, reference.pairs)
    cosines = np.where(unrelated, all_cosines(block.image, reference.pairs.text), 0.0)
    mean, deviation = _moments(unrelated.sum(axis=1), cosines.sum(axis=1), np.square(cosines).sum(axis=1))
    own = own_cosines(block)
    u, usable = _caption_scores(block, unrelated, reference)
    u_mean, u_deviation = _moments(usable.sum(axis=1), u.sum(axis=1), np.square(u).sum(axis=1))
    return rounded(((own - mean) / deviation - u_mean) / u_deviation, FINE_STEP)


def _block_nulls(block: Embedded, reference: Reference) -> Floats:
    """Double-normalise the scores of b reference captions with all unrelated reference images, as one long array.

    The moments over images leave out those related to the image scored, by subtracting their sums.
    """
    u, usable = _caption_scores(block, ~related_to(block, reference.pairs), reference)
    counts, sums, squares = (
        values.sum(axis=1, keepdims=True) - values @ reference.related
        for values in (usable.astype(np.float64), u, np.square(u))
    )
    mean, deviation = _moments(counts, sums, squares)
    z = rounded((u - mean) / deviation, FINE_STEP)
    nulls: Floats = z[usable & np.isfinite(z)]
    return nulls


def _caption_scores(block: Embedded, unrelated: Flags, reference: Reference) -> tuple[Floats, Flags]:
    """Standardise the cosine of b captions with each of m reference images over that image's reference captions.

    Returns u (b, m), 0 where it is not usable, and usable (b, m): unrelated, and the image's moments exist. What is
    related to the caption is subtracted from the sums of each image; most captions have no relative there.
    """
    counts, sums, squares = (
        np.repeat(values[None], len(block), axis=0) for values in (reference.counts, reference.sums, reference.squares)
    )
    touched = np.flatnonzero(~unrelated.all(axis=1))
    relatives = (~unrelated[touched]).astype(np.float64)
    counts[touched] -= relatives @ (1.0 - reference.related)
    sums[touched] -= relatives @ reference.scores.T
    squares[touched] -= relatives @ np.square(reference.scores).T
    mean, deviation = _moments(counts, sums, squares)
    u = (all_cosines(block.text, reference.pairs.image) - mean) / deviation
    usable = unrelated & np.isfinite(u)
    return np.where(usable, u, 0.0), usable


def _moments(counts: npt.NDArray[np.number], sums: Floats, squares: Floats) -> tuple[Floats, Floats]:
    """Mean and population deviation from sums; NaN where there are fewer than two values or no spread."""
    enough = np.where(counts >= 2, counts, np.nan).astype(np.float64)
    mean = sums / enough
    variance = squares / enough - np.square(mean)
    return mean, np.sqrt(np.where(variance > _MIN_VARIANCE, variance, np.nan))
