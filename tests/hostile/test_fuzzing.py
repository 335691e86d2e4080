"""Fuzzing of what strangers send: captions, pictures, the index of tars; a small budget here, a larger with `long`."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pairsift.adapters.sources.tar import Member, read_members
from pairsift.config import PreprocessConfig
from pairsift.console import plain
from pairsift.core.captions import display_text
from pairsift.core.images import decode_image
from pairsift.core.preprocessing import prepare_caption
from pairsift.core.records import Cleaner, Damage, Reason
from pairsift.report.escaping import markdown, visible, xml
from tests.hostile.caption_cases import caption_cases
from tests.hostile.image_cases import FORMATS
from tests.hostile.tar_cases import WHOLE
from tests.unit.pictures import encoded, scene

ROOT = Path(__file__).parents[2]
CONFIG = PreprocessConfig(max_image_pixels=1_000_000)
FILES = tuple(encoded(scene(number, 24, 16), name) for number, name in enumerate(FORMATS))
BUDGET = settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
PIECES = st.sampled_from(
    ["<b>", "&lt;", "&#0;", "\0", "\u202e", "\u200d", "\U000e0041", "\x1b[2J", "[red]", "|", "`", " "]
)
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=40).map("".join)
CAPTIONS = TEXTS.map(lambda text: text.encode(errors="surrogatepass")) | st.binary(max_size=200)

pytestmark = pytest.mark.filterwarnings("ignore")  # as in production: Pillow warns of odd tags


@st.composite
def damaged(draw: st.DrawFn, files: tuple[bytes, ...]) -> bytes:
    """Draw one of the files with a few changes: bytes set, a piece cut out, or doubled."""
    data = bytearray(draw(st.sampled_from(files)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(data) - 1, 0)))
        piece = draw(st.binary(max_size=4))
        kind = draw(st.sampled_from(["set", "cut", "double"]))
        end = place + (len(piece) if kind == "set" else draw(st.integers(0, 64)))
        data[place:end] = {"set": piece, "cut": b"", "double": bytes(data[place:end]) * 2}[kind]
    return bytes(data)


@BUDGET
@given(CAPTIONS)
@example(b"&amp;lt;b&amp;gt;")
def test_any_caption_is_a_text_for_every_store_or_a_reason(raw: bytes):
    caption, measured = prepare_caption(raw, CONFIG, Cleaner.DEFAULT)

    assert (caption is None) == bool(measured.unmeasurable)
    for text in (caption or "", display_text(raw) or ""):
        assert "\0" not in text
        assert text.encode().decode() == text
    if caption is not None:
        again, _ = prepare_caption(caption.encode(), CONFIG, Cleaner.DEFAULT)
        assert again == caption


@BUDGET
@given(TEXTS.filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)))
@example("![x](http://evil.example) <b>x</b> | `x` https://evil.example")
def test_any_text_is_shown_as_text_in_the_terminal_markdown_and_html(text: str):
    assert plain(text).plain.isprintable()
    assert xml(text).isprintable()
    assert not set("<>\"'") & set(xml(text))
    html = MarkdownIt().render(f"a {markdown(text)} z")
    assert html.startswith("<p>a ")
    assert html.count("<") == 2  # the paragraph's own tags
    assert visible(text) == visible(visible(text))


@pytest.mark.parametrize("case", caption_cases(), ids=lambda case: case[0])
def test_a_hostile_caption_is_one_paragraph_of_markdown(case: tuple[str, bytes | None, object]):
    shown = markdown((display_text(case[1]) or "")[:2000])

    assert MarkdownIt().render(f"a {shown} z").count("<") == 2


def entry(data: bytes) -> None:
    """Decode a picture; anything but an RGB picture or a reason is a fault."""
    pixels = decode_image(data, CONFIG)
    if not isinstance(pixels, Reason):
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3
        assert 0 < pixels.size <= 3 * CONFIG.max_image_pixels


def index(data: bytes) -> None:
    """Read a tar; anything but members that lie where they are said to lie, then at most one damage, is a fault."""
    found = list(read_members(io.BytesIO(data), lambda _: True))
    assert not any(isinstance(one, Damage) for one in found[:-1])
    for one in found:
        if isinstance(one, Member):
            assert data[one.offset : one.offset + one.size] == one.data


@BUDGET
@given(damaged(FILES))
def test_any_damaged_picture_is_a_picture_or_a_reason(data: bytes):
    entry(data)


@BUDGET
@given(damaged((WHOLE,)))
def test_any_damaged_tar_is_read_up_to_its_damage(data: bytes):
    index(data)


@pytest.mark.long
@settings(BUDGET, max_examples=20_000)
@given(CAPTIONS)
def test_many_captions_are_texts_or_reasons(raw: bytes):
    prepare_caption(raw, CONFIG, Cleaner.DEFAULT)
    prepare_caption(raw, CONFIG, Cleaner.BASELINE)


@pytest.mark.long
@pytest.mark.parametrize("target", ["image", "tar"])
def test_atheris_finds_nothing(target: str, tmp_path: Path):
    command = [sys.executable, "-m", "tests.hostile.fuzz", target, str(tmp_path), "120"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, errors="replace")

    assert done.returncode == 0, done.stderr[-3000:]
    assert "DONE" in done.stderr
