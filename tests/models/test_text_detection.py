"""Text is found in real pictures by the real detector, which is an optional extra."""

import socket
from threading import local

import cv2
import numpy as np
import pytest

from pairsift.config import PreprocessConfig
from pairsift.core.images import decode_image
from pairsift.core.records import Reason
from pairsift.core.text_masks import Pixels
from pairsift.errors import ModelUnavailableError
from pairsift.models import text_detection
from pairsift.models.text_detection import detector_fingerprint, find_text, load_detector, mask_text
from tests.tasks.shards import pairs_of

pytest.importorskip("rapidocr", reason="needs the extra tmars: pip install 'pairsift[tmars]'")


def decoded(key: int) -> Pixels:
    (members,) = pairs_of([key]).values()
    (suffix,) = members.keys() & {"jpg", "png", "webp"}
    rgb = decode_image(members[suffix], PreprocessConfig())
    assert not isinstance(rgb, Reason)
    return rgb


@pytest.fixture(scope="module")
def photograph() -> Pixels:
    return cv2.resize(decoded(1), (480, 360)).astype(np.uint8)


@pytest.fixture(scope="module")
def written_on(photograph: Pixels) -> Pixels:
    """The photograph with a sign on it."""
    picture = photograph.copy()
    cv2.rectangle(picture, (60, 150), (420, 210), (255, 255, 255), -1)
    cv2.putText(picture, "SPECIAL OFFER", (80, 195), cv2.FONT_HERSHEY_SIMPLEX, 1.3, (20, 20, 20), 3)
    return picture


def test_what_is_written_is_found_where_it_is(written_on: Pixels):
    boxes = find_text(written_on)

    covered = np.zeros(written_on.shape[:2], np.uint8)
    cv2.fillPoly(covered, list(boxes.astype(np.int32)), 1)
    letters = (written_on[150:210, 60:420] < 100).all(axis=2)
    assert covered[150:210, 60:420][letters].mean() > 0.95
    assert covered[:120].mean() < 0.05


def test_a_picture_is_masked_where_there_is_text_and_left_where_there_is_none(photograph: Pixels, written_on: Pixels):
    masked = mask_text(written_on)

    assert masked is not None
    assert (masked[150:210, 60:420] < 40).all(axis=2).mean() < 0.02
    assert mask_text(photograph) is None


@pytest.mark.parametrize("key", [4, 40, 55, 197])
def test_a_picture_without_text_is_left_although_the_detector_boxes_most_of_it(key: int):
    rgb = decoded(key)

    found = load_detector()(np.ascontiguousarray(rgb[:, :, ::-1]), use_det=True, use_cls=False, use_rec=False)

    assert cv2.contourArea(found.boxes[0].astype(np.float32)) > 0.3 * rgb.shape[0] * rgb.shape[1]
    assert mask_text(rgb) is None


def test_its_weights_are_those_of_the_package_and_nothing_is_fetched(
    written_on: Pixels, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> None:
        pytest.fail("it looked on the net")

    monkeypatch.setattr(text_detection, "_here", local())
    monkeypatch.setattr("rapidocr.utils.download_file.DownloadFile.run", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)

    assert len(find_text(written_on)) == 1


def test_it_works_on_one_core(written_on: Pixels):
    find_text(written_on)

    nets = (load_detector().text_det, load_detector().text_rec)
    options = [net.session.session.get_session_options() for net in nets]
    assert [(one.intra_op_num_threads, one.inter_op_num_threads) for one in options] == [(1, 1), (1, 1)]


def test_what_finds_text_has_a_name_of_its_own():
    assert len(detector_fingerprint()) == 64


def test_without_the_extra_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(text_detection, "PACKAGES", ("no-such-package",))
    detector_fingerprint.cache_clear()

    with pytest.raises(ModelUnavailableError, match=r"pip install 'pairsift\[tmars\]'"):
        detector_fingerprint()

    detector_fingerprint.cache_clear()
