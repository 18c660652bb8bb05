"""Reads encoders in the first format of version 0.1.0: a JSON object and arrays per column."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from automl.data.encode.column_blocks import Blocks
from automl.data.encode.columns.categorical import OneHotEncoder, OrdinalEncoder
from automl.data.encode.columns.categories import CategoryIndex
from automl.data.encode.columns.column_encoder import Arrays, ColumnEncoder, inner_arrays
from automl.data.encode.columns.dates import DateEncoder
from automl.data.encode.columns.numeric import NumberEncoder, NumericColumnEncoder
from automl.data.encode.columns.target import TargetEncoder
from automl.data.encode.text.text_encoder import TextEncoder
from automl.errors import RunError

__all__ = ["ARRAY_FILE", "META_FILE", "read_earlier"]

META_FILE, ARRAY_FILE = "encoder.json", "encoder.npz"


def read_earlier(
    folder: Path,
) -> tuple[Blocks, list[dict[str, Any]], list[dict[str, NDArray[Any]]], bool]:
    """Reads ``encoder.json`` and ``encoder.npz``.

    Returns:
        The blocks, the description of each generator, the arrays of each, and whether matrices
        are sparse.

    Raises:
        RunError: A file is missing or damaged; the message names it.
    """
    path = folder / META_FILE
    try:
        value = json.loads(path.read_bytes())
        path = folder / ARRAY_FILE
        own: dict[str, dict[str, NDArray[Any]]] = {}
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            for name in file.files:
                number, _, inner = name.partition(".")
                own.setdefault(number, {})[inner] = file[name]
        blocks = [
            _block(b["type"], b["key"], b["state"], own.get(str(i), {}))
            for i, b in enumerate(value["blocks"])
        ]
        generators = value["generators"]
        arrays = [own.get(str(i), {}) for i in range(len(blocks), len(blocks) + len(generators))]
        return Blocks.of(blocks), generators, arrays, bool(value["is_sparse"])
    except FileNotFoundError:
        raise RunError(f"{path} is missing: the encoder is not complete") from None
    except (ValueError, KeyError, TypeError, EOFError, OSError, BadZipFile) as error:
        raise RunError(f"{path} is damaged: {error}") from None


def _block(kind: str, key: str, meta: Mapping[str, Any], arrays: Arrays) -> ColumnEncoder:
    if kind == "numeric":
        return NumericColumnEncoder(key, NumberEncoder.from_state(meta, arrays))
    if kind == "dates":
        parts = {
            part: NumberEncoder.from_state(inner, inner_arrays(part, arrays))
            for part, inner in meta.items()
        }
        return DateEncoder(key, parts)
    if kind == "text":
        return TextEncoder.from_state(key, meta, arrays)
    index = CategoryIndex.of(meta["categories"])
    if kind == "codes":
        return OrdinalEncoder(key, index)
    if kind == "onehot":
        return OneHotEncoder(key, index, bool(meta["has_missing"]))
    if kind == "target":
        return TargetEncoder(key, index, arrays["table"])
    raise ValueError(f"a column has the unknown block {kind!r}")
