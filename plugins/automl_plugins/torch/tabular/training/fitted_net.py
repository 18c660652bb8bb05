"""Predicts with a fitted net for tables, and stores it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from automl.plugin import Features, Matrix, StageLog
from automl_plugins.common.fitting import predict_threads
from automl_plugins.common.forking import threads_here
from automl_plugins.torch.core.meta import shapes_only
from automl_plugins.torch.core.micro_batching import MicroBatching
from automl_plugins.torch.core.outputs import OutputScale, to_prediction
from automl_plugins.torch.core.threads import torch_threads
from automl_plugins.torch.tabular.nets.embeddings import scaled
from automl_plugins.torch.tabular.nets.net import NetSpec, TabularNet
from automl_plugins.torch.tabular.training.fold_tensors import split_columns
from automl_plugins.torch.tabular.training.pack import one_net

__all__ = ["TabularModel", "load", "save"]

BATCH_ROWS = 1024  # divided by the nets of a tabm; 10,000 rows keep ten threads busy
_SPEC_FILE, _WEIGHTS_FILE = "net.json", "weights.safetensors"


@dataclass(frozen=True, slots=True)
class TabularModel:
    """A trained net on the CPU.

    Attributes:
        net: The net, in evaluation mode.
        centre, factor: Scale of the numbers, ``(n_numeric,)``.
        categorical: Positions of the columns with category codes.
        n_columns: Columns of the matrix.
        scale: Scale of a regression; None for classification.
        n_threads: Number of threads to predict with.
        stages: Stage logs of validation predictions; only after a fit.
    """

    net: TabularNet
    centre: Tensor
    factor: Tensor
    categorical: tuple[int, ...]
    n_columns: int
    scale: OutputScale | None
    n_threads: int = 1
    stages: tuple[StageLog, ...] = ()

    def predict(self, X: Matrix) -> NDArray[Any]:
        """Predicts encoded rows in batches, one batch per thread at a time.

        Several threads within a product would change the order of its sums.

        Raises:
            ValueError: The matrix has a different number of columns than in training.
        """
        if X.shape[1] != self.n_columns:
            raise ValueError(f"the matrix has {X.shape[1]} columns; the net needs {self.n_columns}")
        threads_here(torch.get_num_threads())
        features = Features(("",) * self.n_columns, self.categorical, self.net.spec.cardinalities)
        numeric, codes = split_columns(X, features)
        inputs = scaled(numeric, self.centre, self.factor)[None], codes[None]
        size = max(1, BATCH_ROWS // self.net.spec.k)

        def forward(n_parts: int) -> Tensor:
            parts = (torch.split(x, max(1, size // n_parts), dim=1) for x in inputs)
            batches = list(zip(*parts, strict=True))
            n_threads = threads_here(min(self.n_threads, len(batches)))
            if n_threads == 1:
                return torch.cat([*map(self._outputs, batches)], dim=1)
            with ThreadPoolExecutor(n_threads) as pool:
                return torch.cat([*pool.map(self._outputs, batches)], dim=1)

        return to_prediction(MicroBatching().run(forward)[0], self.scale)

    def _outputs(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Outputs of one batch, with one torch thread, which is set per Python thread."""
        with torch_threads(1), torch.inference_mode():
            outputs: Tensor = self.net(*batch)
            return outputs


def save(model: TabularModel, path: Path) -> None:
    """Writes the spec of the net as JSON and its weights as safetensors."""
    description = {
        "net": asdict(model.net.spec),
        "categorical": model.categorical,
        "n_columns": model.n_columns,
        "scale": asdict(model.scale) if model.scale else None,
    }
    (path / _SPEC_FILE).write_text(json.dumps(description, indent=1), encoding="utf-8")
    tensors = {f"net.{name}": tensor for name, tensor in model.net.state_dict().items()}
    save_file({**tensors, "centre": model.centre, "factor": model.factor}, path / _WEIGHTS_FILE)


def load(path: Path) -> TabularModel:
    """Builds the net of ``net.json`` and loads its weights.

    Raises:
        ValueError: The spec is damaged, or the weights do not match it.
    """
    try:
        value = json.loads((path / _SPEC_FILE).read_bytes())
        spec = NetSpec(**{**value["net"], "cardinalities": tuple(value["net"]["cardinalities"])})
        with shapes_only():
            TabularNet(spec)
        scale = OutputScale(**value["scale"]) if value["scale"] else None
        categorical, n_columns = tuple(value["categorical"]), int(value["n_columns"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path / _SPEC_FILE} does not describe a net: {error}") from error
    tensors = load_file(path / _WEIGHTS_FILE)
    try:
        centre, factor = (tensors.pop(name).clone() for name in ("centre", "factor"))
        net = one_net(spec, {name.removeprefix("net."): t for name, t in tensors.items()})
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path / _WEIGHTS_FILE} does not fit {_SPEC_FILE}: {error}") from error
    return TabularModel(net, centre, factor, categorical, n_columns, scale, predict_threads())
