"""Pictures with the text in them masked, as T-MARS scores them, once it is known where that is."""

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Boxes = npt.NDArray[np.float32]
"""Quadrilaterals around text, (k, 4, 2): the corners' x and y in pixels."""

LEAST_SCORE = 0.8
LEAST_LETTERS = 2
"""What a box must hold to count as text, chosen on half of the sample (docs/log.md, 2026-11-26): the others there are
of what stands out in a picture without text, which reads as a single letter, or as more with little certainty."""


def readable(text: str, score: float) -> bool:
    """Say whether a box holds text, by what was read in it and how certain that is, 0–1."""
    return score >= LEAST_SCORE and sum(letter.isalnum() for letter in text) >= LEAST_LETTERS


def mask_boxes(rgb: Pixels, boxes: Boxes) -> Pixels:
    """Fill boxes in a picture (h, w, 3) with the mean colour of the rest of it; of all of it where nothing is left.

    T-MARS fills with "the mean colour" (issue 4 of the project), and does not say of what.
    """
    covered = np.zeros(rgb.shape[:2], dtype=np.uint8)
    cv2.fillPoly(covered, list(np.round(boxes).astype(np.int32)), 1)
    rest = rgb[covered == 0] if (covered == 0).any() else rgb.reshape(-1, 3)
    masked = rgb.copy()
    masked[covered == 1] = np.round(rest.mean(axis=0)).astype(np.uint8)
    return masked
