"""The golden cases of several streams."""

from __future__ import annotations

from golden_case import Modality, masked, visual_and_text
from stream_module import Stack, Stream, StreamCase

VISUAL, TEXT = Stream("visual", ("visual",)), Stream("text", ("text",))
SMALL = visual_and_text((6, (3, 1, 5)), (9, (2, 6, 1)))

STREAM_CASES = (
    StreamCase(
        "decoder",
        "text attends to itself and to visual: `nn.TransformerDecoder`; the fused tokens are those of text alone",
        seed=201,
        modalities=SMALL,
        hidden_size=24,
        heads=4,
        layers=2,
        intermediate_size=40,
        streams=(VISUAL, TEXT),
        stacks=(Stack("decoder", "text", "decoder", "visual", layers=2, intermediate_size=40),),
        output=("text",),
    ),
    StreamCase(
        "decoder-pre-norm-final",
        "the same, pre-norm with a final norm and GELU; visual has an encoder of its own; no biases in the decoder",
        seed=202,
        modalities=SMALL,
        hidden_size=24,
        heads=3,
        layers=3,
        intermediate_size=40,
        pooling="last",
        hidden_act="gelu",
        streams=(VISUAL, TEXT),
        stacks=(
            Stack("encoder", "visual", "visual_encoder", intermediate_size=28, final_norm=True),
            Stack("decoder", "text", "decoder", "visual", 2, 0, 40, norm_first=True, final_norm=True, bias=False),
        ),
        output=("text",),
        traps=("final norm forgotten", "the other norm order", "the other GELU"),
    ),
    StreamCase(
        "decoder-masks",
        "masked tokens in the middle of both streams",
        seed=203,
        modalities=(masked("visual", 6, "1011", "0100", "1"), masked("text", 9, "110", "0111", "101")),
        hidden_size=24,
        heads=4,
        layers=2,
        intermediate_size=40,
        pooling="max",
        streams=(VISUAL, TEXT),
        stacks=(Stack("decoder", "text", "decoder", "visual", layers=2, intermediate_size=40),),
        output=("text",),
        traps=("mask ignored",),
    ),
    StreamCase(
        "two-streams",
        "each stream attends to the other, with heads of its own; both are joined and encoded together",
        seed=204,
        modalities=visual_and_text((7, (4, 2, 1, 9)), (5, (3, 1, 8, 2))),
        hidden_size=24,
        heads=4,
        layers=4,
        intermediate_size=40,
        pooling="pooler",
        hidden_act="gelu_new",
        streams=(VISUAL, TEXT, Stream("both", join=("text", "visual"))),
        stacks=(
            Stack("cross_attention", "text", "text_to_visual", "visual", heads=3),
            Stack("cross_attention", "visual", "visual_to_text", "text", heads=2, norm_first=True),
            Stack("encoder", "both", "encoder", layers=2),
        ),
        output=("both",),
        traps=("the other norm order",),
    ),
    StreamCase(
        "learned-queries",
        "learned tokens attend to two modalities of another size (`kdim`), are encoded, and are the output",
        seed=205,
        modalities=(Modality("visual", 11, (4, 1, 7)), Modality("audio", 30, (2, 5, 1), projected=False)),
        hidden_size=20,
        heads=2,
        layers=3,
        intermediate_size=32,
        streams=(Stream("features", ("visual", "audio"), size=30), Stream("queries", learned=5)),
        stacks=(
            Stack("cross_attention", "queries", "resampler", "features", layers=2, norm_first=True, final_norm=True),
            Stack("encoder", "queries", "encoder"),
        ),
        output=("queries",),
        traps=("learned tokens forgotten",),
    ),
    StreamCase(
        "cross-attention-alone",
        "attention blocks without feed-forward; the output is both streams, one of them with a learned token first",
        seed=206,
        modalities=SMALL,
        hidden_size=18,
        heads=3,
        layers=2,
        intermediate_size=0,
        pooling="cls",
        streams=(Stream("image", ("visual",), learned=1), TEXT),
        stacks=(
            Stack("cross_attention", "image", "image_attention", "text", intermediate_size=0),
            Stack("cross_attention", "text", "text_attention", "image", intermediate_size=0),
        ),
        output=("image", "text"),
        traps=("learned tokens forgotten",),
    ),
)
