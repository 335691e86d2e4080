import pytest

from pairsift.core.caption_signals import text_signals
from pairsift.core.signals import BY_NAME, TEXT_SIGNALS
from tests.unit.captions_corpus import ENGLISH

PYTHON_TYPES = {"int": int, "float": float, "str": str}
LIKENESS = ("text.url_likeness", "text.filename_likeness", "text.code_likeness")


def test_measures_every_text_signal_in_its_type():
    signals = text_signals("A brown dog runs on the beach", "A brown dog runs on the beach")

    assert sorted(signals) == sorted(TEXT_SIGNALS)
    assert [name for name, value in signals.items() if type(value) is not PYTHON_TYPES[BY_NAME[name].type]] == []


def test_counts_the_cleaned_caption():
    signals = text_signals("<p>A  brown dog</p>", "A brown dog")

    assert (signals["text.characters"], signals["text.words"]) == (11, 3)


@pytest.mark.parametrize(
    ("caption", "language"),
    [
        ("A brown dog runs on the beach", "en"),
        ("Ein brauner Hund läuft am Strand", "de"),
        ("Чёрная кошка на кровати", "ru"),
        ("床上有一只黑猫", "zh"),
    ],
)
def test_names_the_language(caption: str, language: str):
    signals = text_signals(caption, caption)

    assert signals["text.language"] == language
    assert 0.3 < float(signals["text.language_confidence"] or 0) <= 1


def test_a_caption_without_letters_has_no_language():
    signals = text_signals("12 × 30", "12 × 30")

    assert signals["text.language"] is None
    assert signals["text.language_confidence"] is None


@pytest.mark.parametrize(
    ("raw", "cleaned", "share"),
    [
        ("a cat\n", "a cat", 0.0),
        ("<b>a</b>", "a", 7 / 8),
        ("床上有一只黑猫", "", 1.0),
        ("café", "caf", 0.25),
        ("cafÃ©", "café", 0.0),
        ("\u1112\u1161\u11ab", "한", 0.0),
        ("a &amp; b", "a & b", 0.0),
        ("", "", 0.0),
        ("a", "ab", 0.0),
    ],
)
def test_a_repaired_character_is_not_a_removed_one(raw: str, cleaned: str, share: float):
    assert text_signals(raw, cleaned)["text.share_removed"] == pytest.approx(share)


@pytest.mark.parametrize(
    ("caption", "signal"),
    [
        *((caption, "text.filename_likeness") for caption in ("IMG_2041.JPG", "IMG 2041", "DSC01234", "P1010234")),
        *((caption, "text.filename_likeness") for caption in ("beach holiday 3.jpg", "photos/2019/a.png", "image-12")),
        *(
            (caption, "text.url_likeness")
            for caption in ("http://x.com/a.jpg", "www.foo.org", "foo.com", "me@foo.co.uk")
        ),
        *((caption, "text.code_likeness") for caption in ("my_snake_case", "getElementById", "<br><hr>", "foo();")),
        *(
            (caption, "text.code_likeness")
            for caption in ("d41d8cd98f00b204e9800998ecf8427e", "data-id=12", "{{title}}")
        ),
    ],
)
def test_a_caption_that_is_no_prose_is_all_of_one_kind(caption: str, signal: str):
    signals = text_signals(caption, caption)

    assert {name: signals[name] for name in LIKENESS} == {name: float(name == signal) for name in LIKENESS}


@pytest.mark.parametrize(
    "caption",
    [
        "the lake.it is",
        "Dog(s) on a bench",
        "iPadPro on eBay",
        "a playStation game",
        "AC/DC live",
        "deadbeef cafe",
        "5:30 p.m.",
    ],
)
def test_prose_is_nothing_else(caption: str):
    signals = text_signals(caption, caption)

    assert [signals[name] for name in LIKENESS] == [0, 0, 0]


def test_honest_captions_are_nothing_else():
    suspect = [text for text in ENGLISH if any(text_signals(text, text)[name] for name in LIKENESS)]

    assert suspect == ["IMG 2041"]


def test_the_share_is_of_the_characters_that_are_no_space():
    assert text_signals("visit www.foo.org now", "")["text.url_likeness"] == pytest.approx(11 / 19)


@pytest.mark.parametrize(
    "unit", ["a.", "a_", "aaA", "http://", "1a", ".jpg", "IMG1234", "a=", "a@", "-a", "0a-", "(", "<b>", "word "]
)
def test_measures_100_kb_of_anything(unit: str):
    caption = unit * (100_000 // len(unit))

    assert sorted(text_signals(caption, caption)) == sorted(TEXT_SIGNALS)
