"""What every reason means, in half a line; docs/reasons.md has the whole of it, and what to do."""

from collections.abc import Mapping

from pairsift.core.records import Reason

MEANINGS: Mapping[Reason, str] = {
    Reason.IMAGE_MISSING: "the pair has no image, or its file is gone",
    Reason.IMAGE_EMPTY: "the image has 0 bytes",
    Reason.IMAGE_FILE_TOO_LARGE: "the image file has more bytes than the config allows",
    Reason.IMAGE_UNKNOWN_FORMAT: "no known image format, often a web page saved as a picture",
    Reason.IMAGE_CORRUPT: "the decoder reported damage",
    Reason.IMAGE_TOO_MANY_PIXELS: "the image has more pixels than the config allows",
    Reason.CAPTION_MISSING: "the pair has no caption",
    Reason.CAPTION_NOT_UTF8: "the caption's bytes are no text",
    Reason.CAPTION_TOO_LONG: "the caption has more bytes than the config allows",
    Reason.CAPTION_EMPTY: "nothing is left of the caption after cleaning",
    Reason.LANGUAGE_UNSUPPORTED: "the encoder does not know the caption's language",
    Reason.SIGNAL_UNMEASURABLE: "a signal that the policy needs has no value",
    Reason.SOURCE_COLUMN_MISSING: "the source carries no such column of the pair, or one of another kind",
    Reason.IMAGE_TOO_SMALL: "too few pixels wide or high",
    Reason.IMAGE_FILE_TOO_SMALL: "too few bytes in the image file",
    Reason.ODD_ASPECT_RATIO: "the long side is too long for the short one",
    Reason.BLURRY: "too little sharpness",
    Reason.DARK: "nearly black",
    Reason.LIGHT: "nearly white",
    Reason.LOW_INFORMATION: "nearly one tone",
    Reason.GRAYSCALE: "a picture without colour",
    Reason.CAPTION_TOO_SHORT: "too few words",
    Reason.CAPTION_IS_FILENAME: "mostly the names of files",
    Reason.CAPTION_IS_URL: "mostly URLs",
    Reason.CAPTION_IS_CODE: "mostly markup, code or identifiers",
    Reason.CAPTION_MOSTLY_REMOVED: "cleaning removed most of it",
    Reason.WRONG_LANGUAGE: "a language that the policy does not want",
    Reason.POLICY_RULE: "another rule of the policy",
    Reason.EXACT_DUPLICATE: "another pair has the same image and caption, byte for byte",
    Reason.NEAR_DUPLICATE: "another pair's picture looks nearly the same",
    Reason.SEMANTIC_DUPLICATE: "another pair's picture shows the same, by its embedding",
    Reason.PLACEHOLDER: "the same picture stands under many captions",
    Reason.BELOW_CUT: "below the selection's cut",
    Reason.LIKELY_MISMATCHED: "scores no higher than unrelated captions do",
}
