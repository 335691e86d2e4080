import pytest

from pairsift.core.caption_signals import text_signals
from pairsift.core.captions import clean_caption, display_text, read_caption, readable_in_english
from pairsift.core.records import Cleaner, Reason
from tests.unit.captions_corpus import ENGLISH, OTHER_LATIN, SCRIPTS


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("a cät 猫\n".encode(), "a cät 猫"),
        (b"\xef\xbb\xbfa cat", "a cat"),
        ("a cät".encode("utf-16"), "a cät"),
        (b"\xfe\xff" + "a cät".encode("utf-16-be"), "a cät"),
        (b"", ""),
        (b"a cat\n\n", "a cat\n"),
        (None, Reason.CAPTION_MISSING),
        (b"caf\xe9", Reason.CAPTION_NOT_UTF8),
        (b"\xed\xa0\x80", Reason.CAPTION_NOT_UTF8),
        (b"\xff\xfea", Reason.CAPTION_NOT_UTF8),
    ],
)
def test_reads_utf_8_and_marked_utf_16_only(raw: bytes | None, text: str | Reason):
    assert read_caption(raw, 100) == text


@pytest.mark.parametrize(("size", "read"), [(10, "a" * 10), (11, Reason.CAPTION_TOO_LONG)])
def test_a_caption_exactly_as_long_as_allowed_is_read(size: int, read: str | Reason):
    assert read_caption(b"a" * size, 10) == read
    assert read_caption(b"a" * size + b"\n", 10) == read


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (None, None),
        ("a cät".encode(), "a cät"),
        (b"caf\xe9 \xed\xa0\x80", r"caf\xe9 \xed\xa0\x80"),
        (b"a\0b", r"a\x00b"),
        ("a cät".encode("utf-16"), "a cät"),
    ],
)
def test_shows_any_bytes_as_text_that_a_database_takes(raw: bytes | None, shown: str | None):
    assert display_text(raw) == shown


def test_the_cleaner_chooses_who_cleans():
    assert clean_caption("<b>Café</b>", Cleaner.DEFAULT) == "Café"
    assert clean_caption("<b>Café</b>", Cleaner.BASELINE) == "bCafb"


def readable(caption: str) -> bool:
    signals = text_signals(caption, caption)
    language, confidence = signals["text.language"], signals["text.language_confidence"]
    assert isinstance(language, str | None)
    assert isinstance(confidence, float | None)
    return readable_in_english(caption, language, confidence)


def test_refuses_no_honest_english_caption():
    assert [caption for caption in ENGLISH if not readable(caption)] == []


def test_refuses_nearly_all_sentences_in_other_languages_of_latin_letters():
    refused = sum(not readable(caption) for caption in OTHER_LATIN)

    assert refused >= 0.85 * len(OTHER_LATIN)


def test_refuses_every_other_script():
    assert [name for name, caption in SCRIPTS.items() if readable(caption)] == []


@pytest.mark.parametrize(
    ("caption", "language", "confidence", "expected"),
    [
        ("b" * 20, "de", 0.55, False),
        ("b" * 19, "de", 0.84, True),
        ("b" * 10, "de", 0.85, False),
        ("b" * 9, "de", 0.99, True),
        ("b" * 20, "de", 0.54, True),
        ("b" * 20, "en", 0.99, True),
        *(("b" * 20 + f" {word} b", "de", 0.99, True) for word in ("the", "Of", "with", "and", "from")),
        ("猫b", "en", 0.99, True),
        ("猫犬b", "en", 0.99, False),
        ("12 × 30", None, None, True),
    ],
)
def test_holds_exactly_on_its_bounds(caption: str, language: str | None, confidence: float | None, expected: bool):
    assert readable_in_english(caption, language, confidence) is expected
