"""CLIP's own tokens by a compiled tokenizer, at half the cost and beside Python's other threads."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from open_clip.tokenizer import SimpleTokenizer
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

END_OF_WORD = "</w>"
Tokenize = Callable[[list[str]], torch.Tensor]


class BytePairs:
    """Tokenizes as open_clip's SimpleTokenizer does: captions to ids (n, context length), padded with 0.

    But for characters that one of the two regular expressions does not know as a letter: U+0345, those new in Unicode
    17, and ſ behind an apostrophe.
    """

    def __init__(self, original: SimpleTokenizer) -> None:
        self._clean: Callable[[str], str] = original.clean_fn
        self._length = int(original.context_length)
        self._ends = (original.sot_token_id, original.eot_token_id)
        pairs = models.BPE(
            vocab=original.encoder, merges=list(original.bpe_ranks), end_of_word_suffix=END_OF_WORD, fuse_unk=False
        )
        self._tokenizer = Tokenizer(pairs)
        self._tokenizer.add_special_tokens([original.decoder[end] for end in self._ends])
        words = pre_tokenizers.Split(Regex(original.pat.pattern), behavior="removed", invert=True)
        letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        self._tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, letters])

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        """Tokenize captions; one that is too long is cut, and ends with the token of the end all the same."""
        first, last = self._ends
        rows = np.zeros((len(texts), self._length), np.int64)
        rows[:, 0] = first
        for row, found in zip(
            rows, self._tokenizer.encode_batch_fast([self._clean(text) for text in texts]), strict=True
        ):
            ids = found.ids[: self._length - 2]
            row[1 : 1 + len(ids)] = ids
            row[1 + len(ids)] = last
        return torch.from_numpy(rows)


def compiled(tokenizer: Tokenize) -> Tokenize:
    """Give the compiled form of CLIP's tokenizer, and any other tokenizer as it is."""
    plain = isinstance(tokenizer, SimpleTokenizer) and tokenizer.reduction_fn is None
    return BytePairs(tokenizer) if plain else tokenizer
