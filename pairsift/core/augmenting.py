"""Captions in augmented views of pairs: some words left out, and whether the picture may be mirrored."""

import re

import numpy as np

WORDS_LEFT_OUT = 0.2
"""Share of a caption's words."""

_SIDES = re.compile(
    r"\b(left|right|(left|right)(most|wards?)|(counter|anti)?-?clockwise|east|west|links|rechts|linke\w?|rechte\w?"
    r"|gauche|droite?|izquierd[ao]|derech[ao]|esquerd[ao]|direit[ao]|sinistr[ao]|destr[ao]|lew[ey]j?|praw[ey]j?"
    r"|слева|справа|налево|направо)\b|[左右]|يسار|يمين",
    re.IGNORECASE,
)
"""English, German, French, Spanish, Portuguese, Italian, Polish, Russian, Chinese and Japanese, Arabic."""


def names_a_side(caption: str) -> bool:
    """Say whether a caption may be of the picture, but not of its mirror image: it names left, right or the like.

    One that means another left or right counts, too: it only costs a mirror image.
    """
    return _SIDES.search(caption) is not None


def leave_out_words(caption: str, rng: np.random.Generator) -> str:
    """Leave out each word with the same chance, but never all of them."""
    words = caption.split()
    stays = rng.random(len(words)) >= WORDS_LEFT_OUT
    if not stays.any():
        stays[rng.integers(len(words))] = True
    return " ".join(word for word, stay in zip(words, stays, strict=True) if stay)
