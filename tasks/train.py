"""Train a fusion head: plan, gather tokens once, fit from the last checkpoint on, register, show the curves."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import get_run_logger, task
from prefect.client.schemas.actions import ArtifactCreate
from prefect.runtime import flow_run

from pairsift.adapters.durable import make_folder
from pairsift.adapters.keeping import keep_trained
from pairsift.adapters.lessons import Lesson, lessons_of_dataset, lessons_of_source, prepare_lesson
from pairsift.adapters.remaining import Takedowns, find_takedowns
from pairsift.adapters.sampling import Wanted
from pairsift.adapters.store.engine import prepare
from pairsift.adapters.store.trained import TrainedRow, require_free
from pairsift.core.fingerprint import fingerprint
from pairsift.core.preprocessing import PreparedLesson
from pairsift.core.training import TrainRequest
from pairsift.models.augmenting import Augmenting
from pairsift.models.device import resolve
from pairsift.models.encoder import load_encoder, picture_fit, space_of
from pairsift.models.fusion_training import Progress, Recipe
from pairsift.models.gathering import gather
from pairsift.models.head_fitting import Fitted, Fitting, fit_head, write_head
from pairsift.models.pictures import fit_picture
from pairsift.models.trained import trained_uri
from pairsift.report.training import render_training
from pairsift.settings import Settings
from tasks.asking import ask
from tasks.retrying import STAGE
from tasks.telling import Step, tell
from tasks.workplace import set_up_process, storage, store


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """One training: the request with its encoder resolved, that encoder's space, and the folder it works in."""

    request: TrainRequest
    space: str
    folder: str


@dataclass(frozen=True, slots=True)
class Gathered:
    """The file of tokens, of how many pairs, the digest of their uids, and how many others were `forgotten`."""

    tokens: str
    pairs: int
    pairs_sha256: str
    forgotten: int


@task(name="plan training", task_run_name="plan", **STAGE)
def plan_training(request: TrainRequest) -> TrainPlan:
    """Look at database, name and encoder before any work starts; the same request finds what it has done before.

    Not what it did before a pair was taken down: that may have learnt from it.
    """
    prepare(Settings().store_url)
    require_free(store(), "fusion", request.name)
    uri = trained_uri("fusion", request.name)
    score = resolve(request.config.score.model_copy(update={"fusion": None, "adapter": None}))
    request = request.model_copy(update={"config": request.config.model_copy(update={"score": score})})
    space = space_of(score)
    tombstones = sorted(find_takedowns(Settings().store_url).tombstones)
    asked = {**request.model_dump(mode="json"), "space": space, "uri": uri, "tombstones": tombstones}
    folder = storage() / "training" / fingerprint(asked)[:16]
    make_folder(folder)
    return TrainPlan(request, space, str(folder))


@task(name="gather lessons", task_run_name="gather lessons", **STAGE)
def gather_lessons(plan: TrainPlan) -> Gathered:
    """Encode the pairs to learn from, and their views, into a file of tokens; one that is there is taken."""
    tokens, told = Path(plan.folder) / "tokens.safetensors", Path(plan.folder) / "pairs.json"
    if not (tokens.is_file() and told.is_file()):
        set_up_process()
        request, takedowns = plan.request, find_takedowns(Settings().store_url)
        uids = gather(
            load_encoder(request.config.score),
            prepared_lessons(request, takedowns),
            tokens,
            lambda done: tell(Step("pairs encoded", done, request.pairs)),
            Augmenting(request.augment, request.encoded_views, request.seed),
        )
        facts = {"pairs": len(uids), "pairs_sha256": fingerprint(sorted(uids)), "forgotten": takedowns.left_out}
        told.write_text(json.dumps(facts), encoding="utf-8")
    get_run_logger().info("%s: tokens gathered", plan.request.name)
    return Gathered(str(tokens), **json.loads(told.read_text(encoding="utf-8")))


@task(name="fit head", task_run_name="fit head", **STAGE)
def fit(plan: TrainPlan, gathered: Gathered) -> Fitted:
    """Train from the last checkpoint on, with a line in the log for every epoch, and judge on pairs held out."""
    set_up_process()
    request, folder, logger = plan.request, Path(plan.folder), get_run_logger()
    files = (Path(gathered.tokens), folder / "checkpoint.pt", folder / "weights.safetensors")

    def advance(progress: Progress) -> None:
        point = progress.curve[-1]
        logger.info(
            "%s: epoch %d, matching %.3f, AUC %.3f", request.name, point["epoch"], point["matching"], point["auc"]
        )
        tell(Step("epochs", progress.epoch, request.epochs, f"AUC {point['auc']:.3f}"))

    return fit_head(
        Fitting(*files, request.form, request.depth, recipe_of(request), request.config.score.device), advance
    )


@task(name="register head", task_run_name="register head", **STAGE)
def register_head(plan: TrainPlan, gathered: Gathered, fitted: Fitted) -> dict[str, Any]:
    """Put the head into the storage and the store, and show its curves; return what came of it."""
    request = plan.request
    data = {
        "from": request.learnt_from,
        "pairs": gathered.pairs,
        "pairs_sha256": gathered.pairs_sha256,
        "augmented by": ", ".join(request.augment) or "nothing",
        "views": request.encoded_views,
        **{f"recipe {name}": value for name, value in asdict(recipe_of(request)).items()},
    }
    uri = trained_uri("fusion", request.name)
    encoder = request.config.score.encoder
    made = TrainedRow(request.name, plan.space, encoder, fitted.shape, data, fitted.metrics, uri)
    write = partial(write_head, Path(plan.folder) / "weights.safetensors", made.said())
    row = keep_trained(store(), storage(), "fusion", made, write)
    outcome = {
        **asdict(row),
        "file": str(storage() / uri),
        "forgotten": gathered.forgotten,
        "curve": fitted.curve,
        "reliability": fitted.reliability,
    }
    show_training(outcome)
    shutil.rmtree(plan.folder, ignore_errors=True)
    return outcome


def recipe_of(request: TrainRequest) -> Recipe:
    """Say how a head is trained; it is registered with the head."""
    return Recipe(
        epochs=request.epochs,
        batch=request.batch,
        words_dropped=request.words_dropped,
        noise=request.noise,
        patience=request.patience,
        seed=request.seed,
    )


def prepared_lessons(request: TrainRequest, takedowns: Takedowns) -> Iterator[PreparedLesson]:
    """Read and decode the pairs to learn from, those that the encoder can read."""
    config = request.config
    english_only = load_encoder(config.score).english_only
    fit_to = partial(fit_picture, fit=picture_fit(config.score))
    for lesson in lessons_of(request, takedowns, english_only=english_only):
        prepared = prepare_lesson(lesson, config.preprocess, fit_to, english_only=english_only)
        if prepared is not None:
            yield prepared


def lessons_of(request: TrainRequest, takedowns: Takedowns, *, english_only: bool) -> Iterator[Lesson]:
    """Find the pairs of the source, or of the data set, which has none that was taken down."""
    wanted = Wanted(request.pairs, request.seed, english_only)
    if request.dataset is not None:
        return lessons_of_dataset(store(), request.dataset, wanted)
    return iter(lessons_of_source(str(request.source), request.config, wanted, takedowns))


def show_training(outcome: dict[str, Any]) -> None:
    """Show the curves and figures as an artifact of the flow run, where there is one."""
    if flow_run.id is None:
        return
    artifact = ArtifactCreate(
        key=f"pairsift-fusion-{fingerprint(outcome['name'])[:12]}",
        type="markdown",
        description=f"Fusion head {outcome['name']}",
        data=render_training(outcome),
        flow_run_id=UUID(flow_run.id),
    )
    ask(lambda client: client.create_artifact(artifact))
