"""JSON lines: one object a line; a line that is none costs itself."""

import json
from collections.abc import Iterator, Mapping
from itertools import islice

from pairsift.adapters.sources.lines import Line, Record, place_of, read_lines, record_of

LOOKED_AT = 100
"""Lines whose keys are the file's columns."""


def keys_of(uri: str) -> list[str]:
    """List the keys of the first lines, in the order in which they come."""
    contents = [record.content for record in islice(read_json_lines(uri), LOOKED_AT)]
    return list(dict.fromkeys(key for content in contents if isinstance(content, Mapping) for key in content))


def read_json_lines(uri: str, offset: int = 0, skipped: int = 0) -> Iterator[Record]:
    """Read the lines one by one from a row's beginning on, the first ones only as places."""
    rows = (line for line in read_lines(uri, offset) if line.data is None or line.data.strip())
    for number, line in enumerate(rows):
        yield place_of(line) if number < skipped else record_of(line, _content(line))


def _content(line: Line) -> Mapping[str, object] | str:
    if line.data is None:
        return f"a line of {line.size} bytes"
    try:
        said = json.loads(line.data.decode(errors="surrogateescape"))
    except (ValueError, RecursionError) as error:
        return f"a line is not JSON: {error!s:.100}"
    return said if isinstance(said, dict) else f"a line is no JSON object but {type(said).__name__}"
