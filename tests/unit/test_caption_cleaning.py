import random

import pytest

from pairsift.core.caption_cleaning import clean_text, repair_text, without_markup
from tests.unit.captions_corpus import ENGLISH, OTHER_LATIN, SCRIPTS

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


@pytest.mark.parametrize("caption", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_every_script_survives_unchanged(caption: str):
    assert clean_text(caption) == caption


@pytest.mark.parametrize(
    "caption",
    [
        *("a < b and c > d", "I <3 you", "2<4", "an <unknown> thing", "<b", "AT&T; R&D", "Q&A &copy 2020"),
        *(
            "“curled” – ‘quotes’…",
            "naïve café",
            f"family {FAMILY}",
            f"{ENGLAND} fans",
            "❤\ufe0f",
            "👍🏽",
            "🏳\ufe0f\u200d🌈",
        ),
        *("1\ufe0f\u20e3", "葛\U000e0100", "x² ½ ™ № ﷺ"),
    ],
)
def test_keeps_what_only_looks_like_noise(caption: str):
    assert clean_text(caption) == caption


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("A <b>bold</b> cat", "A bold cat"),
        ("<p>One</p><p class='x'>two</p>", "One two"),
        ("H<sub>2</sub>O<br/>ice", "H2O ice"),
        ("""<img alt="a > b" src='x'>Dog""", "Dog"),
        ("<a href=it's>Dog</a>", "Dog"),
        ("<script>var a = 1;</script>Dog<style>p{}</style>", "Dog"),
        ("<!-- <b>hidden</b> -->Dog", "Dog"),
        ("Salt &amp; pepper &#233; &eacute;", "Salt & pepper é é"),
        ("A &amp;amp;amp; B &lt;b&gt;x&lt;/b&gt;", "A & B x"),
    ],
)
def test_shows_html_as_a_browser_would(raw: str, cleaned: str):
    assert clean_text(raw) == cleaned


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("\ufeffred\x00 c\u200ba\u2060r\x07", "red car"),
        ("a\u202egnp.\u202ctac \u2066x\u2069\u200e\u200f\u061c", "agnp.tac x"),
        ("beau\u00adti\u034fful", "beautiful"),
        ("x\U000e0041\U000e0042y", "xy"),
        ("\U0001f3f4\U000e0041\U000e0042", "\U0001f3f4"),
        ("\U0001f3f4\U000e0061\U000e0062\U000e007f", "\U0001f3f4"),
        ("cat\u200d\u200cs", "cats"),
        ("a\ufe00\ufe01\ufe02b", "a\ufe00b"),
        ("😀\ufe0f\U000e0101\U000e0102", "😀\ufe0f"),
        ("a\ud800b\ufdd0c\U0001ffffd", "abcd"),
        ("\u3164\u2800\u115f", ""),
    ],
)
def test_removes_what_cannot_be_seen(raw: str, cleaned: str):
    assert clean_text(raw) == cleaned


def test_folds_every_white_space_to_single_spaces():
    assert clean_text("\u3000a\u00a0\u2003b\r\n\t c\u2028d ") == "a b c d"


def test_repairs_mojibake_and_composes():
    assert clean_text("cafÃ© / cafe\u0301") == "café / café"


def test_leaves_honest_captions_alone():
    honest = [*ENGLISH, *OTHER_LATIN]

    assert [clean_text(caption) for caption in honest] == honest


def test_is_idempotent_on_random_hostile_text():
    rng = random.Random(0)
    pieces = [
        *("<", ">", "&", "amp;", "lt;", "gt;", "#38;", "b", "/", "<p>", "</b>", "<!--", "-->", "<script>", "</script>"),
        *(
            "\u200d",
            "\u200c",
            "\u200b",
            "\ufe0f",
            "\U000e0101",
            "\U000e0061",
            "\U000e007f",
            "\U0001f3f4",
            "😀",
            "\ufeff",
        ),
        *(
            "漢",
            "ا",
            "क",
            "्",
            "ᄒ",
            "ᅡ",
            "e",
            "\u0301",
            "Ã",
            "©",
            "â€™",
            "\x1b[",
            "\x00",
            "\x1c",
            "\x85",
            "\ud800",
            "\u3164",
            " ",
        ),
    ]
    captions = ["".join(rng.choices(pieces, k=rng.randint(1, 14))) for _ in range(1000)]

    cleaned = [clean_text(caption) for caption in captions]

    assert [clean_text(caption) for caption in cleaned] == cleaned


@pytest.mark.parametrize(
    "unit", ["<", "<b ", '<b "', "<script>", "<!--", "&amp;", "&lt;", "amp", "\u200d", "Ã©", "\u0301", "\x1b["]
)
def test_cleans_100_kb_of_anything_to_a_fixed_point(unit: str):
    cleaned = clean_text("&" + unit * (100_000 // len(unit)))

    assert clean_text(cleaned) == cleaned


def test_markup_that_unwraps_into_markup_for_ever_loses_its_brackets():
    assert "<" not in clean_text("<" * 1000 + "b>" * 1000)


def test_repairing_removes_nothing():
    assert repair_text("<b>cafÃ© &amp; x\u200by</b>") == "<b>café & x\u200by</b>"


def test_markup_goes_alone():
    assert without_markup("<b>x</b>\u200b &amp; y") == "x\u200b &amp; y"
