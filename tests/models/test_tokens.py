import pytest
from open_clip.tokenizer import HFTokenizer, SigLipTokenizer, SimpleTokenizer

from pairsift.models.tokens import BytePairs, compiled
from tests.unit.captions_corpus import ENGLISH, OTHER_LATIN, SCRIPTS

ODD = [
    "",
    " ",
    "\x00",
    "!",
    "! ! !",
    "DON'T we'll I'm they're it's 'S",
    "123 45,6 ½ ² ① ٣ 1st",
    "a_b __ a-b --",
    "&amp;amp; &lt;b&gt; &lt;end_of_text&gt;",
    "<end_of_text>",
    "<start_of_text>a cat<end_of_text>, a dog",
    "<END_OF_TEXT> <end_of_text",
    "\N{CAT FACE}\N{ZERO WIDTH JOINER}\N{FAMILY} \N{REGIONAL INDICATOR SYMBOL LETTER D}",
    "\u200b\u2028\ufeff\u00a0\u3000",
    "ﬁﬂ İstanbul Straße ΣΑΣ",
    "cafÃ© â€œquotedâ€\x9d",  # UTF-8 read as Latin-1: ftfy mends it
    "x" * 3000,
    "stone " * 75,
    "stone " * 76,
    "stone " * 500,
]


@pytest.mark.parametrize("context", [5, 77])
def test_captions_become_the_tokens_that_open_clip_makes_of_them(context: int):
    original = SimpleTokenizer(context_length=context)
    captions = [*ODD, *ENGLISH, *OTHER_LATIN, *SCRIPTS.values()]

    tokens = compiled(original)(captions)

    for caption, row in zip(captions, tokens.tolist(), strict=True):
        assert row == original([caption])[0].tolist(), caption


def test_no_caption_is_no_row():
    assert compiled(SimpleTokenizer())([]).shape == (0, 77)


@pytest.mark.parametrize("clean", ["lower", "whitespace", "canonicalize"])
def test_captions_are_cleaned_as_the_tokenizer_says(clean: str):
    original = SimpleTokenizer(clean=clean)

    assert compiled(original)(["A_Cat,  a DOG!"]).tolist() == original(["A_Cat,  a DOG!"]).tolist()


def test_only_the_plain_tokenizer_is_compiled():
    dropping = SimpleTokenizer(reduction_mask="simple")
    other = object.__new__(HFTokenizer)

    assert isinstance(compiled(SimpleTokenizer()), BytePairs)
    assert compiled(dropping) is dropping
    assert compiled(other) is other
    assert not issubclass(SigLipTokenizer, SimpleTokenizer)
