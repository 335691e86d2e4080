"""The `.json` of a sample, as img2dataset writes it: caption, uid and everything else that its source says."""

import json
from collections.abc import Mapping

from pairsift.adapters.sources.files import storable


def fields_of(data: bytes | None) -> dict[str, object]:
    """Read a sample's `.json`; what is broken or no object says nothing."""
    try:
        fields = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def caption_in(fields: Mapping[str, object]) -> bytes | None:
    """Find a caption: the string `caption`, or else `text`."""
    found = next((text for name in ("caption", "text") if isinstance(text := fields.get(name), str)), None)
    return None if found is None else found.encode(errors="surrogatepass")


def uid_in(fields: Mapping[str, object]) -> str | None:
    """Find the source's own uid."""
    uid = fields.get("uid")
    return storable(uid) if isinstance(uid, str) and uid else None
