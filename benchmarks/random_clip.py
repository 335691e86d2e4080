"""A ViT-B/32 with random weights, the same for every system: speed does not depend on what the weights are.

It is made once by open_clip from a fixed seed, and written as open_clip's checkpoint and as a Hugging Face folder. They
are checked to give the same embeddings.
"""

import argparse
import gzip
import json
import sys
from pathlib import Path

import numpy as np
import open_clip
import torch
from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH
from PIL import Image
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTextConfig, CLIPTokenizer, CLIPVisionConfig

ARCHITECTURE = "ViT-B-32"
SEED = 0
VOCABULARY = 49_408
CAPTION = "Two jaguars with spotted coats face each other on a rocky ledge."
AGREEMENT = 0.9999
"""Least cosine between both libraries' embeddings of one picture and one caption."""

_LAYERS = {
    "attn.out_proj": "self_attn.out_proj",
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
_SINGLES = {
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "visual.ln_post.weight": "vision_model.post_layernorm.weight",
    "visual.ln_post.bias": "vision_model.post_layernorm.bias",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
    "logit_scale": "logit_scale",
}
_SPECIAL = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
_PROJECTIONS = {"visual.proj": "visual_projection.weight", "text_projection": "text_projection.weight"}


def main() -> None:
    """Write the checkpoint and the folder; an error if they are not the same model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("converted", type=Path)
    options = parser.parse_args()
    torch.manual_seed(SEED)
    model, _, transform = open_clip.create_model_and_transforms(ARCHITECTURE, pretrained=None)
    convert(model, options.converted)
    agreement = agree(model.eval(), transform, options.converted)
    print(f"cosine of both libraries' embeddings, the least: {agreement:.6f}", file=sys.stderr)
    if agreement < AGREEMENT:
        raise SystemExit(f"{options.converted} is another model than {options.checkpoint}")
    torch.save(model.state_dict(), options.checkpoint)


def convert(model: torch.nn.Module, folder: Path) -> None:
    """Write an open_clip ViT-B/32 as a folder that transformers loads, with tokenizer and picture preprocessing.

    open_clip's ViT-B-32 has GELU; transformers' CLIP would take QuickGELU.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = CLIPTextConfig(hidden_act="gelu", bos_token_id=VOCABULARY - 2, eos_token_id=VOCABULARY - 1)
    config = CLIPConfig(text_config=text.to_dict(), vision_config=CLIPVisionConfig(hidden_act="gelu").to_dict())
    converted = CLIPModel(config)
    converted.load_state_dict(renamed(model.state_dict()))
    converted.save_pretrained(folder)
    write_tokenizer(folder)
    CLIPImageProcessor().save_pretrained(folder)


def renamed(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Give open_clip's weights the names and shapes of transformers."""
    found = {_SINGLES[name]: value for name, value in weights.items() if name in _SINGLES}
    found |= {_PROJECTIONS[name]: value.T.contiguous() for name, value in weights.items() if name in _PROJECTIONS}
    for name, value in weights.items():
        if "resblocks." in name:
            found |= layer_weights(name, value)
    return found


def layer_weights(name: str, value: torch.Tensor) -> dict[str, torch.Tensor]:
    """Name one weight of a transformer layer as transformers does; the joint projection becomes three."""
    tower, rest = name.split("transformer.resblocks.")
    number, _, part = rest.partition(".")
    layer = f"{'vision' if tower else 'text'}_model.encoder.layers.{number}"
    if part.startswith("attn.in_proj_"):
        kind = part.removeprefix("attn.in_proj_")
        thirds = value.chunk(3)
        return {f"{layer}.self_attn.{side}_proj.{kind}": third for side, third in zip("qkv", thirds, strict=True)}
    module, _, kind = part.rpartition(".")
    return {f"{layer}.{_LAYERS[module]}.{kind}": value}


def write_tokenizer(folder: Path) -> None:
    """Write open_clip's vocabulary as the files of transformers' tokenizer."""
    source = Path(open_clip.__file__).with_name("bpe_simple_vocab_16e6.txt.gz")
    lines = gzip.decompress(source.read_bytes()).decode().split("\n")[1 : VOCABULARY - 2 - 2 * 256 + 1]
    numbers = {_SPECIAL.get(piece, piece): number for piece, number in open_clip.SimpleTokenizer().encoder.items()}
    (folder / "vocab.json").write_text(json.dumps(numbers, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *lines]) + "\n", encoding="utf-8")
    tokenizer = CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=DEFAULT_CONTEXT_LENGTH
    )
    tokenizer.save_pretrained(folder)


@torch.inference_mode()
def agree(model: open_clip.CLIP, transform: torch.nn.Module, folder: Path) -> float:
    """Return the least cosine between what both libraries make of one picture and one caption, each its own way."""
    noise = np.random.default_rng(SEED).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((500, 375), Image.Resampling.BICUBIC)
    ours = [
        model.encode_image(transform(picture)[None]),
        model.encode_text(open_clip.get_tokenizer(ARCHITECTURE)([CAPTION])),
    ]
    theirs = CLIPModel.from_pretrained(folder)
    pixels = CLIPImageProcessor.from_pretrained(folder)(images=picture, return_tensors="pt")
    tokens = CLIPTokenizer.from_pretrained(folder)([CAPTION], return_tensors="pt")
    output = theirs(**tokens, **pixels)
    pairs = zip(ours, (output.image_embeds, output.text_embeds), strict=True)
    return min(float(torch.nn.functional.cosine_similarity(left, right)) for left, right in pairs)


if __name__ == "__main__":
    main()
