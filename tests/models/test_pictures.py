import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from open_clip.transform import image_transform
from PIL import Image
from sklearn.datasets import load_sample_image  # type: ignore[import-untyped]  # it ships no stubs
from torch.nn import functional

from pairsift.core.images import Fit
from pairsift.models.pictures import fit_picture
from tests.models.pillow import widths_first

Pixels = NDArray[np.uint8]

RESIZE_MODES = {"crop": "shortest", "pad": "longest", "squeeze": "squash"}
FITS = [
    Fit(side, side, mode, kernel, fill=90)
    for side in (32, 224)
    for mode in ("crop", "pad", "squeeze")
    for kernel in ("bicubic", "bilinear")
]
OTHER_SHAPES = [Fit(*size, mode, "bilinear") for size in ((32, 48), (48, 32)) for mode in ("crop", "pad", "squeeze")]


def as_open_clip(rgb: Pixels, fit: Fit) -> Pixels:
    """Bring a picture to an encoder's size as open_clip's own preprocessing does, by Pillow."""
    transform = image_transform(
        (fit.height, fit.width),
        is_train=False,
        mean=(0, 0, 0),
        std=(1, 1, 1),
        resize_mode=RESIZE_MODES[fit.mode],
        interpolation=fit.kernel,
        fill_color=fit.fill,
    )
    fitted: Pixels = (transform(Image.fromarray(rgb)).permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    return fitted


def levels_apart(one: Pixels, other: Pixels) -> NDArray[np.int64]:
    assert one.shape == other.shape
    apart: NDArray[np.int64] = np.abs(one.astype(np.int64) - other.astype(np.int64))
    return apart


@pytest.fixture(autouse=True)
def pillow_of_old(monkeypatch: pytest.MonkeyPatch) -> None:
    widths_first(monkeypatch)


@pytest.fixture(scope="module")
def photograph() -> Pixels:
    """A Chinese temple, 427 × 640."""
    pixels: Pixels = load_sample_image("china.jpg")
    return np.ascontiguousarray(pixels)


def drawn(height: int, width: int) -> Pixels:
    """A picture of random black and white pixels: the hardest for a kernel that overshoots."""
    return (np.random.default_rng(4).integers(0, 2, (height, width, 3)) * 255).astype(np.uint8)


@pytest.mark.parametrize("fit", FITS + OTHER_SHAPES, ids=str)
def test_a_photograph_looks_as_in_open_clip(fit: Fit, photograph: Pixels):
    for rgb in (photograph, np.ascontiguousarray(photograph.swapaxes(0, 1)), photograph[200:220, 300:330]):
        apart = levels_apart(fit_picture(rgb, fit), as_open_clip(rgb, fit))

        assert apart.max() <= 2
        assert apart.mean() <= 0.02


@pytest.mark.parametrize("fit", FITS + OTHER_SHAPES, ids=str)
@pytest.mark.parametrize("shape", [(1, 1), (20, 300), (300, 20), (2, 3), (100, 50), (33, 32), (31, 32), (224, 225)])
def test_a_picture_of_any_shape_looks_as_in_open_clip(fit: Fit, shape: tuple[int, int]):
    rgb = drawn(*shape)

    apart = levels_apart(fit_picture(rgb, fit), as_open_clip(rgb, fit))

    assert apart.max() <= 2


@pytest.mark.parametrize("fit", FITS + OTHER_SHAPES, ids=str)
def test_a_picture_of_the_right_size_is_left_alone(fit: Fit):
    rgb = drawn(fit.height, fit.width)

    np.testing.assert_array_equal(fit_picture(rgb, fit), rgb)


@pytest.mark.parametrize("fit", FITS + OTHER_SHAPES, ids=str)
@pytest.mark.parametrize("shape", [(1, 2000), (2000, 1), (1, 20_000), (20_000, 2)])
def test_a_line_is_brought_to_the_size_in_little_memory(
    fit: Fit, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
):
    scaled: list[int] = []
    interpolate = functional.interpolate

    def noting_the_size(planes: torch.Tensor, size: tuple[int, int], **options: Any) -> torch.Tensor:
        scaled.append(math.prod(size))
        return interpolate(planes, size, **options)

    monkeypatch.setattr(functional, "interpolate", noting_the_size)
    rgb = np.full((*shape, 3), 200, np.uint8)

    fitted = fit_picture(rgb, fit)

    assert fitted.shape == fit.shape
    assert (fitted == 200).any()
    assert sum(scaled) <= 16 * fit.height * fit.width


@pytest.mark.parametrize("fit", FITS + OTHER_SHAPES, ids=str)
def test_the_centre_of_a_line_looks_as_in_open_clip(fit: Fit, photograph: Pixels):
    for rgb in (photograph[200:220], photograph[:, 300:310]):
        apart = levels_apart(fit_picture(rgb, fit), as_open_clip(rgb, fit))

        assert apart.max() <= 2
        assert apart.mean() <= 0.03


@pytest.mark.parametrize("fit", FITS, ids=str)
def test_how_a_picture_lies_in_memory_changes_nothing(fit: Fit, photograph: Pixels):
    frozen = photograph.copy()
    frozen.flags.writeable = False
    turned = np.ascontiguousarray(photograph[::-1])[::-1]
    cut = np.pad(photograph, ((5, 5), (5, 5), (0, 0)))[5:-5, 5:-5]
    transposed = np.ascontiguousarray(photograph.swapaxes(0, 1)).swapaxes(0, 1)

    expected = fit_picture(photograph, fit)

    for rgb in (frozen, turned, cut, transposed):
        np.testing.assert_array_equal(fit_picture(rgb, fit), expected)
    np.testing.assert_array_equal(frozen, photograph)


@pytest.mark.parametrize("fit", FITS, ids=str)
def test_grey_stays_grey(fit: Fit, photograph: Pixels):
    grey = np.repeat(photograph[:, :, :1], 3, axis=2)

    fitted = fit_picture(grey, fit)

    assert (fitted == fitted[:, :, :1]).all()
