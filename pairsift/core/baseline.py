"""The reference method's formulas, as published, with their known flaws: they are here to be compared with.

Image quality is the variance of an ImageNet network's output, text quality the mean square of the caption's embedding,
pair quality their product; a caption is first stripped to ASCII. Three flaws follow from the definitions alone:

- the cleaning deletes every caption that is not in Latin letters, and the accented letters of those that are;
- for embeddings of unit length and dimension d the text quality is the constant 1/d;
- each factor sees one side of the pair only, so the product cannot tell a swapped caption from its own.
"""

import re

import numpy as np
from numpy.typing import NDArray

_NOT_KEPT = re.compile(r"[^a-zA-Z0-9\s.,!?;:]")


def strip_caption(text: str) -> str:
    """Keep ASCII letters and digits, white space and `. , ! ? ; :`; nothing is folded or trimmed."""
    return _NOT_KEPT.sub("", text)


def image_quality(outputs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the population variance of each image's network output.

    `outputs` is (n, classes) floating point; the result is (n,) float64, in the outputs' unit squared.
    """
    return np.asarray(outputs.astype(np.float64).var(axis=1))


def text_quality(embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean of each embedding's squared components: (n, d) floating point to (n,) float64."""
    return np.asarray(np.square(embeddings.astype(np.float64)).mean(axis=1))


def pair_quality(image: NDArray[np.float64], text: NDArray[np.float64]) -> NDArray[np.float64]:
    """Multiply image quality by text quality, pair by pair: (n,) and (n,) to (n,) float64."""
    return image * text
