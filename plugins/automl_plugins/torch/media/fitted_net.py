"""Predicts with a fitted net for images, sequences or texts, and stores it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from automl.plugin import Rows, StageLog
from automl_plugins.common.fitting import predict_threads
from automl_plugins.common.forking import threads_here
from automl_plugins.torch.core.meta import shapes_only
from automl_plugins.torch.core.micro_batching import MicroBatching
from automl_plugins.torch.core.outputs import OutputScale, rescaled
from automl_plugins.torch.core.threads import torch_threads

__all__ = ["MediaModel", "MediaNet", "load", "predict_rows", "save"]

_BATCH_ROWS = 512
_CPU_BATCH_ROWS = 64  # what the layers of a batch compute stays in the caches of a core
_SPEC_FILE, _WEIGHTS_FILE = "net.json", "weights.safetensors"


class MediaNet(nn.Module):
    """A net that reads its inputs from rows.

    Attributes:
        spec: A dataclass of plain values to build an equal net from.
    """

    spec: Any

    @property
    def n_looks(self) -> int:
        """Forward passes per row of ``final_outputs``, relative to ``outputs``."""
        return 1

    def read(self, rows: Rows) -> Any:
        """The net's input for some rows, computed once for all their predictions.

        It has a length and can be indexed by rows, like ``Rows``.
        """
        return rows

    def inputs_of(self, rows: Any) -> tuple[Any, ...]:
        """The arguments of ``forward`` for a batch of ``read``, on the net's device."""
        raise NotImplementedError

    def outputs(self, rows: Any, are_classes: bool) -> Tensor:
        """Predictions: probabilities for classes, else the outputs.

        Args:
            rows: A batch of ``read``.
            are_classes: True if the outputs are class scores.
        """
        # In double precision probabilities add up to 1 closely enough for checks.
        output: Tensor = self(*self.inputs_of(rows)).double()
        return output.softmax(-1) if are_classes else output

    def final_outputs(self, rows: Any, are_classes: bool) -> Tensor:
        """Predictions of the finished net, which may be slower and better than ``outputs``."""
        return self.outputs(rows, are_classes)


@dataclass(frozen=True, slots=True)
class MediaModel:
    """A trained net on the CPU.

    Attributes:
        net: The net, in evaluation mode.
        scale: Scale of a regression; None for classification.
        n_threads: Largest number of threads to predict with.
        stages: Stage logs of validation predictions; only after a fit.
    """

    net: MediaNet
    scale: OutputScale | None
    n_threads: int = 1
    stages: tuple[StageLog, ...] = ()

    def predict(self, X: Rows) -> NDArray[np.float64]:
        """Predicts rows in batches, one batch per thread at a time.

        Several threads within a layer would change the order of its sums.
        """
        threads_here(torch.get_num_threads())
        with torch_threads(1):
            rows = self.net.read(X)
        starts = range(0, max(1, len(rows)), _CPU_BATCH_ROWS)
        batches = [rows[i : i + _CPU_BATCH_ROWS] for i in starts]
        n_threads = threads_here(min(self.n_threads, len(batches)))
        if n_threads == 1:
            return rescaled(torch.cat([*map(self._outputs, batches)]), self.scale)
        with ThreadPoolExecutor(n_threads) as pool:
            return rescaled(torch.cat([*pool.map(self._outputs, batches)]), self.scale)

    def _outputs(self, batch: Any) -> Tensor:
        """Outputs of one batch, with one torch thread, which is set per Python thread."""
        with torch_threads(1), torch.inference_mode():
            return self.net.final_outputs(batch, self.scale is None)


def predict_rows(
    outputs: Callable[[Any, bool], Tensor], rows: Any, scale: OutputScale | None
) -> NDArray[np.float64]:
    """Predicts in batches.

    Args:
        outputs: Function of a net such as ``MediaNet.outputs``.
        rows: Rows as the net reads them.
        scale: Scale of a regression; None for classification.

    Returns:
        Probabilities ``(n_rows, n_classes)``, values ``(n_rows,)``, or quantiles
        ``(n_rows, n_levels)``.
    """

    def forward(n_parts: int) -> Tensor:
        size = _BATCH_ROWS // n_parts
        starts = range(0, max(1, len(rows)), size)
        return torch.cat([outputs(rows[i : i + size], scale is None) for i in starts])

    with torch.inference_mode():
        return rescaled(MicroBatching().run(forward), scale)


def save(model: MediaModel, path: Path) -> None:
    """Writes the spec of the net as JSON and its weights as safetensors."""
    description = {
        "net": asdict(model.net.spec),
        "scale": asdict(model.scale) if model.scale else None,
    }
    (path / _SPEC_FILE).write_text(json.dumps(description, indent=1), encoding="utf-8")
    weights = {name: tensor.contiguous() for name, tensor in model.net.state_dict().items()}
    save_file(weights, path / _WEIGHTS_FILE)


def load(path: Path, build: Callable[[Mapping[str, Any]], MediaNet]) -> MediaModel:
    """Builds the net of ``net.json`` and loads its weights.

    Args:
        path: Folder written by ``save``.
        build: Creates a net from the values of its spec.

    Raises:
        ValueError: The spec is damaged, or the weights do not match it.
    """
    try:
        value = json.loads((path / _SPEC_FILE).read_bytes())
        with shapes_only():  # nothing is allocated before shapes are checked
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
    # torch aligns copies; with other alignment a product may differ in the last bit.
    net.load_state_dict({name: tensor.clone() for name, tensor in weights.items()}, assign=True)
    return MediaModel(net.eval(), scale, predict_threads())
