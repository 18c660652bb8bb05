"""Saves fitted scikit-learn estimators as JSON and plain arrays, which cannot run code.

An estimator becomes two files: ``<name>.json`` with its structure and ``<name>.npz`` with its
arrays. The JSON names classes, each of which must be in ``ALLOWED``; this is checked before
anything is imported. Saving rejects other objects that are not numbers, strings or arrays.
"""

from __future__ import annotations

import importlib
import json
import math
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.errors import PluginError, RunError

__all__ = ["ALLOWED", "load_estimator", "save_estimator"]

MAX_STRUCTURE_BYTES = 64 * 2**20
"""Limit for the JSON file. A forest of 1,000 trees has about 1 MB."""

FORMAT = 1
TREE = "sklearn.tree._tree.Tree"

_MODULES: Mapping[str, tuple[str, ...]] = {
    "calibration": ("CalibratedClassifierCV", "_CalibratedClassifier", "_SigmoidCalibration"),
    "decomposition._pca": ("PCA",),
    "decomposition._truncated_svd": ("TruncatedSVD",),
    "discriminant_analysis": ("LinearDiscriminantAnalysis", "QuadraticDiscriminantAnalysis"),
    "dummy": ("DummyClassifier", "DummyRegressor"),
    "ensemble._forest": (
        "ExtraTreesClassifier",
        "ExtraTreesRegressor",
        "RandomForestClassifier",
        "RandomForestRegressor",
    ),
    "isotonic": ("IsotonicRegression",),
    "kernel_approximation": ("Nystroem", "RBFSampler"),
    "kernel_ridge": ("KernelRidge",),
    "linear_model._base": ("LinearRegression",),
    "linear_model._bayes": ("ARDRegression", "BayesianRidge"),
    "linear_model._coordinate_descent": ("ElasticNet", "Lasso"),
    "linear_model._huber": ("HuberRegressor",),
    "linear_model._logistic": ("LogisticRegression",),
    "linear_model._ridge": ("Ridge", "RidgeClassifier"),
    "linear_model._stochastic_gradient": ("SGDClassifier", "SGDRegressor"),
    "naive_bayes": ("BernoulliNB", "ComplementNB", "GaussianNB", "MultinomialNB"),
    "neighbors._nearest_centroid": ("NearestCentroid",),
    "pipeline": ("Pipeline",),
    "preprocessing._data": (
        "MinMaxScaler",
        "QuantileTransformer",
        "RobustScaler",
        "StandardScaler",
    ),
    "preprocessing._label": ("LabelBinarizer",),
    "svm._classes": ("LinearSVC", "LinearSVR", "NuSVC", "NuSVR", "SVC", "SVR"),
    "tree._classes": (
        "DecisionTreeClassifier",
        "DecisionTreeRegressor",
        "ExtraTreeClassifier",
        "ExtraTreeRegressor",
    ),
}

ALLOWED = frozenset(
    [TREE, *(f"sklearn.{module}.{name}" for module, names in _MODULES.items() for name in names)]
)
"""Full names of the classes that can be saved and loaded."""

_HEADERS = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
"""Functions that read the shape and type of an array, by the major version of its format."""

# Needed only to continue a fit, and not plain values.
_TRANSIENT = frozenset({"_loss_function_"})


def save_estimator(estimator: Any, path: Path, name: str = "model") -> None:
    """Writes a fitted estimator, or a list or dict of them, as ``<name>.json`` and ``<name>.npz``.

    Args:
        estimator: A fitted scikit-learn estimator of a class in ``ALLOWED``.
        path: An existing directory.
        name: Stem of the two files.

    Raises:
        PluginError: It holds an object that is not allowed; the message names it and its place.

    Example:
        >>> from sklearn.linear_model import LinearRegression
        >>> fitted = LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0])
        >>> save_estimator(fitted, folder)
        >>> load_estimator(folder).predict([[2.0]]).round(6).tolist()
        [5.0]
    """
    import sklearn

    encoder = _Encoder()
    tree = encoder.encode(estimator, name)
    structure = {"format": FORMAT, "scikit-learn": sklearn.__version__, "value": tree}
    (path / f"{name}.json").write_text(json.dumps(structure, allow_nan=False), encoding="utf-8")
    # Level 1: three times as fast as NumPy's compressed form, and nearly as small.
    arrays = path / f"{name}.npz"
    with zipfile.ZipFile(arrays, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number, array in enumerate(encoder.arrays):
            with archive.open(f"{number}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def load_estimator(path: Path, name: str = "model") -> Any:
    """Reads an estimator written by ``save_estimator``; its predictions are equal bit for bit.

    Warns if another version of scikit-learn wrote it.

    Raises:
        RunError: The files are missing or damaged, or name a class that is not allowed.

    Example:
        >>> from sklearn.dummy import DummyRegressor
        >>> save_estimator(DummyRegressor().fit([[0], [1]], [2.0, 4.0]), folder, "dummy")
        >>> load_estimator(folder, "dummy").predict([[5]]).tolist()
        [3.0]
    """
    import sklearn

    structure_file, arrays_file = path / f"{name}.json", path / f"{name}.npz"
    try:
        size = structure_file.stat().st_size
        if size > MAX_STRUCTURE_BYTES:
            raise RunError(f"{structure_file} has {size} bytes, more than {MAX_STRUCTURE_BYTES}")
        structure = json.loads(structure_file.read_bytes())
        with zipfile.ZipFile(arrays_file) as archive:
            value = _Decoder(archive).decode(structure["value"])
    except (OSError, LookupError, TypeError, ValueError, RecursionError, EOFError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise RunError(f"the estimator at {structure_file} cannot be read: {reason}") from error
    except zipfile.BadZipFile as error:
        raise RunError(f"{arrays_file} is damaged: {error}") from error
    if structure.get("scikit-learn") != sklearn.__version__:
        warnings.warn(
            f"{structure_file} was written by scikit-learn {structure.get('scikit-learn')}, "
            f"this is {sklearn.__version__}: predictions may differ",
            stacklevel=2,
        )
    return value


class _Encoder:
    """Converts values to JSON and collects the arrays separately."""

    def __init__(self) -> None:
        self.arrays: list[NDArray[Any]] = []

    def encode(self, value: Any, where: str) -> Any:
        """Returns the JSON form of ``value``; ``where`` names it in errors."""
        if value is None or isinstance(value, bool | str) or type(value) is int:
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if isinstance(value, np.ndarray | np.generic):
            return self._encode_array(value, where)
        if isinstance(value, list | tuple):
            kind = "tuple" if isinstance(value, tuple) else "list"
            return {kind: [self.encode(v, f"{where}[{i}]") for i, v in enumerate(value)]}
        if type(value) is dict:
            pairs = value.items()
            items = [[self.encode(k, where), self.encode(v, f"{where}[{k!r}]")] for k, v in pairs]
            return {"dict": items}
        return self._encode_object(value, where)

    def _encode_array(self, value: Any, where: str) -> Any:
        if value.dtype.hasobject:
            if value.ndim == 0:
                raise PluginError(f"{where} holds a Python object in an array; it cannot be saved")
            items = [self.encode(v, f"{where}.flat[{i}]") for i, v in enumerate(value.ravel())]
            return {"objects": items, "shape": list(value.shape)}
        self.arrays.append(np.asarray(value))
        kind = "array" if isinstance(value, np.ndarray) else "scalar"
        return {kind: len(self.arrays) - 1}

    def _encode_object(self, value: Any, where: str) -> Any:
        full_name = f"{type(value).__module__}.{type(value).__qualname__}"
        if full_name not in ALLOWED:
            raise PluginError(
                f"{where} is a {full_name}, which cannot be saved without pickle; "
                "save its numbers and arrays yourself, or use a scikit-learn estimator listed in "
                "automl.plugin.estimators.ALLOWED"
            )
        if full_name == TREE:
            _, arguments, state = value.__reduce__()
            parts = self.encode(list(arguments), where), self.encode(state, where)
            return {"object": full_name, "arguments": parts[0], "state": parts[1]}
        state = {k: v for k, v in vars(value).items() if k not in _TRANSIENT}
        return {
            "object": full_name,
            "state": {key: self.encode(v, f"{where}.{key}") for key, v in state.items()},
        }


class _Decoder:
    """Converts JSON back to values."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def decode(self, value: Any) -> Any:
        """Returns the value of a JSON form.

        Raises:
            ValueError: The encoder does not write this form.
        """
        if not isinstance(value, dict):
            if isinstance(value, list):
                raise ValueError("a bare list is not part of the format")
            return value
        kind = str(next(iter(value), None))
        content: Any = value.get(kind)
        readers: dict[str, Callable[[], Any]] = {
            "float": lambda: float(content),
            "list": lambda: [self.decode(v) for v in content],
            "tuple": lambda: tuple(self.decode(v) for v in content),
            "dict": lambda: {self.decode(k): self.decode(v) for k, v in content},
            "array": lambda: self._array(content),
            "scalar": lambda: self._array(content)[()],
            "objects": lambda: self._object_array(content, value["shape"]),
            "object": lambda: self._object(value),
        }
        if kind not in readers:
            raise ValueError(f"unknown kind of value {kind!r}")
        return readers[kind]()

    def _object_array(self, items: list[Any], shape: list[int]) -> NDArray[Any]:
        flat: NDArray[Any] = np.empty(len(items), dtype="O")
        for i, item in enumerate(items):
            flat[i] = self.decode(item)
        return flat.reshape(shape)

    def _array(self, number: Any) -> NDArray[Any]:
        """Reads one array after checking its shape against the size of the file."""
        info = self._archive.getinfo(f"{int(number)}.npy")
        with self._archive.open(info) as file:
            version = np.lib.format.read_magic(file)
            if version[0] not in _HEADERS:
                raise ValueError(f"array {number} has the unknown format version {version}")
            shape, _, dtype = _HEADERS[version[0]](file)
            if math.prod(shape) * dtype.itemsize > info.file_size:
                raise ValueError(f"array {number} claims the shape {shape} but is smaller")
        with self._archive.open(info) as file:
            return np.asarray(np.lib.format.read_array(file, allow_pickle=False))

    def _object(self, value: dict[str, Any]) -> Any:
        full_name = value["object"]
        if full_name not in ALLOWED:
            raise ValueError(f"the class {full_name!r} is not allowed")
        module, _, name = full_name.rpartition(".")
        class_ = getattr(importlib.import_module(module), name)
        if full_name == TREE:
            state = self.decode(value["state"])
            n_features, n_classes, n_outputs = self.decode(value["arguments"])
            _check_tree(state, int(n_features))
            tree = class_(n_features, n_classes, n_outputs)
            tree.__setstate__(state)
            return tree
        instance = class_.__new__(class_)
        vars(instance).update({key: self.decode(v) for key, v in value["state"].items()})
        return instance


def _check_tree(state: dict[str, Any], n_features: int) -> None:
    """Rejects links that would lead compiled code out of the arrays or into a cycle."""
    nodes, count = state["nodes"], int(state["node_count"])
    index = np.arange(count)
    left, right = nodes["left_child"], nodes["right_child"]
    inner = left != -1
    sound = len(nodes) == count and len(state["values"]) == count
    for child in (left[inner], right[inner]):
        sound = sound and bool(((child > index[inner]) & (child < count)).all())
    feature = nodes["feature"][inner]
    if not (sound and bool(((feature >= 0) & (feature < n_features)).all())):
        raise ValueError("a tree has invalid links between its nodes")
