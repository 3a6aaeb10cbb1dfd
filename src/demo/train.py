"""Train the demo model to tell an emoji's Unicode subgroup, and write what PyTorch says the model fuses.

    python train.py [--data DIR] [--expected FILE]

Cross-validates the recipe over the folds of text.parquet and keeps the model that never saw fold 0. Writes to DIR/model
its config, its weights (without the classification head) and golden.safetensors, and to FILE the mean-pooled fused
vector of every row, each row run alone without padding.
"""

import argparse
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from fusion import TEXT_SIZE, VISUAL_SIZE, FusionConfig, FusionModel, Row, read_rows
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize
from torch.nn.utils.rnn import pad_sequence

SEED = 20
EPOCHS = 40
BATCH_SIZE = 32
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.05
LABEL_SMOOTHING = 0.1
MAX_GRADIENT_NORM = 1.0
HELD_OUT_FOLD = 0
GOLDEN_ROWS = ("1F436", "1F355", "1F50D", "2694-FE0F")  # the shortest and the longest text among them
SHOWN_EVERY = 9
NEIGHBOURS = 5


class SubgroupClassifier(nn.Module):
    """The fusion model, the mean over a row's tokens, and a linear head that serves training alone."""

    def __init__(self, config: FusionConfig, subgroups: int) -> None:
        super().__init__()
        self.fusion = FusionModel(config)
        self.head = nn.Linear(config.hidden_size, subgroups)

    def forward(self, rows: list[Row]) -> Tensor:
        return self.head(torch.stack([fused.mean(0) for fused in self.fusion(rows)]))


def train(rows: list[Row], subgroups: list[str], config: FusionConfig) -> SubgroupClassifier:
    torch.manual_seed(SEED)
    model = SubgroupClassifier(config, len(subgroups)).train()
    targets = torch.tensor([subgroups.index(row.subgroup) for row in rows])
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=WEIGHT_DECAY)
    steps = EPOCHS * -(-len(rows) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.1)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(rows)).split(BATCH_SIZE):
            logits = model([rows[index] for index in batch.tolist()])
            loss = cross_entropy(logits, targets[batch], label_smoothing=LABEL_SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
            optimizer.step()
            schedule.step()
    return model.eval()


@torch.inference_mode()
def accuracy(model: SubgroupClassifier, rows: list[Row], subgroups: list[str]) -> float:
    targets = torch.tensor([subgroups.index(row.subgroup) for row in rows])
    return (model(rows).argmax(1) == targets).double().mean().item()


def cross_validate(rows: list[Row], subgroups: list[str], config: FusionConfig) -> FusionModel:
    """Print every fold's held-out accuracy; return the model that never saw HELD_OUT_FOLD."""
    models, accuracies = {}, {}
    for fold in sorted({row.fold for row in rows}):
        models[fold] = train([row for row in rows if row.fold != fold], subgroups, config)
        accuracies[fold] = accuracy(models[fold], [row for row in rows if row.fold == fold], subgroups)
        print(f"fold {fold}: held-out accuracy {accuracies[fold]:.3f}", flush=True)
    chance = max(Counter(row.subgroup for row in rows).values()) / len(rows)
    mean = sum(accuracies.values()) / len(accuracies)
    print(f"held-out accuracy: mean {mean:.3f}, of the kept model {accuracies[HELD_OUT_FOLD]:.3f}, chance {chance:.3f}")
    return models[HELD_OUT_FOLD].fusion


@torch.inference_mode()
def fuse(model: FusionModel, rows: list[Row]) -> list[Tensor]:
    """Per row [tokens, hidden_size]; each row runs alone, so nothing is padded."""
    return [model([row])[0] for row in rows]


def write_model(directory: Path, model: FusionModel, config: FusionConfig) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    sizes = {"visual": VISUAL_SIZE, "text": TEXT_SIZE}
    document = {
        "model_type": "fusion_encoder",
        "modalities": [{"name": name, "feature_size": size} for name, size in sizes.items()],
        **asdict(config),
        "pooling": "mean",
    }
    (directory / "config.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    stored = {name: tensor.half() for name, tensor in model.state_dict().items()}
    save_file(stored, directory / "model.safetensors")


def write_golden(path: Path, rows: list[Row], fused: list[Tensor]) -> None:
    """Inputs padded with zeros at their end, and the outputs of their real tokens alone."""
    tensors = {"fused": torch.cat(fused), "pooled": torch.stack([tokens.mean(0) for tokens in fused])}
    for modality, sequences in (("visual", [row.visual for row in rows]), ("text", [row.text for row in rows])):
        tensors[f"{modality}.features"] = pad_sequence(sequences, batch_first=True)
        tensors[f"{modality}.lengths"] = torch.tensor([len(sequence) for sequence in sequences])
    save_file(tensors, path)


def write_expected(path: Path, rows: list[Row], pooled: Tensor) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {
        "codepoints": [row.codepoints for row in rows],
        "fused": pa.array(pooled.tolist(), pa.list_(pa.float32())),
    }
    pq.write_table(pa.table(columns), path, compression="zstd", use_dictionary=False)


def show_neighbours(rows: list[Row], pooled: Tensor) -> None:
    """Print how often a held-out emoji's nearest neighbour shares its subgroup, and some neighbours."""
    unit = normalize(pooled)
    nearest = (unit @ unit.T).fill_diagonal_(-1).topk(NEIGHBOURS).indices.tolist()
    held_out = [index for index, row in enumerate(rows) if row.fold == HELD_OUT_FOLD]
    same = [rows[nearest[index][0]].subgroup == rows[index].subgroup for index in held_out]
    print(f"nearest neighbour of the same subgroup: {sum(same)} of {len(same)} held-out emoji")
    for index in held_out[::SHOWN_EVERY]:
        print(rows[index].emoji, "->", " ".join(rows[neighbour].emoji for neighbour in nearest[index]))


def main() -> None:
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here, help="folder of the Parquet files (default: this script's)")
    parser.add_argument(
        "--expected",
        type=Path,
        default=here.parent / "test/resources/demo/expected_fused.parquet",
        help="default: the end-to-end test's resource",
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.backends.mha.set_fastpath_enabled(False)

    config = FusionConfig()
    rows = read_rows(arguments.data)
    subgroups = sorted({row.subgroup for row in rows})
    print(f"{len(rows)} emoji of {len(subgroups)} subgroups")
    model = cross_validate(rows, subgroups, config)
    # Stored as float16; everything below is computed with the stored weights.
    model = model.half().float()

    fused = fuse(model, rows)
    pooled = torch.stack([tokens.mean(0) for tokens in fused])
    golden = [index for index, row in enumerate(rows) if row.codepoints in GOLDEN_ROWS]
    golden_rows, golden_fused = [rows[index] for index in golden], [fused[index] for index in golden]
    write_model(arguments.data / "model", model, config)
    write_golden(arguments.data / "model/golden.safetensors", golden_rows, golden_fused)
    write_expected(arguments.expected, rows, pooled)
    show_neighbours(rows, pooled)


if __name__ == "__main__":
    main()
