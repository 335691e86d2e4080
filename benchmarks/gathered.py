"""What fusion heads learn from and are tried with, of a source: its pairs, their views, and perturbed; made once."""

from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

from pairsift.adapters.lessons import Lesson, lessons_of_source, prepare_lesson
from pairsift.adapters.remaining import Takedowns
from pairsift.adapters.sampling import Wanted
from pairsift.config import AUGMENTATIONS, RunConfig, ScoreConfig
from pairsift.core.perturbing import IN_PICTURE, Perturbation, generator, mistype
from pairsift.core.preprocessing import PreparedLesson
from pairsift.models.augmenting import Augmenting
from pairsift.models.device import resolve
from pairsift.models.encoder import load_encoder, picture_fit
from pairsift.models.fusion_training import Lessons
from pairsift.models.gathering import AS_THEY_CAME, gather, read_gathered
from pairsift.models.pictures import Pixels, fit_picture
from pairsift.models.scores import Sides

CONFIG = RunConfig(score=resolve(ScoreConfig(device="cpu", dtype="float32")))
PAIRS = 2000
SEED = 0
"""Of the choice, the views and the perturbations; the split and the training have theirs."""
VIEWS = Augmenting(AUGMENTATIONS, 3, SEED)


def gathered(source: str, augmenting: Augmenting = AS_THEY_CAME) -> Lessons:
    """Read what was gathered of a source's pairs, and of their views, beside the source; gather it first if need be."""
    return _made_once(Path(f"{source}.{augmenting.views}-views.tokens"), source, prepared, augmenting)


def gathered_perturbed(source: str, perturbation: Perturbation) -> Lessons:
    """Do the same with perturbed pairs, in the same order."""
    return _made_once(
        Path(f"{source}.{perturbation}.tokens"), source, lambda one: prepared(one, perturbation), AS_THEY_CAME
    )


def prepared(lesson: Lesson, perturbation: Perturbation | None = None) -> PreparedLesson | None:
    """Prepare a pair as training does; None where the encoder cannot read it as it is."""
    rng = generator(SEED, lesson.image_sha256)
    fit = partial(fit_picture, fit=picture_fit(CONFIG.score))

    def perturbed(rgb: Pixels) -> Pixels:
        if perturbation is None or perturbation not in IN_PICTURE:
            return fit(rgb)
        return fit(IN_PICTURE[perturbation](rgb, rng))

    english_only = load_encoder(CONFIG.score).english_only
    made = prepare_lesson(lesson, CONFIG.preprocess, perturbed, english_only=english_only)
    if made is None or perturbation is not Perturbation.TYPOS:
        return made
    return replace(made, caption=mistype(made.caption, rng))


def _made_once(
    path: Path, source: str, prepare: Callable[[Lesson], PreparedLesson | None], augmenting: Augmenting
) -> Lessons:
    if not path.exists():
        encoder = load_encoder(CONFIG.score)
        lessons = lessons_of_source(source, CONFIG, Wanted(PAIRS, SEED, encoder.english_only), Takedowns())
        readable = (one for one in map(prepare, lessons) if one is not None)
        gather(encoder, readable, path, lambda _: None, augmenting)
    return read_gathered(path, "cpu")


def first_rows(lessons: Lessons) -> Lessons:
    """Leave the views out."""
    count = len(lessons)
    sides = Sides(**{field.name: getattr(lessons.sides, field.name)[:count] for field in fields(Sides)})
    return Lessons(sides, lessons.image[:count], lessons.groups)
