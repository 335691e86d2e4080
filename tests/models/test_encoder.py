from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pairsift.config import EnhanceConfig, PreprocessConfig, ScoreConfig
from pairsift.core.records import Cleaner
from pairsift.errors import ModelUnavailableError
from pairsift.models.encoder import load_encoder, score_fingerprint

CONFIG = ScoreConfig(device="cpu", dtype="float32", batch_size=2)


def identity(preprocess: PreprocessConfig | None = None, cleaner: Cleaner = Cleaner.DEFAULT, **changes: Any) -> str:
    return score_fingerprint(CONFIG.model_copy(update=changes), preprocess or PreprocessConfig(), cleaner)


def test_two_threads_get_one_encoder():
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(load_encoder, [CONFIG, CONFIG])

    assert first is second


def test_an_encoder_names_its_parts():
    encoder = load_encoder(CONFIG)

    assert encoder.name == "conse"
    assert [card.name for card in encoder.cards] == ["efficientnet_lite0", "all-MiniLM-L6-v2"]
    assert {len(card.fingerprint) for card in encoder.cards} == {64}


@pytest.mark.parametrize("changes", [{"dtype": "bfloat16"}, {"baseline_input": "published"}])
def test_another_way_of_scoring_has_another_identity(changes: dict[str, Any]):
    assert identity(**changes) != identity()


def test_another_preparation_has_another_identity():
    identities = {
        identity(),
        identity(cleaner=Cleaner.BASELINE),
        identity(PreprocessConfig(enhance=EnhanceConfig(clahe=True))),
    }

    assert len(identities) == 3


def test_the_batch_size_is_no_part_of_the_identity():
    assert identity(batch_size=64) == identity()


def test_auto_has_the_identity_of_what_it_resolves_to():
    resolved = score_fingerprint(ScoreConfig(device="cpu"), PreprocessConfig(), Cleaner.DEFAULT)

    assert resolved in {identity(dtype="float32"), identity(dtype="bfloat16")}


def test_refuses_an_unknown_encoder():
    with pytest.raises(ModelUnavailableError, match="word2vec"):
        load_encoder(ScoreConfig(encoder="word2vec"))
