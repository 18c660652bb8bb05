"""A fitted net: how it predicts, and how it is kept on disk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from automl.plugin import Features, Matrix
from automl_plugins.torch._halving import Parts
from automl_plugins.torch._nets import NetSpec, TabularNet

__all__ = ["FittedNet", "OutputScale", "load", "predict_net", "save", "split_columns", "threads"]

_BATCH_ROWS = 8192
_SPEC_FILE, _WEIGHTS_FILE = "net.json", "weights.safetensors"


@dataclass(frozen=True, slots=True)
class OutputScale:
    """How standardised outputs of a regression become values.

    Attributes:
        centre, factor: Mean and standard deviation of the training target.
        low, high: Predictions are kept between these.
        is_quantile: Whether each output is a quantile, and not the one output the value.
    """

    centre: float
    factor: float
    low: float
    high: float
    is_quantile: bool = False


@dataclass(frozen=True, slots=True)
class FittedNet:
    """A trained net on the CPU.

    Attributes:
        net: In evaluation mode.
        categorical: Indices of the matrix columns that hold category codes.
        n_columns: Columns of the matrix.
        scale: For regression; None for classification.
        n_threads: Threads to predict with.
    """

    net: TabularNet
    categorical: tuple[int, ...]
    n_columns: int
    scale: OutputScale | None
    n_threads: int = 1

    def predict(self, X: Matrix) -> NDArray[Any]:
        """Predicts encoded rows, in batches.

        Raises:
            ValueError: The matrix has another number of columns than at the fit.
        """
        if X.shape[1] != self.n_columns:
            raise ValueError(f"the matrix has {X.shape[1]} columns, the net {self.n_columns}")
        features = Features(("",) * self.n_columns, self.categorical, self.net.spec.cardinalities)
        with threads(self.n_threads):
            return predict_net(self.net, split_columns(X, features), self.scale)


def split_columns(X: Matrix, features: Features) -> tuple[Tensor, Tensor]:
    """Numbers ``(n_rows, n_numeric)`` (float32) and codes ``(n_rows, n_categorical)`` (int64).

    Codes that the net has no place for become 0, the code of the unseen.
    """
    X = np.asarray(X, dtype=np.float32)
    categorical = list(features.categorical)
    numeric = np.delete(X, categorical, axis=1) if categorical else np.array(X)
    codes = X[:, categorical]
    known = (codes >= 0) & (codes < np.array(features.cardinalities, dtype=np.float32))
    codes = np.where(known, codes, 0).astype(np.int64)
    return torch.from_numpy(np.ascontiguousarray(numeric)), torch.from_numpy(codes)


def predict_net(
    net: TabularNet, inputs: tuple[Tensor, Tensor], scale: OutputScale | None
) -> NDArray[np.float64]:
    """Probabilities ``(n_rows, n_classes)``; where ``scale`` is given, values or quantiles."""

    def forward(n_parts: int) -> Tensor:
        size = _BATCH_ROWS // n_parts
        starts = range(0, max(1, len(inputs[0])), size)
        return torch.cat([net(*(x[start : start + size] for x in inputs)) for start in starts])

    with torch.inference_mode():
        output = Parts().run(forward)
        # In double precision probabilities add up to 1 as closely as anybody checks.
        output = output.double() if scale else output.double().softmax(-1)
    array: NDArray[np.float64] = output.cpu().numpy()
    if scale is None:
        return array
    values = array if scale.is_quantile else array[:, 0]
    return np.clip(values * scale.factor + scale.centre, scale.low, scale.high)


@contextmanager
def threads(n_threads: int) -> Iterator[None]:
    """Runs torch with so many threads, and puts back what was before."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def save(model: FittedNet, path: Path) -> None:
    """Writes the shape of the net as JSON and its weights as safetensors."""
    description = {
        "net": asdict(model.net.spec),
        "categorical": model.categorical,
        "n_columns": model.n_columns,
        "scale": asdict(model.scale) if model.scale else None,
    }
    (path / _SPEC_FILE).write_text(json.dumps(description, indent=1), encoding="utf-8")
    save_file(model.net.state_dict(), path / _WEIGHTS_FILE)


def load(path: Path) -> FittedNet:
    """Builds the net that ``net.json`` describes and gives it its weights.

    Raises:
        ValueError: The description is damaged, or the weights do not fit it.
    """
    try:
        value = json.loads((path / _SPEC_FILE).read_bytes())
        fields = {**value["net"], "cardinalities": tuple(value["net"]["cardinalities"])}
        with torch.device("meta"):  # shapes only: nothing is allocated before they are checked
            net = TabularNet(NetSpec(**fields))
        scale = OutputScale(**value["scale"]) if value["scale"] else None
        categorical, n_columns = tuple(value["categorical"]), int(value["n_columns"])
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
    return FittedNet(net.eval(), categorical, n_columns, scale)
