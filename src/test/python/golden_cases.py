"""The golden cases: what `generate_golden.py` writes, as data. Start at `CASES`."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Modality:
    """One modality of a case: `lengths` holds its token count in each row; `bias` is the projection's."""

    name: str
    feature_size: int
    lengths: tuple[int, ...]
    bias: bool = True


@dataclass(frozen=True)
class Case:
    """One golden directory. `hazard` says what a wrong implementation gets wrong here."""

    name: str
    hazard: str
    seed: int
    modalities: tuple[Modality, ...]
    hidden_size: int
    heads: int
    layers: int
    intermediate_size: int
    pooling: str = "mean"
    hidden_act: str = "relu"
    layer_norm_eps: float = 1e-5
    #: False leaves out every bias of the encoder layers.
    layer_bias: bool = True
    #: False feeds the features to the encoder as they are.
    projected: bool = True
    #: True takes the seed's own layer in place of torch's.
    own_layer: bool = False
    #: True makes `transformer_encoder` the one layer itself, not a stack.
    single_layer: bool = False
    stored_dtype: torch.dtype = torch.float32
    #: Text replaced, in this order, in the stored tensor names.
    renames: tuple[tuple[str, str], ...] = ()
    tensor_prefixes: tuple[tuple[str, str], ...] = ()
    #: Keys that config.json leaves to their defaults.
    config_omits: tuple[str, ...] = ()
    #: Factors on the random values of a tensor, by its name in the module, or of `<modality>.features`.
    scales: tuple[tuple[str, float], ...] = ()

    @property
    def rows(self) -> int:
        return len(self.modalities[0].lengths)


def visual_and_text(
    visual: tuple[int, tuple[int, ...]], text: tuple[int, tuple[int, ...]], text_bias: bool = True
) -> tuple[Modality, ...]:
    """Pairs (feature size, lengths) of the visual and the text modality, in the seed's token order."""
    return Modality("visual", *visual), Modality("text", *text, bias=text_bias)


SMALL = visual_and_text((6, (3, 1, 5)), (9, (2, 6, 1)))

CASES = (
    Case(
        "seed-small",
        "the seed's shape and feature sizes",
        seed=1,
        modalities=visual_and_text((10, (4, 10, 1, 7)), (20, (20, 3, 1, 8))),
        hidden_size=64,
        heads=8,
        layers=2,
        intermediate_size=128,
    ),
    Case(
        "odd-sizes",
        "no size is a multiple of a vector width; every length from 1 to 9",
        seed=2,
        modalities=visual_and_text((7, (1, 2, 3, 4, 5, 6, 7, 8, 9)), (13, (9, 3, 1, 7, 5, 8, 2, 6, 4))),
        hidden_size=39,
        heads=3,
        layers=2,
        intermediate_size=37,
        pooling="max",
    ),
    Case(
        "one-token",
        "one modality, one token in every row: softmax over a single value",
        seed=3,
        modalities=(Modality("visual", 11, (1, 1, 1, 1, 1)),),
        hidden_size=24,
        heads=4,
        layers=2,
        intermediate_size=40,
    ),
    Case(
        "one-row",
        "a table of one row; one head",
        seed=4,
        modalities=visual_and_text((5, (6,)), (8, (3,))),
        hidden_size=20,
        heads=1,
        layers=2,
        intermediate_size=44,
        pooling="last",
    ),
    Case(
        "hundreds-of-tokens",
        "a row of 500 tokens between rows of 2 and a few: sums and softmax over long sequences",
        seed=5,
        modalities=visual_and_text((4, (1, 300, 5)), (5, (1, 200, 30))),
        hidden_size=24,
        heads=3,
        layers=2,
        intermediate_size=48,
    ),
    Case(
        "three-modalities",
        "text first, then visual and audio; text and audio share a feature size, so no shape tells them apart",
        seed=6,
        modalities=(
            Modality("text", 9, (2, 7, 1, 4)),
            Modality("visual", 6, (5, 1, 3, 4)),
            Modality("audio", 9, (1, 3, 8, 4)),
        ),
        hidden_size=24,
        heads=4,
        layers=2,
        intermediate_size=40,
        pooling="max",
    ),
    Case(
        "gelu",
        "erf GELU, not its tanh or sigmoid approximation",
        seed=7,
        modalities=SMALL,
        hidden_size=24,
        heads=4,
        layers=2,
        intermediate_size=56,
        pooling="cls",
        hidden_act="gelu",
    ),
    Case(
        "no-bias",
        "layers without any bias, LayerNorm included; the text projection without, the visual one with",
        seed=8,
        modalities=visual_and_text((6, (3, 1, 5)), (9, (2, 6, 1)), text_bias=False),
        hidden_size=24,
        heads=4,
        layers=2,
        intermediate_size=40,
        pooling="last",
        layer_bias=False,
    ),
    Case(
        "tokens-only",
        "pooling none: golden.safetensors holds no pooled tensor",
        seed=9,
        modalities=SMALL,
        hidden_size=16,
        heads=2,
        layers=1,
        intermediate_size=24,
        pooling="none",
    ),
    Case(
        "norm-epsilon",
        "an epsilon large enough to be seen",
        seed=10,
        modalities=SMALL,
        hidden_size=16,
        heads=2,
        layers=2,
        intermediate_size=24,
        layer_norm_eps=0.05,
    ),
    Case(
        "weights-f16",
        "weights stored as F16; the visual projection's are subnormal and its features large",
        seed=11,
        modalities=SMALL,
        hidden_size=16,
        heads=2,
        layers=2,
        intermediate_size=24,
        stored_dtype=torch.float16,
        scales=(("visual_extractor.model_net.weight", 3e-5), ("visual.features", 3e4)),
    ),
    Case(
        "weights-bf16",
        "weights stored as BF16",
        seed=12,
        modalities=SMALL,
        hidden_size=16,
        heads=2,
        layers=2,
        intermediate_size=24,
        stored_dtype=torch.bfloat16,
    ),
    Case(
        "weights-f64",
        "weights stored as F64 that float32 cannot hold: rounded to nearest at load",
        seed=13,
        modalities=SMALL,
        hidden_size=16,
        heads=2,
        layers=2,
        intermediate_size=24,
        stored_dtype=torch.float64,
    ),
    Case(
        "custom-prefixes",
        "tensor_prefixes names every part; one prefix begins with another's text",
        seed=14,
        modalities=SMALL,
        hidden_size=16,
        heads=2,
        layers=2,
        intermediate_size=24,
        renames=(
            ("visual_extractor.model_net", "projections.1"),
            ("textual_extractor.model_net", "projections.10"),
            ("transformer_encoder", "fusion.backbone.stack"),
        ),
        tensor_prefixes=(
            ("visual", "projections.1"),
            ("text", "projections.10"),
            ("encoder", "fusion.backbone.stack"),
        ),
    ),
    Case(
        "ff-default",
        "config.json holds the required keys alone: intermediate size from the weights, the rest from the defaults",
        seed=15,
        modalities=SMALL,
        hidden_size=16,
        heads=2,
        layers=2,
        intermediate_size=27,
        config_omits=("intermediate_size", "hidden_act", "layer_norm_eps", "pooling"),
    ),
    Case(
        "plain-encoder",
        "the state dict of a bare `nn.TransformerEncoder`: no projections, no prefix",
        seed=16,
        modalities=visual_and_text((16, (3, 1, 5)), (16, (2, 6, 1))),
        hidden_size=16,
        heads=2,
        layers=2,
        intermediate_size=24,
        pooling="last",
        projected=False,
        renames=(("transformer_encoder.", ""),),
    ),
    Case(
        "own-layer",
        "the seed's own layer: no output projection",
        seed=17,
        modalities=SMALL,
        hidden_size=24,
        heads=4,
        layers=2,
        intermediate_size=96,
        own_layer=True,
    ),
    Case(
        "own-layer-printed-names",
        "the same layer under the names of the seed's listing, misspellings included",
        seed=18,
        modalities=SMALL,
        hidden_size=24,
        heads=3,
        layers=2,
        intermediate_size=96,
        pooling="cls",
        own_layer=True,
        renames=(("self_attention.", "self_attntion."), ("key_proj", "ke_proj")),
    ),
    Case(
        "own-layer-single",
        "the encoder is one such layer: no `layers.{i}` in its names",
        seed=19,
        modalities=SMALL,
        hidden_size=24,
        heads=4,
        layers=1,
        intermediate_size=96,
        pooling="max",
        own_layer=True,
        single_layer=True,
    ),
    Case(
        "extreme-values",
        "large features; logits whose exp overflows float32; attention nearly one-hot",
        # A seed without two nearly equal logits: there float32 itself, torch's too, is far from float64.
        seed=22,
        modalities=visual_and_text((6, (3, 1, 2)), (9, (2, 4, 1))),
        hidden_size=32,
        heads=2,
        layers=2,
        intermediate_size=48,
        scales=(
            ("visual.features", 20.0),
            ("text.features", 20.0),
            ("transformer_encoder.layers.1.self_attn.in_proj_weight", 12.0),
        ),
    ),
)
