"""The names of ImageNet's 1,000 classes as sentences."""

from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES

TEMPLATE = "a photo of a {}"


def class_sentences() -> list[str]:
    """Return one sentence a class, in the order of the classifiers' logits."""
    return [TEMPLATE.format(name) for name in IMAGENET_CLASSNAMES]
