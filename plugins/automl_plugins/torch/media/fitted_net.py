"""A fitted net of images or sequences: how it predicts, and how it is kept on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from automl.plugin import Rows, StageLog
from automl_plugins.torch.core.meta import shapes_only
from automl_plugins.torch.core.micro_batching import Parts
from automl_plugins.torch.core.outputs import OutputScale, rescaled
from automl_plugins.torch.core.threads import threads

__all__ = ["FittedNet", "MediaNet", "load", "predict_rows", "save"]

_BATCH_ROWS = 512
_SPEC_FILE, _WEIGHTS_FILE = "net.json", "weights.safetensors"


class MediaNet(nn.Module):
    """A net that reads its inputs from rows.

    Attributes:
        spec: A dataclass of plain values, from which an equal net is built.
    """

    spec: Any

    @property
    def n_looks(self) -> int:
        """How often ``final_outputs`` looks at a row, where ``outputs`` looks once."""
        return 1

    def read(self, rows: Rows) -> Any:
        """What is looked at of some rows, made once for all times that they are predicted.

        It has a length, and gives some of its rows as ``Rows`` do.
        """
        return rows

    def inputs_of(self, rows: Any) -> tuple[Any, ...]:
        """The arguments of ``forward`` for a batch of what ``read`` gave, on the net's device."""
        raise NotImplementedError

    def outputs(self, rows: Any, are_classes: bool) -> Tensor:
        """What is predicted: probabilities where the outputs stand for classes, else the outputs.

        Args:
            rows: A batch of what ``read`` gave.
            are_classes: Whether they do.
        """
        # In double precision probabilities add up to 1 as closely as anybody checks.
        output: Tensor = self(*self.inputs_of(rows)).double()
        return output.softmax(-1) if are_classes else output

    def final_outputs(self, rows: Any, are_classes: bool) -> Tensor:
        """The same for a net that is trained: it may take longer to be better."""
        return self.outputs(rows, are_classes)


@dataclass(frozen=True, slots=True)
class FittedNet:
    """A trained net on the CPU.

    Attributes:
        net: In evaluation mode.
        scale: For regression; None for classification.
        n_threads: Threads to predict with.
        stages: What it predicted for the validation rows on the way, of one that was just fitted.
    """

    net: MediaNet
    scale: OutputScale | None
    n_threads: int = 1
    stages: tuple[StageLog, ...] = ()

    def predict(self, X: Rows) -> NDArray[np.float64]:
        """Predicts rows, in batches."""
        with threads(self.n_threads):
            return predict_rows(self.net.final_outputs, self.net.read(X), self.scale)


def predict_rows(
    outputs: Callable[[Any, bool], Tensor], rows: Any, scale: OutputScale | None
) -> NDArray[np.float64]:
    """Predicts in batches.

    Args:
        outputs: Of a net, as ``MediaNet.outputs``.
        rows: What to predict, as the net reads it.
        scale: For regression; None for classification.

    Returns:
        Probabilities ``(n_rows, n_classes)``, values ``(n_rows,)``, or quantiles
        ``(n_rows, n_levels)``.
    """

    def forward(n_parts: int) -> Tensor:
        size = _BATCH_ROWS // n_parts
        starts = range(0, max(1, len(rows)), size)
        return torch.cat([outputs(rows[i : i + size], scale is None) for i in starts])

    with torch.inference_mode():
        return rescaled(Parts().run(forward), scale)


def save(model: FittedNet, path: Path) -> None:
    """Writes the shape of the net as JSON and its weights as safetensors."""
    description = {
        "net": asdict(model.net.spec),
        "scale": asdict(model.scale) if model.scale else None,
    }
    (path / _SPEC_FILE).write_text(json.dumps(description, indent=1), encoding="utf-8")
    weights = {name: tensor.contiguous() for name, tensor in model.net.state_dict().items()}
    save_file(weights, path / _WEIGHTS_FILE)


def load(path: Path, build: Callable[[Mapping[str, Any]], MediaNet]) -> FittedNet:
    """Builds the net that ``net.json`` describes and gives it its weights.

    Args:
        path: Where ``save`` wrote it.
        build: Makes a net from the values of its spec.

    Raises:
        ValueError: The description is damaged, or the weights do not fit it.
    """
    try:
        value = json.loads((path / _SPEC_FILE).read_bytes())
        with shapes_only():  # shapes only: nothing is allocated before they are checked
            net = build(value["net"])
        scale = OutputScale(**value["scale"]) if value["scale"] else None
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path / _SPEC_FILE} does not describe a net: {error}") from error
    weights = load_file(path / _WEIGHTS_FILE)
    expected = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if found != expected:
        names = sorted(n for n in expected.keys() | found if expected.get(n) != found.get(n))
        raise ValueError(
            f"{path / _WEIGHTS_FILE} does not fit {_SPEC_FILE}: {names[0]} is "
            f"{found.get(names[0], 'missing')}, expected {expected.get(names[0], 'nothing')}"
        )
    # Copies are aligned as torch aligns its own: elsewhere a product may differ in the last bit.
    net.load_state_dict({name: tensor.clone() for name, tensor in weights.items()}, assign=True)
    return FittedNet(net.eval(), scale)
