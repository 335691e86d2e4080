"""Keeps what decoders say from the terminal: it names no pair, and a pair's own outcome says what is needed."""

import ctypes
import warnings

from PIL import TiffImagePlugin, _imaging


def silence_decoders() -> None:
    """Keep this process's decoders from warning and logging: Pillow of odd tags and large pictures, libtiff of damage.

    For the whole process and for good: what is set around one decoding would be undone by another thread's.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")
    TiffImagePlugin.logger.addFilter(lambda _: False)
    pillow = ctypes.CDLL(_imaging.__file__)
    if hasattr(pillow, "TIFFSetErrorHandler"):  # found in what it links, unless libtiff is hidden in it
        pillow.TIFFSetErrorHandler(None)
        pillow.TIFFSetWarningHandler(None)
