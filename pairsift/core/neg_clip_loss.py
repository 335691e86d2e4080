"""negCLIPLoss of pairs: how far a pair's cosine stands out from those of its image and its caption with others.

After Wang et al., 2024 (arXiv 2405.19547): of pair i in a batch B of unit vectors, with temperature τ,
s = c_ii − τ/2 · (log Σ_{j∈B} exp(c_ij / τ) + log Σ_{j∈B} exp(c_ji / τ)), B holding i itself. There the batch is a
random one of 32,768 pairs, and s the mean over several: it depends on which pairs come together. Here a reference set
that stays stands for the batch: its pairs unrelated to i count (32,767 / their number) times each, and i once. So a
score is the same wherever its pair lies, and scores compare where captions or pictures repeat. From 1,000 pairs the
sums are estimates, of expectations that the few nearest of the others dominate.
"""

import numpy as np

from pairsift.core.arrays import Flags, Floats, Integers
from pairsift.core.double_normalisation import Reference
from pairsift.core.embedded import FINE_STEP, Embedded, all_cosines, blocks_of, own_cosines, related_to, rounded

BATCH_PAIRS = 32_768
"""The batch that the reference set stands for: the published one, OpenAI's own."""

TEMPERATURE = 0.01
"""What OpenAI's models were trained with in the end."""


def neg_clip_loss(pairs: Embedded, rows: Integers, reference: Reference, temperature: float) -> Floats:
    """Score some pairs (rows) against a reference set: (len(rows),) float64, at most 0.

    NaN for a pair to which no reference pair is unrelated. Pairs with its caption or its picture, itself among them,
    are left out of the reference set, as for z.
    """
    blocks = [_score(block, reference, temperature) for block in blocks_of(pairs, rows)]
    return np.concatenate(blocks) if blocks else np.zeros(0)


def _score(block: Embedded, reference: Reference, temperature: float) -> Floats:
    unrelated = ~related_to(block, reference.pairs)
    own = own_cosines(block)
    of_images = _soft_maximum(own, all_cosines(block.image, reference.pairs.text), unrelated, temperature)
    of_captions = _soft_maximum(own, all_cosines(block.text, reference.pairs.image), unrelated, temperature)
    return rounded(own - (of_images + of_captions) / 2, FINE_STEP)


def _soft_maximum(own: Floats, others: Floats, unrelated: Flags, temperature: float) -> Floats:
    """Compute τ log of the sum over a batch for each of b pairs, in cosines: `others` (b, m) stand for all but itself.

    The highest cosine is taken out first: exp(1 / 0.01) is more than a float32 holds.
    """
    count = unrelated.sum(axis=1)
    known = np.where(unrelated, others, -np.inf)
    highest = np.maximum(own, known.max(axis=1, initial=-np.inf))
    weight = (BATCH_PAIRS - 1) / np.where(count > 0, count, np.nan)
    total = np.exp((known - highest[:, None]) / temperature).sum(axis=1)
    return np.asarray(highest + temperature * np.log(np.exp((own - highest) / temperature) + weight * total))
