"""Hostile text made safe to show: captions, keys and messages come from strangers."""

import re
from html import escape

_STRUCTURAL = re.compile(r"[\\`*_{}\[\]<>|~!&#]")
_ADDRESS = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
"""Where a bare address begins to be one. Prefect's newer UI makes links of addresses after escapes were undone, so that
only a mark of no width keeps it from that; its older one does not undo references such as `&#60;`, only backslashes."""

_WORD_JOINER = "\u2060"
_LINE_BREAKS = "\n\r\t"


def visible(value: object) -> str:
    """Write a value on one line, its unprintable characters as code points, so that it cannot hide or turn text round.

    Breaks of lines become spaces; bidirectional controls, zero widths and terminal codes are spelt out.
    """
    text = str(value)
    return text if text.isprintable() else "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character in _LINE_BREAKS:
        return " "
    return character if character.isprintable() else f"\\u{{{ord(character):x}}}"


def markdown(value: object) -> str:
    """Write a value as plain text within a line or a table's cell of Markdown: no markup, tag, link or picture."""
    return _STRUCTURAL.sub(r"\\\g<0>", _ADDRESS.sub(_WORD_JOINER, visible(value)))


def code_block(lines: list[str]) -> str:
    """Write lines as a block of code, in a fence longer than any within them."""
    text = "\n".join(visible(line) for line in lines)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{text}\n{fence}"


def xml(value: object) -> str:
    """Write a value as text or a quoted attribute of XML or HTML."""
    return escape(visible(value), quote=True)


def clip(value: object, most: int) -> str:
    """Cut a value to at most so many characters, an ellipsis included."""
    text = visible(value)
    return text if len(text) <= most else text[: most - 1] + "…"
