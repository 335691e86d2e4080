"""Decoding says nothing on the terminal, by Python's own filters: the pair's outcome says it."""

import subprocess
import sys

DECODING = """
import pairsift.adapters.sources
from pairsift.config import PreprocessConfig
from pairsift.core.images import decode_image
from tests.hostile.image_cases import MAX_IMAGE_BYTES, image_cases
from tests.hostile.pictures import patched
from tests.unit.pictures import encoded, gradient

config = PreprocessConfig(max_image_bytes=MAX_IMAGE_BYTES)
for name, data, reason in image_cases():
    decode_image(data, config)
for side in (9_500, 13_000, 14_000):
    bomb = patched(encoded(gradient(), "BMP"), 18, side.to_bytes(4, "little") * 2)
    print(decode_image(bomb, config))
"""


def test_no_hostile_picture_and_no_bomb_makes_a_decoder_warn_on_the_terminal():
    done = subprocess.run([sys.executable, "-c", DECODING], capture_output=True, text=True, check=True)

    assert done.stderr == ""
    assert done.stdout == "image_too_many_pixels\n" * 3
