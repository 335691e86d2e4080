"""Images: bytes to RGB pixels or a reason, enhancement, and how an encoder takes a picture."""

import io
import struct
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import simplejpeg  # type: ignore[import-untyped]  # it ships no types
from numpy.typing import NDArray
from PIL import Image

from pairsift.config import EnhanceConfig, PreprocessConfig
from pairsift.core.image_files import find_damage, image_format
from pairsift.core.records import Reason


@dataclass(frozen=True, slots=True)
class Fit:
    """How an encoder takes a picture: `height` × `width` px, reached by a `mode` and a resampling `kernel`.

    `squeeze` changes the aspect ratio; `crop` scales the picture until it covers the size and takes its centre; `pad`
    scales it until it fits, and fills the rest with the grey level `fill`.
    """

    height: int
    width: int
    mode: Literal["squeeze", "crop", "pad"]
    kernel: Literal["area", "bicubic", "bilinear"]
    fill: int = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one picture's pixels."""
        return (self.height, self.width, 3)


SQUARE = Fit(224, 224, "squeeze", "area")
"""What ImageNet classifiers get. The aspect ratio is not kept: for the default encoder that is as good as padding."""

_DAMAGE = (
    OSError,  # truncated or broken data: most of Pillow's errors, UnidentifiedImageError among them
    SyntaxError,  # a header or chunk that breaks its format
    ValueError,  # impossible sizes, unknown modes; simplejpeg's word for every libjpeg warning
    RuntimeError,  # the AVIF decoder's word
    TypeError,  # a TIFF tag of another type than its format says
    struct.error,  # a field cut short
    EOFError,  # no first frame
    IndexError,  # an offset that points nowhere
    KeyError,  # a code that no table lists
    OverflowError,  # a size beyond C's integers
    AssertionError,  # a palette that is not there
)
"""What Pillow and simplejpeg raise on damaged files: the first five in 110,000 fuzzed ones, the last in the hostile
suite, the others in Pillow's own lists. A MemoryError is not among them: the pixel limit comes first, so it is the
machine's fault, not the file's."""

_MAX_FLOAT_VALUES = 1 << 22
"""Up to here averaging in float32 is up to twice as fast in OpenCV as in uint8, with the same result (512×400: 0.6 ms
for 1.2); beyond, it does not fit the processor's caches. Its channels one by one, as grey pictures, are slower."""

_CLAHE_CLIP = 2.0
_CLAHE_TILES = (8, 8)
_DENOISE_STRENGTH = 3
_UNSHARP_SIGMA = 1.0
_UNSHARP_AMOUNT = 0.5


def decode_image(data: bytes | None, config: PreprocessConfig) -> NDArray[np.uint8] | Reason:
    """Decode the first frame to (height, width, 3) uint8 RGB: turned as its EXIF says, on white where transparent.

    Anything else is the Reason why not: IMAGE_MISSING, IMAGE_EMPTY, IMAGE_FILE_TOO_LARGE, IMAGE_UNKNOWN_FORMAT (none of
    JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF), IMAGE_TOO_MANY_PIXELS (known before decoding) or IMAGE_CORRUPT (any error or
    warning of the decoder: half a picture is not the picture). Nothing is raised for bad bytes.
    """
    if data is None:
        return Reason.IMAGE_MISSING
    if not data:
        return Reason.IMAGE_EMPTY
    if len(data) > config.max_image_bytes:
        return Reason.IMAGE_FILE_TOO_LARGE
    file_format = image_format(data)
    if file_format is None:
        return Reason.IMAGE_UNKNOWN_FORMAT
    try:
        return _decode(data, file_format, config.max_image_pixels)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return Reason.IMAGE_TOO_MANY_PIXELS  # Pillow's own limit, where the config's is higher still
    except _DAMAGE:
        return Reason.IMAGE_CORRUPT


def resize(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize to `size` = (width, height): averaging the axes that shrink, bicubic on those that grow."""
    height, width = pixels.shape[:2]
    shrunk = (min(width, size[0]), min(height, size[1]))
    if shrunk != (width, height):
        pixels = _average(pixels, shrunk)
    return pixels if shrunk == size else _cv_resize(pixels, size, cv2.INTER_CUBIC)


def enhance(rgb: NDArray[np.uint8], config: EnhanceConfig) -> NDArray[np.uint8]:
    """Apply the switches that are on: denoise, then CLAHE, then unsharp, so that noise is not amplified.

    (h, w, 3) uint8 RGB in and out; the argument is not modified, and is returned when nothing is on.
    """
    if config.denoise:
        rgb = _denoise(rgb)
    if config.clahe:
        rgb = _equalise(rgb)
    return _sharpen(rgb) if config.unsharp else rgb


def _decode(data: bytes, file_format: str, max_pixels: int) -> NDArray[np.uint8] | Reason:
    with Image.open(io.BytesIO(data), formats=[file_format]) as image:
        if image.width * image.height > max_pixels:
            return Reason.IMAGE_TOO_MANY_PIXELS
        damage = find_damage(data, file_format)
        if damage is not None:
            return damage
        if file_format == "TIFF" and not _is_covered(image):
            return Reason.IMAGE_CORRUPT
        if file_format == "JPEG" and image.mode in {"L", "RGB"}:
            # Strict: a JPEG of which half is missing decodes in Pillow and OpenCV to half a grey picture, in silence.
            pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, colorspace="RGB", strict=True)
            orientation = _orientation(image)
            return pixels if orientation == 1 else _turn(pixels, orientation)
        return _turn(_flatten(image), _orientation(image))


def _is_covered(image: Image.Image) -> bool:
    """Say whether a TIFF's strips or tiles reach the picture's end: Pillow leaves black where there are too few."""
    boxes = [piece.extents for piece in getattr(image, "tile", ()) if piece.extents is not None]
    if not boxes:
        return True
    reached = (max(box[2] for box in boxes), max(box[3] for box in boxes))
    return reached in {image.size, image.size[::-1]}  # Pillow tells the size of a picture that lies on its side turned


def _orientation(image: Image.Image) -> int:
    """Read the EXIF (or XMP) orientation, 1–8; a damaged EXIF block says nothing about the picture: 1."""
    try:
        orientation = image.getexif().get(0x0112, 1)
    except _DAMAGE:
        return 1
    return orientation if orientation in range(1, 9) else 1


def _turn(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Undo an EXIF orientation (Exif 2.32, tag 0x0112): 5–8 are mirrored along the diagonal first."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _flatten(image: Image.Image) -> NDArray[np.uint8]:
    """Return any mode's pixels as RGB: deep grey by its depth, transparency on white."""
    image.load()
    if image.mode.startswith("I;16"):
        return _grey_to_rgb(np.asarray(image).astype(np.float32) / (2 ** _bits(image) - 1))
    if image.mode in {"I", "F"}:
        return _grey_to_rgb(_stretch(np.asarray(image).astype(np.float64)))
    if image.has_transparency_data:
        shown = image.convert("RGBA")
        white = Image.new("RGBA", shown.size, "white")
        return np.asarray(Image.alpha_composite(white, shown).convert("RGB"))
    return np.asarray(image.convert("RGB"))


def _bits(image: Image.Image) -> int:
    """Return the real depth of a grey picture that Pillow holds in 16 bits: a TIFF may have 12."""
    bits = getattr(image, "tag_v2", {}).get(258, (16,))
    return int(bits[0])


def _stretch(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale a picture without an agreed range (32-bit integers, floats) from its own extremes to 0–1."""
    grey = np.nan_to_num(grey, posinf=0, neginf=0)
    low, high = float(grey.min()), float(grey.max())
    return (grey - low) / (high - low) if high > low else np.zeros_like(grey)


def _grey_to_rgb(grey: NDArray[np.floating]) -> NDArray[np.uint8]:
    levels = np.clip(np.rint(grey * 255), 0, 255).astype(np.uint8)
    return np.repeat(levels[:, :, None], 3, axis=2)


def _average(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    if pixels.size > _MAX_FLOAT_VALUES:
        return _cv_resize(pixels, size, cv2.INTER_AREA)
    averaged = cv2.resize(pixels.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.convertScaleAbs(averaged), dtype=np.uint8)  # rounds and saturates


def _cv_resize(pixels: NDArray[np.uint8], size: tuple[int, int], method: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(pixels, size, interpolation=method), dtype=np.uint8)


def _denoise(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)  # it converts to LAB itself, and from BGR
    calm = cv2.fastNlMeansDenoisingColored(bgr, None, _DENOISE_STRENGTH, _DENOISE_STRENGTH)
    return np.asarray(cv2.cvtColor(calm, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _equalise(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    lightness, a, b = cv2.split(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB))
    lightness = cv2.createCLAHE(_CLAHE_CLIP, _CLAHE_TILES).apply(lightness)
    return np.asarray(cv2.cvtColor(cv2.merge((lightness, a, b)), cv2.COLOR_LAB2RGB), dtype=np.uint8)


def _sharpen(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    blurred = cv2.GaussianBlur(rgb, (0, 0), _UNSHARP_SIGMA)
    return np.asarray(cv2.addWeighted(rgb, 1 + _UNSHARP_AMOUNT, blurred, -_UNSHARP_AMOUNT, 0), dtype=np.uint8)
