"""Pillow as it was when the models were trained: it resized widths before heights."""

import pytest
from PIL import Image

Box = tuple[float, float, float, float]


def widths_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Pillow resize widths first: since 13.0 it begins with the heights where they shrink more (#9549).

    The first pass rounds and saturates, so that the order moves levels by 0.2 in the mean on a portrait photograph.
    """
    resize = Image.Image.resize

    def ordered(picture: Image.Image, size: tuple[int, int], resample: int, box: Box | None = None) -> Image.Image:
        if box is not None:
            return resize(picture, size, resample, box)
        return resize(resize(picture, (size[0], picture.height), resample), size, resample)

    monkeypatch.setattr(Image.Image, "resize", ordered)
