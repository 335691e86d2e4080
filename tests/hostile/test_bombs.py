"""Pictures within every cap that would keep a decoder busy for a minute, under the limits as they are shipped."""

from pathlib import Path

import pytest

from pairsift.config import PreprocessConfig
from pairsift.core.records import Reason
from tasks.preparing import prepare_apart
from tests.hostile.pictures import flat_png, tiff_of_tiles
from tests.tasks.dying import GOOD, OTHER
from tests.tasks.orders import listed, reasons


@pytest.mark.long
def test_a_bomb_costs_itself_and_no_other_picture(tmp_path: Path):
    bomb = tiff_of_tiles(2400)
    config = PreprocessConfig(isolate_decoding=True)
    assert len(bomb) < config.max_image_bytes
    order = listed(tmp_path, [GOOD, bomb, flat_png(7000), OTHER], config)

    prepare_apart(order, 1)

    assert reasons(order)[::2] == [None, Reason.IMAGE_DECODE_TIMEOUT, None, None]
