"""Tiny open_clip models with random weights, written as folders: one of every family that an encoder takes apart."""

import json
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

Architecture = dict[str, Any]

CONTEXT = 77
VOCABULARY = 49408
WORDS = ("a cat", "two dogs run along a beach at low tide", "stone bridge over the river", "old house, red bicycle")
INCEPTION: Architecture = {
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "interpolation": "bicubic",
    "resize_mode": "squash",
}

VISION: Architecture = {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8}
TEXT: Architecture = {"context_length": CONTEXT, "vocab_size": VOCABULARY, "width": 64, "heads": 2, "layers": 2}
SIGLIP_TEXT = TEXT | {"context_length": 16, "no_causal_mask": True, "pool_type": "last", "proj_bias": True}
COCA_TEXT = TEXT | {"context_length": 76, "embed_cls": True, "output_tokens": True}
COCA_DECODER = {"context_length": 76, "vocab_size": VOCABULARY, "width": 64, "heads": 2, "layers": 1}


def clip(vision: Architecture | None = None, text: Architecture | None = None, **more: Any) -> Architecture:
    """Describe a CLIP, by what is another than in the plain one."""
    return {"embed_dim": 64, "vision_cfg": VISION | (vision or {}), "text_cfg": TEXT | (text or {}), **more}


def timm_clip(model: str, pool: str, proj: str | None, size: int, text: Architecture = TEXT) -> Architecture:
    """Describe a model whose pictures are seen by a network of timm."""
    vision = {"timm_model_name": model, "timm_pool": pool, "timm_proj": proj, "image_size": size}
    return {"embed_dim": 96, "vision_cfg": vision, "text_cfg": text, "custom_text": True}


FAMILIES: dict[str, Architecture] = {
    "vit": clip(),
    "quick_gelu": clip(quick_gelu=True),
    "average_pool": clip({"pool_type": "avg", "final_ln_after_pool": True}),
    "attentional_pool": clip({"attentional_pool": True, "attn_pooler_queries": 8, "attn_pooler_heads": 2}),
    "not_square": clip({"image_size": [32, 48]}),
    "resnet": clip({"layers": [1, 1, 1, 1], "width": 16, "head_width": 64, "image_size": 64, "patch_size": None}),
    "custom_text": clip(custom_text=True),
    "end_pool": clip(text={"pool_type": "eos", "eos_id": VOCABULARY - 1}),
    "no_causal_mask": clip(text={"no_causal_mask": True}, custom_text=True),
    "first_pool": clip(custom_text=True, text={"no_causal_mask": True, "pool_type": "first"}),
    "siglip": timm_clip("test_vit3", "map", "none", 160, SIGLIP_TEXT) | {"init_logit_bias": -10},
    "eva": timm_clip("test_vit2", "avg", None, 160),
    "linear_head": timm_clip("test_vit", "token", "linear", 160),
    "mlp_head": timm_clip("test_vit", "token", "mlp", 160),
    "convolutions": timm_clip("test_convnext", "avg", "linear", 160),
    "coca": clip({"output_tokens": True}, COCA_TEXT, multimodal_cfg=COCA_DECODER, custom_text=True),
}
PREPROCESSING: dict[str, Architecture] = {
    "siglip": INCEPTION,
    "eva": {"interpolation": "bilinear", "resize_mode": "longest", "fill_color": 127},
}
BERT_POOLERS = {"mean_pooler": "linear", "cls_pooler": "mlp"}
"""Poolers of a BERT as the text tower, and how its vector is projected."""


def write_clip(folder: Path, family: str, seed: int = 0, **more: Any) -> Path:
    """Write a family's tiny model with weights drawn from `seed`; `more` goes into its preprocessing."""
    return write_model(folder, FAMILIES[family], seed, PREPROCESSING.get(family, {}) | more)


def write_bert_clip(folder: Path, pooler: str, width: int = 64) -> Path:
    """Write a model whose captions are read by a tiny BERT of transformers, which lies in the folder, too."""
    write_tokenizer(folder, "[PAD]")
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    bert = BertConfig(
        vocab_size=len(vocabulary), hidden_size=width, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    BertModel(bert).config.save_pretrained(folder)
    text: Architecture = {"hf_model_name": str(folder), "hf_tokenizer_name": str(folder), "hf_pooler_type": pooler}
    text |= {"hf_proj_type": BERT_POOLERS[pooler], "context_length": 32}
    return write_model(folder, {"embed_dim": width, "vision_cfg": VISION, "text_cfg": text})


def write_model(folder: Path, model: Architecture, seed: int = 0, preprocess: Architecture | None = None) -> Path:
    """Write an open_clip model as a folder: its config, and weights drawn from `seed`."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_cfg": model, "preprocess_cfg": preprocess or {}}
    (folder / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    torch.manual_seed(seed)
    net = open_clip.create_model(f"local-dir:{folder}", load_weights=False, pretrained_text=False)
    save_file({name: tensor.contiguous() for name, tensor in net.state_dict().items()}, weights_of(folder))
    return folder


def weights_of(folder: Path) -> Path:
    """Name the weight file of a written model."""
    return folder / "open_clip_model.safetensors"


def write_tokenizer(folder: Path, padding: str) -> None:
    """Write a fast tokenizer of letters and a few words, which puts [CLS] before a caption and [SEP] behind it."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator(WORDS, trainers.WordPieceTrainer(vocab_size=200, special_tokens=special))
    ends = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call] # transformers' own gap
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token=padding, cls_token="[CLS]", sep_token="[SEP]"
    )
    fast.save_pretrained(folder)
