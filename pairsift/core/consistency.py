"""How well a caption agrees with sentences about what its image shows, after SIEVE (Mahmoud et al., CVPR 2024).

SIEVE has a captioner write the sentences; here they are the names of the classes most probable of the image.
"""

import re

import numpy as np
from numpy.typing import NDArray

from pairsift.core.shift import cosines

PHRASES = ("an image of", "a photo of", "stock photo", "photo stock", "a photo", "an image", "image", "photo")
"""Those of SIEVE's code, in its order (`REMOVE_PHRASES`, sentence_similarity_inference.py): each is removed everywhere
before the next is looked for, also from within words."""

SENTENCES = 8
"""Sentences about an image, as many as SIEVE's captions."""

_PATTERNS = tuple(re.compile(phrase, re.IGNORECASE) for phrase in PHRASES)


def strip_phrases(text: str) -> str:
    """Remove what says only that there is a picture; white space stays as it is."""
    for pattern in _PATTERNS:
        text = pattern.sub("", text)
    return text


def best_cosines(
    captions: NDArray[np.float32], sentences: NDArray[np.float32], shown: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the highest cosine of each caption (n, d) with its sentences, rows `shown` (n, k) of `sentences` (s, d).

    The result is (n,) float64; a caption that is NaN has NaN.
    """
    tried = [cosines(captions, sentences[places]) for places in shown.T]
    return np.asarray(np.max(tried, axis=0), dtype=np.float64)
