"""The encoder is found wherever it is in a module, and under whatever training and precision put around it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
import torch
import torch.distributed as dist
from modules import HIDDEN, TEXT, VISUAL, Seed, encoder, pair, randomised
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.optim.swa_utils import AveragedModel

import braid
from braid.golden import error, read_rows
from braid.reference import Reference


def layer() -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(HIDDEN, 4, 36, batch_first=True)


class Tree(nn.Module):
    """A fusion module whose stack is made, and run on tokens, by a subclass."""

    def __init__(self) -> None:
        super().__init__()
        self.projections = nn.ModuleDict({"visual": nn.Linear(VISUAL, HIDDEN), "text": nn.Linear(TEXT, HIDDEN)})

    def fuse(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        return self.fuse(torch.cat([self.projections["visual"](visual), self.projections["text"](text)], 1))


class Deep(Tree):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.ModuleDict({"b": nn.Sequential(nn.Identity(), encoder(final_norm=True))})

    def fuse(self, x: Tensor) -> Tensor:
        return self.a["b"](x)


class Unused(Tree):
    """A second encoder, of the same kind, that does not run."""

    def __init__(self) -> None:
        super().__init__()
        self.text_encoder, self.fusion = encoder(), encoder(3)

    def fuse(self, x: Tensor) -> Tensor:
        return self.fusion(x)


class Attributes(Tree):
    """The order of running is not that of the attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.second, self.first = layer(), layer()

    def fuse(self, x: Tensor) -> Tensor:
        return self.second(self.first(x))


class Named(Tree):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleDict({"low": layer(), "high": layer()})

    def fuse(self, x: Tensor) -> Tensor:
        return self.blocks["high"](self.blocks["low"](x))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.drop = layer(), nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.inner(x))


class Blocks(Tree):
    """A ModuleList whose elements hold the layers."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.ModuleList(Block() for _ in range(3))

    def fuse(self, x: Tensor) -> Tensor:
        for block in self.trunk:
            x = block(x)
        return x


class Stages(Tree):
    """Two encoders, one after another; the second ends with a LayerNorm."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.Sequential(encoder(1), encoder(2, final_norm=True))

    def fuse(self, x: Tensor) -> Tensor:
        return self.stages(x)


class Tied(Tree):
    """One layer, twice in the list."""

    def __init__(self) -> None:
        super().__init__()
        one = layer()
        self.layers = nn.ModuleList([one, one, layer()])

    def fuse(self, x: Tensor) -> Tensor:
        for each in self.layers:
            x = each(x)
        return x


class KeptTwice(Tree):
    """The same encoder in two attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.mixer = encoder()
        self.alias = self.mixer

    def fuse(self, x: Tensor) -> Tensor:
        return self.alias(x)


def proven(module: nn.Module, directory: Path, plain: Any, **named: Any) -> dict[str, Any]:
    """Exports `module` and holds the directory's own numbers, and the golden ones, against those of `plain`."""
    braid.export(module, directory, pair(), **named)
    config: dict[str, Any] = json.loads((directory / "config.json").read_text())
    tensors, golden = load_file(directory / "model.safetensors"), load_file(directory / "golden.safetensors")
    torch.backends.mha.set_fastpath_enabled(False)
    with torch.no_grad():
        expected = torch.cat([plain(row["visual"][None], row["text"][None])[0] for row in read_rows(pair())])
    torch.backends.mha.set_fastpath_enabled(True)
    described = torch.cat([Reference(config, tensors).run(row).fused for row in read_rows(pair())])
    assert error(golden["fused"], expected) < 5e-6
    assert error(described, expected) < 2e-5
    return config


@pytest.mark.parametrize(
    ("build", "path", "layers", "final_norm"),
    [
        (Deep, "a.b.1", 2, True),
        (Unused, "fusion", 3, False),
        (Attributes, None, 2, False),
        (Named, "blocks", 2, False),
        (Blocks, "trunk", 3, False),
        (Stages, "stages", 3, True),
        (Tied, None, 3, False),
        (KeptTwice, "mixer", 2, False),
    ],
)
def test_layers_are_found_anywhere(
    build: Callable[[], nn.Module], path: str | None, layers: int, final_norm: bool, tmp_path: Path
) -> None:
    module = randomised(build()).eval()
    config = proven(module, tmp_path / "model", module)
    assert config["tensor_prefixes"].get("encoder") == path
    assert (config["num_hidden_layers"], config["final_layer_norm"]) == (layers, final_norm)
    prefix = f"{path}.layers." if path else "layers."
    numbers = {
        name[len(prefix) :].split(".")[0]
        for name in load_file(tmp_path / "model" / "model.safetensors")
        if name.startswith(prefix)
    }
    assert numbers == {str(i) for i in range(layers)}


def test_of_two_encoders_that_run_one_is_named(tmp_path: Path) -> None:
    class Both(Unused):
        def forward(self, visual: Tensor, text: Tensor) -> Tensor:
            self.text_encoder(self.projections["text"](text))
            return super().forward(visual, text)

    module: Any = randomised(Both()).eval()
    message = "got 2 .'text_encoder', 'fusion'.; pass encoder=, such as encoder=module.text_encoder"
    with pytest.raises(braid.ExportError, match=message):
        braid.export(module, tmp_path / "model", pair())
    config = proven(module, tmp_path / "model", module, encoder=module.fusion)
    assert config["tensor_prefixes"]["encoder"] == "fusion"


class Autocasting(Seed):
    """Turns autocast on itself, by a block and by a decorator."""

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return self.decorated(visual, text)

    @torch.autocast("cpu", torch.bfloat16)
    def decorated(self, visual: Tensor, text: Tensor) -> Tensor:
        return super().forward(visual, text)


def no_backend(graph: Any, inputs: Any) -> Any:
    raise RuntimeError("compiled")


class CompiledMethod(Seed):
    """Compiles a function of its own, by a compiler that is not there."""

    @torch.compile(backend=no_backend)
    def fuse(self, x: Tensor) -> Tensor:
        return self.transformer_encoder(x)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        return self.fuse(torch.cat([self.visual_extractor(visual), self.textual_extractor(text)], 1))


def compiled_layers(module: Any) -> nn.Module:
    for i, each in enumerate(module.transformer_encoder.layers):
        module.transformer_encoder.layers[i] = torch.compile(each, backend="eager")
    module.visual_extractor = torch.compile(module.visual_extractor, backend="eager")
    return module  # type: ignore[no-any-return]


def checkpointed_layers(module: Any) -> nn.Module:
    for i, each in enumerate(module.transformer_encoder.layers):
        module.transformer_encoder.layers[i] = checkpoint_wrapper(each)
    return module  # type: ignore[no-any-return]


def compiled_in_place(module: nn.Module) -> nn.Module:
    module.compile(backend="eager")
    return module


def parallel_parts(module: Any) -> nn.Module:
    module.transformer_encoder = nn.DataParallel(module.transformer_encoder)
    return module  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda module: torch.compile(module, backend="eager"),
        nn.DataParallel,
        AveragedModel,
        lambda module: torch.compile(nn.DataParallel(module), backend="eager"),
        compiled_layers,
        checkpointed_layers,
        compiled_in_place,
        parallel_parts,
    ],
)
def test_wrappers_leave_no_trace(wrap: Callable[[nn.Module], Any], tmp_path: Path) -> None:
    plain = randomised(Seed()).eval()
    module = wrap(randomised(Seed()))
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    config = proven(module, tmp_path / "model", plain)
    assert config["tensor_prefixes"]["encoder"] == "transformer_encoder"
    assert set(load_file(tmp_path / "model" / "model.safetensors")) == set(plain.state_dict())
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


@pytest.fixture
def one_process() -> Iterator[None]:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("one_process")
def test_distributed_modules_are_unwrapped_or_refused(tmp_path: Path) -> None:
    plain = randomised(Seed()).eval()
    proven(nn.parallel.DistributedDataParallel(randomised(Seed())), tmp_path / "model", plain)
    sharded: Any = randomised(Seed())
    fully_shard(sharded.transformer_encoder, mesh=init_device_mesh("cpu", (1,)))
    wrapped = FullyShardedDataParallel(randomised(Seed()), device_id=torch.device("cpu"))
    for module, path in ((sharded, "transformer_encoder"), (wrapped, "")):
        with pytest.raises(braid.ExportError, match=f"got '{path}' under FSDP; load its full state dict into"):
            braid.export(module, tmp_path / "sharded", pair())
    assert not (tmp_path / "sharded").exists()


def test_a_part_is_named_with_its_wrapper_or_without(tmp_path: Path) -> None:
    module: Any = parallel_parts(randomised(Seed()))
    plain = randomised(Seed()).eval()
    proven(module, tmp_path / "with", plain, encoder=module.transformer_encoder)
    proven(module, tmp_path / "without", plain, encoder=module.transformer_encoder.module)


@pytest.mark.parametrize("build", [Autocasting, CompiledMethod])
def test_a_module_that_casts_or_compiles_itself_runs_in_float32(build: Any, tmp_path: Path) -> None:
    module, plain = randomised(build()), randomised(Seed()).eval()
    proven(module, tmp_path / "model", plain)
    assert module.state_dict().keys() == plain.state_dict().keys()
    entered: Any = torch.autocast.__enter__
    assert entered.__module__ == "torch.amp.autocast_mode"


def test_autocast_around_the_export_changes_nothing(tmp_path: Path) -> None:
    plain = randomised(Seed()).eval()
    braid.export(plain, tmp_path / "plain", pair())
    with torch.autocast("cpu", torch.bfloat16):
        braid.export(plain, tmp_path / "cast", pair())
        assert torch.is_autocast_enabled("cpu")
    for file in (tmp_path / "plain").iterdir():
        assert file.read_bytes() == (tmp_path / "cast" / file.name).read_bytes()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_any_precision_run_in_float32(dtype: torch.dtype, tmp_path: Path) -> None:
    module = randomised(Seed()).to(dtype)
    plain: Any = Seed()
    plain.load_state_dict(module.state_dict())
    proven(module, tmp_path / "model", plain.eval())
    assert {x.dtype for x in load_file(tmp_path / "model" / "model.safetensors").values()} == {dtype}


def test_no_warning_is_given(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        braid.export(randomised(Seed()), tmp_path / "model", pair())
