"""The text.* signals: what can be measured of a caption without its image."""

import re
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]  # it ships no types

from pairsift.core.caption_cleaning import repair_text, without_markup
from pairsift.core.records import SignalValue

_EXTENSION = (
    "jpe?g|jfif|png|gif|webp|bmp|tiff?|svg|avif|hei[cf]|raw|cr2|nef|dng|psd|eps|pdf|mp4|mov|avi|webm|txt|docx?|zip"
)
# Only endings that are no words of a large language, so that a forgotten space ("the lake.it is") makes no address.
_TOP_DOMAIN = "com|org|net|edu|gov|info|biz|io|co|uk|de|fr|es|nl|pl|ru|jp|cn|br|au|ca|eu|ch|se|tv"

# Every pattern but _CAMERA is matched against one word from end to end, and none can match one text in two ways
# (possessive repeats): time is linear in the caption whatever it holds.
_URL = re.compile(
    r"(?:[a-z][a-z0-9+.-]*+://|www\.|mailto:)\S++"
    rf"|(?:[\w.+-]++@)?(?:[a-z0-9-]++\.)++(?:{_TOP_DOMAIN})(?:[/:?#]\S*+)?",
    re.IGNORECASE,
)
_FILE_NAME = re.compile(
    rf"\S{{1,255}}\.(?:{_EXTENSION})|(?:image|img|photo|pic|picture|scan|screenshot|untitled|unnamed|file)[_-]?\(?[0-9]++\)?",
    re.IGNORECASE,
)
_SPACED_FILE_NAME = re.compile(rf'[^:?!,;"<>|*\n]{{1,250}}\.(?:{_EXTENSION})', re.IGNORECASE)
_CAMERA = re.compile(
    r"(?<!\w)(?:IMG|IMGP|DSC|DSCN|DSCF|CIMG|PICT|DCIM|GOPR|PXL|MVI|VID|SAM|HPIM|WP)[ _-]?[0-9]{3,}[\w.-]*+"
    rf"|(?<!\w)P[0-9]{{7}}(?:\.(?:{_EXTENSION}))?(?!\w)"
)
_CODE = re.compile(
    r"\S*?(?:\(\)|[{}]|=>|==|!=|&&|\|\||::|</|/>|\);)\S*+"  # what no sentence has
    r"|[@#$.]?[A-Za-z0-9]++(?:_++[A-Za-z0-9]++)++"  # snake_case
    r"|[a-z]{2,}+(?:[A-Z][a-z0-9]++){2,}+"  # camelCase of three parts: two may be a brand
    r"|[A-Za-z_][\w:-]*+=\S++"  # key=value
    r"|--?[a-z][a-z0-9-]*+=\S*+"  # --flag=value
    r"|(?=[0-9a-f-]*?[0-9])(?=[0-9a-f-]*?[a-f])[0-9a-f]{8}[0-9a-f-]{4,}+",  # digests and UUIDs
)
_PUNCTUATION = "\"'“”‘’.,;:!?()[]«»"


def text_signals(raw: str, cleaned: str) -> dict[str, SignalValue]:
    """Measure every text.* signal of a caption.

    Likeness and the share removed are measured on the raw caption with mojibake and entities undone (a repaired
    character is not a removed one), the others on the cleaned one. A caption without letters has no language: None.
    """
    repaired = repair_text(raw)
    language, confidence = _language(cleaned)
    return {
        "text.characters": len(cleaned),
        "text.words": len(cleaned.split()),
        "text.language": language,
        "text.language_confidence": confidence,
        "text.share_removed": _share(_shown(repaired) - _shown(cleaned), _shown(repaired)),
        **_likeness(repaired),
    }


def _language(text: str) -> tuple[str | None, float | None]:
    if not any(map(str.isalpha, text)):
        return None, None
    language, probability = _identifier().classify(text)
    return str(language), float(probability)


@cache
def _identifier() -> LanguageIdentifier:
    """Load py3langid's model once a process; classifying only reads it, so threads share it.

    Captions go in as they are written: in lower case names look more foreign (of 156 English captions 45 instead of 47
    were recognised, and the wrong guesses were surer).
    """
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _likeness(text: str) -> dict[str, SignalValue]:
    """Sort each word into URL, file name, code or neither, in this order, and return the three shares of characters."""
    total = _shown(text)
    prose = without_markup(text)
    if _SPACED_FILE_NAME.fullmatch(prose.strip()) and not _URL.fullmatch(prose.strip()):
        return _shares(0, _shown(prose), total - _shown(prose), total)
    urls, names, code = 0, 0, total - _shown(prose)
    for camera in _CAMERA.finditer(prose):
        names += _shown(camera[0])
    for word in _CAMERA.sub(" ", prose).split():
        bare = word.strip(_PUNCTUATION)
        if _URL.fullmatch(bare):
            urls += len(word)
        elif _FILE_NAME.fullmatch(bare):
            names += len(word)
        elif _CODE.fullmatch(word) or _CODE.fullmatch(bare):
            code += len(word)
    return _shares(urls, names, code, total)


def _shares(urls: int, names: int, code: int, total: int) -> dict[str, SignalValue]:
    return {
        "text.url_likeness": _share(urls, total),
        "text.filename_likeness": _share(names, total),
        "text.code_likeness": _share(code, total),
    }


def _share(part: int, whole: int) -> float:
    return max(0.0, part / whole) if whole else 0.0


def _shown(text: str) -> int:
    return sum(map(len, text.split()))
