"""The models that are measured, by the label that a report gives them."""

from braid_bench.models import Modality, Model
from braid_bench.streams import Lxmert, TwoStreams

_VISUAL, _TEXT = Modality("visual", 2048, 49), Modality("text", 768, 32)
_PATCHES, _WORDS = Modality("visual", 768, 197), Modality("text", 768, 64)

MODELS = {
    "i": Model(_VISUAL, _TEXT, (4, 64), 256, 8, 2, 2048),
    "ii": Model(_VISUAL, _TEXT, (4, 64), 256, 8, 2, 1024),
    "iv": Model(_PATCHES, _WORDS, (4, 64), 768, 12, 6, 3072, "gelu", rows=32),
    "vi": Model(Modality("visual", 512, 1), Modality("text", 512, 1), (1, 1), 256, 8, 2, 1024, rows=8192),
    "two-streams": TwoStreams(_PATCHES, _WORDS, (4, 64), 768, 12, 6, 3072, "gelu", rows=16),
    "lxmert": Lxmert(
        Modality("visual", 2048, 36, box_size=4), Modality("text", 768, 20), (4, 20), 768, 12, 5, 3072, "gelu", rows=32
    ),
    # Small ones, for the two ends and for the tests: of the first much is read, of the second much is written.
    "read": Model(_VISUAL, _TEXT, (4, 64), 32, 2, 1, 64),
    "write": Model(Modality("visual", 16, 4), Modality("text", 16, 6), (4, 8), 256, 8, 1, 64),
    "small": Model(Modality("visual", 32, 2), Modality("text", 16, 4), (1, 8), 32, 2, 1, 64, rows=40),
    "small two-streams": TwoStreams(Modality("visual", 32, 2), Modality("text", 16, 4), (1, 8), 32, 2, 1, 64, rows=40),
    "small lxmert": Lxmert(
        Modality("visual", 24, 2, box_size=4),
        Modality("text", 32, 4),
        (1, 8),
        32,
        2,
        1,
        64,
        "gelu",
        rows=40,
        language_layers=2,
        vision_layers=1,
    ),
}
