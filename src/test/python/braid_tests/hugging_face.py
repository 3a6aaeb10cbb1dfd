"""Small Hugging Face models with random weights, and samples for them. Start at `MODELS`."""

from __future__ import annotations

from typing import Any, Callable

import torch
import transformers
from modules import Sample, randomised, sample
from torch import nn

SIZES: dict[str, Any] = {"num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 32}


def flava(model: str, **options: Any) -> nn.Module:
    tower = {**SIZES, "num_hidden_layers": 1}
    config = transformers.FlavaConfig(
        image_config={**tower, "hidden_size": 16, "image_size": 8, "patch_size": 4},
        text_config={**tower, "hidden_size": 20, "vocab_size": 9},
        multimodal_config={**SIZES, "hidden_size": 24, **options},
        image_codebook_config={"hidden_size": 8, "vocab_size": 8, "num_blocks_per_group": 1},
        hidden_size=24,
        projection_dim=8,
    )
    return randomised(getattr(transformers, model)(config))


def visual_bert(model: str, **options: Any) -> nn.Module:
    config = transformers.VisualBertConfig(
        **SIZES, hidden_size=24, visual_embedding_dim=14, vocab_size=9, max_position_embeddings=16, **options
    )
    return randomised(getattr(transformers, model)(config))


def vilt(model: str, **options: Any) -> nn.Module:
    config = transformers.ViltConfig(
        **SIZES, hidden_size=24, vocab_size=9, max_position_embeddings=16, image_size=8, patch_size=4, **options
    )
    return randomised(getattr(transformers, model)(config))


def lxmert(model: str) -> nn.Module:
    layers = {"l_layers": 2, "r_layers": 1, "x_layers": 2, "visual_feat_dim": 14, "max_position_embeddings": 16}
    config = transformers.LxmertConfig(
        hidden_size=24, num_attention_heads=2, intermediate_size=32, vocab_size=9, num_qa_labels=3, **layers
    )
    return randomised(getattr(transformers, model)(config))


def ids(visual: int) -> Sample:
    """Token ids of a vocabulary of 9, and features."""
    features = sample(visual=visual)
    return {**features, "text": [torch.randint(9, (2 + len(x),)) for x in features["visual"]]}


def regions(of_text: Sample) -> Sample:
    """Text and features with boxes."""
    return {**of_text, "visual.boxes": [torch.rand(len(x), 4) for x in of_text["visual"]]}


def features(visual: int, text: int) -> Callable[[], Sample]:
    return lambda: sample(visual=visual, text=text)


#: By name: what builds the model, and its sample.
MODELS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Sample]]] = {
    "flava": (lambda: flava("FlavaModel"), features(16, 20)),
    "flava-pretraining": (lambda: flava("FlavaForPreTraining"), features(16, 20)),
    "flava-without-cls": (lambda: flava("FlavaModel", use_cls_token=False, qkv_bias=False), features(16, 20)),
    "visual-bert": (lambda: visual_bert("VisualBertModel"), features(14, 24)),
    "visual-bert-bfloat16": (lambda: visual_bert("VisualBertModel").to(torch.bfloat16), features(14, 24)),
    "visual-bert-answering": (lambda: visual_bert("VisualBertForQuestionAnswering"), features(14, 24)),
    "visual-bert-regions": (lambda: visual_bert("VisualBertForRegionToPhraseAlignment"), features(14, 24)),
    "vilt": (lambda: vilt("ViltModel"), features(24, 24)),
    "vilt-answering": (lambda: vilt("ViltForQuestionAnswering", hidden_act="relu"), features(24, 24)),
}

#: Models that read token ids or boxes: what builds one, and its sample.
MODELS_OF_INPUTS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Sample]]] = {
    "visual-bert-ids": (lambda: visual_bert("VisualBertModel"), lambda: ids(14)),
    "vilt-ids": (lambda: vilt("ViltForQuestionAnswering"), lambda: ids(24)),
    "lxmert": (lambda: lxmert("LxmertModel"), lambda: regions(sample(text=24, visual=14))),
    "lxmert-ids": (lambda: lxmert("LxmertForQuestionAnswering"), lambda: regions(ids(14))),
}
