"""`conse` on its way to an encoder: its models found, identified and loaded, and what was trained for it."""

from dataclasses import dataclass

from pairsift.config import ScoreConfig
from pairsift.core.consistency import strip_phrases
from pairsift.core.fingerprint import fingerprint
from pairsift.errors import ModelUnavailableError
from pairsift.models.adapter import load_adapter
from pairsift.models.class_names import class_sentences
from pairsift.models.classifiers import ClassifierSource, find_classifier, load_classifier
from pairsift.models.conse import NAME, TEMPERATURE, Conse, centred, encode_all
from pairsift.models.device import backend, torch_dtype
from pairsift.models.fusion import HEADS
from pairsift.models.fusion_heads import load_head
from pairsift.models.scores import ModelCard
from pairsift.models.sentences import SentenceSource, find_sentence_encoder, load_sentence_encoder
from pairsift.models.trained import Trained, find_trained


@dataclass(frozen=True, slots=True)
class ConseSource:
    """Everything `conse` is made of, found but not loaded."""

    classifier: ClassifierSource
    sentences: SentenceSource
    space: str
    adapter: Trained | None
    head: Trained | None
    fingerprint: str

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """The two models, as the ledger names them, and what was trained for them."""
        cards = tuple(ModelCard(part.name, part.fingerprint) for part in (self.classifier, self.sentences))
        return (*cards, *(trained.card for trained in (self.adapter, self.head) if trained is not None))


def find_conse(config: ScoreConfig) -> ConseSource:
    """Find and identify the models of a resolved config, without building them."""
    classifier, sentences = find_classifier(config.classifier), find_sentence_encoder(config.sentence_encoder)
    own = {
        "encoder": NAME,
        "parts": [classifier.fingerprint, sentences.fingerprint],
        "classes": class_sentences(),
        "temperature": TEMPERATURE,
    }
    space = fingerprint(own)
    identity = own | {
        "heads": HEADS,
        "baseline_input": config.baseline_input,
        "dtype": config.dtype,
        "backend": backend(config),
    }
    adapter = None if config.adapter is None else find_trained("adapter", config.adapter, space)
    head = None if config.fusion is None else find_trained("fusion", config.fusion, space)
    # Only what is on: scores made without stay what they are.
    identity |= {
        kind: trained.sha256 for kind, trained in (("adapter", adapter), ("head", head)) if trained is not None
    }
    return ConseSource(classifier, sentences, space, adapter, head, fingerprint(identity))


def load_conse(source: ConseSource, config: ScoreConfig) -> Conse:
    """Load `conse` for a resolved config; the class vectors are made here, in float32 whatever the dtype."""
    dtype, batch_size = torch_dtype(config), int(config.batch_size)
    classifier = load_classifier(source.classifier, config.device, dtype)
    sentences = load_sentence_encoder(source.sentences, batch_size)
    names = encode_all(sentences, class_sentences())
    stripped = encode_all(sentences, [strip_phrases(sentence) for sentence in class_sentences()])
    if names.shape[1] % HEADS or classifier.classes != len(names):
        raise ModelUnavailableError(
            f"{source.classifier.name} has {classifier.classes} classes and {source.sentences.name} dimension "
            f"{names.shape[1]}: conse needs ImageNet's {len(names)} classes and a dimension that {HEADS} divides"
        )
    centre = names.mean(dim=0)
    sentences.net.to(device=config.device, dtype=dtype)
    adapter = None if source.adapter is None else load_adapter(source.adapter, config.device)
    return Conse(
        source.fingerprint,
        source.space,
        source.cards,
        classifier,
        sentences,
        centred(names, centre).to(config.device),
        centre.to(config.device),
        stripped.numpy(),
        batch_size,
        config.baseline_input == "published",
        adapter,
        None if source.head is None else load_head(source.head, config.device),
    )
