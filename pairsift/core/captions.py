"""Captions: bytes to text, text to show, the cleaned caption, and whether an English-only encoder may measure it."""

import codecs
import re

from pairsift.core.baseline import strip_caption
from pairsift.core.caption_cleaning import clean_text
from pairsift.core.records import Cleaner, Reason

_UTF16_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

_LATIN = re.compile("[A-Za-zªºÀ-ÖØ-öø-ʯḀ-ỿⱠ-ⱿꜢ-ꞿꟂ-ꟿꬰ-ꭤﬀ-ﬆＡ-Ｚａ-ｚ]")
_ENGLISH_WORD = re.compile(r"\b(?:the|of|with|and|from)\b", re.IGNORECASE)
"""Frequent in English captions and in no other large language of Latin letters: one of them settles the guess."""
_CERTAIN = ((20, 0.55), (10, 0.85))
"""Letters and probability from which on another language counts as certain.

Chosen on py3langid 0.4 with 233 honest English captions, the 1,000 ImageNet class names and 58 short sentences in 12
other languages of Latin letters. It calls less than a third of the English ones English, and is up to 0.75 sure of
another language where names or dishes dominate ("Espresso macchiato", 17 letters). These bounds refuse three of the
1,233, all foreign but for one word ("Prosciutto e melone appetizer"), and 88 % of the sentences.
"""


def read_caption(raw: bytes | None, max_bytes: int) -> str | Reason:
    """Decode a caption: strict UTF-8, or UTF-16 that says so by a byte order mark.

    Returns CAPTION_MISSING, CAPTION_TOO_LONG (more than `max_bytes`) or CAPTION_NOT_UTF8 instead of a text. An empty
    caption is a text: only cleaning tells whether anything is left. One newline at the end does not count, as it does
    not in the uid: pairs of one uid have the same scores.
    """
    if raw is None:
        return Reason.CAPTION_MISSING
    if len(raw.removesuffix(b"\n")) > max_bytes:
        return Reason.CAPTION_TOO_LONG
    try:
        return _decode(raw).removesuffix("\n")
    except UnicodeDecodeError:
        return Reason.CAPTION_NOT_UTF8


def display_text(raw: bytes | None) -> str | None:
    r"""Return the raw caption as text that any database takes.

    Bytes that cannot be decoded become `\xe9`, and NUL becomes `\x00`; there are no surrogates. None if there is none.
    """
    if raw is None:
        return None
    try:
        text = _decode(raw)
    except UnicodeDecodeError:
        text = raw.decode("utf-8", errors="backslashreplace")
    return text.replace("\0", r"\x00")


def clean_caption(text: str, cleaner: Cleaner) -> str:
    """Turn a raw caption into the one that is scored; it may be empty.

    DEFAULT keeps every script (`caption_cleaning.clean_text`), BASELINE is the reference method's (`strip_caption`).
    """
    return strip_caption(text) if cleaner is Cleaner.BASELINE else clean_text(text)


def readable_in_english(caption: str, language: str | None, confidence: float | None) -> bool:
    """Say whether an English-only encoder may measure the caption.

    Not if most of its letters are not Latin, nor if it is in another language for certain: a probability of at least
    0.55 on at least 20 letters, or 0.85 on 10, and none of `the, of, with, and, from`. The language of a short caption
    is a guess, so everything else may be measured. `language` and `confidence` are the caption's text.* signals.
    """
    letters = sum(map(str.isalpha, caption))
    if 2 * len(_LATIN.findall(caption)) < letters:
        return False
    if language in {None, "en"} or confidence is None:
        return True
    certain = any(letters >= least and confidence >= sure for least, sure in _CERTAIN)
    return not certain or _ENGLISH_WORD.search(caption) is not None


def _decode(raw: bytes) -> str:
    if raw.startswith(_UTF16_BOMS):
        return raw.decode("utf-16")
    return raw.decode("utf-8-sig")
