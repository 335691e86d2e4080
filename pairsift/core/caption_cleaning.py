"""Clean a caption without harming any script: HTML, mojibake, invisible characters, white space.

Unassigned code points stay: which ones are unassigned depends on Python's Unicode version, so removing them would
delete the newest scripts and emoji, and would make one caption clean differently on two machines.
"""

import html
import re
import unicodedata
from functools import lru_cache

import ftfy

_MAX_ROUNDS = 4
"""Rounds of cleaning before markup that still unwraps into more markup counts as hostile; honest captions need two."""

_NEEDS_WORK = re.compile(r"[<&\x00-\x08\x0e-\x1f\x7f]")
"""What an ASCII caption must contain for anything but its white space to change."""

# Tags. Only names of HTML elements, so that "<3", "a < b" and "<unknown>" stay. No branch crosses the next "<" and
# every repeat is possessive, so a caption is scanned once whatever it holds.
_INLINE = (
    "a|abbr|acronym|b|bdi|bdo|big|cite|code|del|dfn|em|font|i|ins|kbd|label|mark|q|s|samp|small|span|strike|strong|sub|"
    "sup|tt|u|var|wbr"
)
_BLOCK = (
    "address|applet|area|article|aside|audio|base|blockquote|body|br|button|canvas|caption|center|col|colgroup|datalist|dd|"
    "details|dialog|dir|div|dl|dt|embed|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|hgroup|hr|"
    "html|iframe|image|img|input|legend|li|link|main|map|menu|meta|meter|nav|noscript|object|ol|optgroup|option|output|p|"
    "param|path|picture|pre|progress|rp|rt|ruby|script|search|section|select|slot|source|style|summary|svg|table|tbody|td|"
    "template|textarea|tfoot|th|thead|time|title|tr|track|ul|video"
)
_ATTRIBUTES = r"""(?:[\s/](?:[^<>"']|"[^"<]*+"|'[^'<]*+')*+>|[\s/][^<>]*+>|>)"""
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE}){_ATTRIBUTES}", re.IGNORECASE)
_BLOCK_TAG = re.compile(rf"</?(?:{_BLOCK}){_ATTRIBUTES}", re.IGNORECASE)
_UNSHOWN = re.compile(
    r"<(script|style)(?:\s[^<>]*+)?>[^<]*+</\1\s*+>|<!--[^<]*?-->|<!doctype[^<>]*+>|<\?xml[^<>]*+>|<!\[CDATA\[|\]\]>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,7}|[A-Za-z][A-Za-z0-9]{1,31});")
_NESTED_AMPERSAND = re.compile(r"&(?:(?:amp|AMP|#0{0,8}38|#[xX]0{0,8}26);)++")
_HTML_CHARACTERS = re.compile("[<>&]")

_FTFY = ftfy.TextFixerConfig(
    unescape_html=False,  # done here, before the tags
    uncurl_quotes=False,  # curled quotes are good typography
    fix_character_width=False,  # full-width punctuation belongs to Chinese and Japanese
    fix_surrogates=False,  # they go with the other invisible characters
)

_INVISIBLE = re.compile(
    "["
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"  # control characters that are not white space
    "\u00ad\u034f"  # soft hyphen, combining grapheme joiner
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidi controls
    "\u200b\u2060-\u2065\u206a-\u206f\ufeff"  # zero-width, invisible operators, byte order mark
    "\ufff9-\ufffb"  # interlinear annotation
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"  # surrogates, noncharacters …
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000))
    + "\U000e0001]"
)
_BLANK = re.compile("[\u115f\u1160\u2800\u3164\uffa0]+")  # letters that show nothing: Hangul fillers, empty braille

# Scripts whose shaping needs joiners: Arabic to Myanmar, Khmer and Mongolian, Balinese to Vedic, Devanagari extended to
# Meetei Mayek, Arabic presentation forms, and the Brahmic and Arabic-like scripts beyond the first plane.
_JOINING = (
    "\u0600-\u109f\u1780-\u18af\u1900-\u1cff\ua800-\uabff\ufb50-\ufdff\ufe70-\ufefc"
    "\U00010a00-\U00010fff\U00011000-\U00011fff\U0001e900-\U0001e95f"
)
_EMOJI = "\u00a9\u00ae\u2139\u203c\u2049\u2122\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_STRAY_JOINER = re.compile(
    f"(?<![{_JOINING}])\u200c"  # ZWNJ follows a letter that joins
    f"|(?<![{_JOINING}{_EMOJI}\ufe0f])\u200d(?![{_JOINING}])"  # ZWJ stands beside one, …
    f"|(?<=[{_EMOJI}\ufe0f])\u200d(?![{_EMOJI}])"  # … or between two emoji
)
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_STRAY_SELECTOR = re.compile(
    "(?:^|(?<=[\\s\ufe00-\ufe0f]))[\ufe00-\ufe0f]"  # selectors come one after a character: runs can smuggle bytes
    f"|(?<![{_HAN}])[\U000e0100-\U000e01ef]"
)
# England, Scotland, Wales: a black flag, a region code in tag characters, a cancel tag. Other tags are smuggled text.
_STRAY_TAGS = re.compile(
    "(\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f)|[\U000e0000-\U000e007f]"
)


def clean_text(text: str) -> str:
    """Remove what is not the caption's text and fold white space; a second pass changes nothing.

    Removed: HTML tags and comments (entities are unescaped), control, bidi and zero-width characters, surrogates and
    noncharacters. Joiners, variation selectors and tag characters stay where scripts and emoji need them. Mojibake is
    repaired (ftfy) and the result is in NFC.
    """
    if text.isascii() and not _NEEDS_WORK.search(text):
        return " ".join(text.split())
    for _ in range(_MAX_ROUNDS):
        cleaned = _clean_once(text)
        if cleaned == text:
            return cleaned
        text = cleaned
    return _clean_once(_HTML_CHARACTERS.sub(" ", text))


@lru_cache(maxsize=64)
def repair_text(text: str) -> str:
    """Undo mojibake and entities and compose (NFC): the same caption, written right. Nothing is removed.

    A caption is repaired when it is cleaned and again when it is measured, and ftfy takes 60 µs: the last are kept.
    """
    if text.isascii() and "&" not in text:
        return text
    text = _ENTITY.sub(_unescape, _NESTED_AMPERSAND.sub("&", text))
    return unicodedata.normalize("NFC", ftfy.fix_text(text, _FTFY))


def without_markup(text: str) -> str:
    """Replace tags and comments by nothing or a space, as a browser would show them; entities stay."""
    if "<" not in text:
        return text
    return _BLOCK_TAG.sub(" ", _INLINE_TAG.sub("", _UNSHOWN.sub(" ", text)))


def _clean_once(text: str) -> str:
    text = without_markup(repair_text(text))
    text = _BLANK.sub(" ", _INVISIBLE.sub("", text))
    if not text.isascii():
        text = _STRAY_JOINER.sub("", text)
        text = _STRAY_SELECTOR.sub("", text)
        text = _STRAY_TAGS.sub(r"\1", text)
        text = unicodedata.normalize("NFC", text)  # removing a character may bring two together that compose
    return " ".join(text.split())


def _unescape(entity: re.Match[str]) -> str:
    return html.unescape(entity[0])
