"""Stores images and sequences, and returns them and raw texts as arrays for families.

An image is a cell of ``height * width * channels`` bytes, a sequence a list of steps; in a
memory-mapped Arrow file both can be used as numpy arrays without a copy.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.data.columns.images import ImageShape, choose_shape, decode, decode_most, some_of
from automl.data.columns.values import factorize, to_strings
from automl.data.raw_table import one_array
from automl.data.table import Column, IntArray, Table
from automl.errors import DataError, MissingColumnError
from automl.plugin.context import Encoding
from automl.plugin.rows import Images, Sequences, Texts
from automl.plugin.task import ColumnKind

__all__ = [
    "StoredColumn",
    "channels_of",
    "images_of",
    "row_digests",
    "sequences_of",
    "store_images",
    "store_sequences",
    "texts_of",
]


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """A column of images or sequences in its storage type.

    Attributes:
        values: ``(n_rows,)``, without nulls: a missing image is black, a missing sequence is one
            step of NaN.
        shape: See ``Column``.
        n_missing: Number of rows without an image or a sequence.
    """

    values: pa.Array
    shape: tuple[int, ...]
    n_missing: int


def store_images(
    paths: pa.ChunkedArray, folder: Path, longest: int, shape: tuple[int, ...] = ()
) -> StoredColumn:
    """Decodes the images of a column, each file once.

    For training (no ``shape``), every file must be readable. Among new rows, broken files count as
    missing, with a warning that names them, so that the other rows can still be predicted.

    Args:
        paths: Paths of the files, ``(n_rows,)``.
        folder: Folder of relative paths.
        longest: Largest number of pixels of the longer side, if the shape is chosen.
        shape: Height, width and channels; empty to choose them from the files.

    Raises:
        DataError: Training files, or all files of new rows, are missing or broken; the message
            names the first.
        MissingExtraError: Pillow is not installed.
    """
    indices, distinct = factorize(to_strings(paths))
    names = [text.strip() for text in distinct.to_pylist()]
    files = [folder / name if name else None for name in names]
    there = [file for file in files if file is not None]
    if not there:
        raise DataError("a column of images has no file name in any row")
    found = cast(ImageShape, shape) if shape else choose_shape(there, longest)
    missing = np.array([file is None for file in files] + [True])
    if shape:
        pixels, broken = decode_most([*files, None], found)
        _warn(list(broken.values()), len(there))
        missing[list(broken)] = True
    else:
        pixels = decode([*files, None], found)
    codes = indices.fill_null(len(files)).to_numpy(zero_copy_only=False)
    rows = pixels[codes].reshape(len(codes), -1)
    values = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(rows.shape[1]), len(rows), [None, pa.py_buffer(np.ascontiguousarray(rows))]
    )
    return StoredColumn(values, found, int(missing[codes].sum()))


def _warn(broken: Sequence[DataError], n_files: int) -> None:
    if not broken:
        return
    if len(broken) == n_files:
        raise DataError(f"no image can be read: {some_of(broken)}")
    what = "1 image counts" if len(broken) == 1 else f"{len(broken):,} images count"
    warnings.warn(f"{what} as missing: {some_of(broken)}", UserWarning, stacklevel=2)


def store_sequences(series: pa.ChunkedArray, channels: Sequence[str]) -> StoredColumn:
    """Converts series to ``large_list<fixed_size_list<float32>[n_channels]>``.

    Args:
        series: Lists of numbers, or of structs with one field per channel, ``(n_rows,)``.
        channels: Names of the channels, in order; ``("",)`` for lists of numbers.

    Raises:
        MissingColumnError: A channel is missing.
    """
    lists = series.combine_chunks()
    known = channels_of(lists.type)
    missing = [name for name in channels if name not in known]
    if missing:
        raise MissingColumnError(
            f"the series lack the channels {', '.join(map(repr, missing))}; they have "
            f"{', '.join(map(repr, known))}"
        )
    steps = lists.flatten()
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    is_empty = lengths == 0
    offsets = np.concatenate(([0], np.maximum(lengths, 1).cumsum())).astype(np.int64)
    values = np.full((int(offsets[-1]), len(channels)), np.nan, dtype=np.float32)
    real = np.ones(len(values), dtype=np.bool_)
    real[offsets[:-1][is_empty]] = False
    for i, name in enumerate(channels):
        column = steps.field(known.index(name)) if pa.types.is_struct(steps.type) else steps
        numbers = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        with np.errstate(over="ignore"):
            values[real, i] = numbers
    values[~np.isfinite(values)] = np.nan
    flat = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), len(channels))
    stored = pa.LargeListArray.from_arrays(pa.array(offsets), flat)
    longest = int(np.diff(offsets).max(initial=1))
    return StoredColumn(stored, (len(channels), longest), int(is_empty.sum()))


def channels_of(kind: pa.DataType) -> tuple[str, ...]:
    """Names of the channels of a series type; empty for other types."""
    if not (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    ):
        return ()
    if _is_number(kind.value_type):
        return ("",)
    fields = list(kind.value_type) if pa.types.is_struct(kind.value_type) else []
    return tuple(f.name for f in fields) if all(_is_number(f.type) for f in fields) else ()


def row_digests(values: pa.Array) -> NDArray[np.uint64]:
    """A hash of each stored image or sequence, ``(n_rows,)``."""
    if pa.types.is_fixed_size_binary(values.type):
        rows: Sequence[NDArray[np.generic]] = list(_bytes(values))
    else:
        steps, offsets = _steps(values)
        rows = np.split(steps, offsets[1:-1])
    found = (hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in rows)
    return np.frombuffer(b"".join(found), dtype=np.uint64)


def images_of(
    table: Table, kinds: Set[ColumnKind], rows: IntArray | None = None
) -> tuple[Images, ...]:
    """The image columns of a table; none if images are not among ``kinds``.

    Args:
        table: The features.
        kinds: Column kinds that the family sees.
        rows: Row numbers; None for all rows.
    """
    return tuple(
        Images(_bytes(values).reshape(len(values), *column.shape), _index(values, rows))
        for column, values in _columns(table, ColumnKind.IMAGE, kinds)
    )


def sequences_of(
    table: Table, kinds: Set[ColumnKind], rows: IntArray | None = None
) -> tuple[Sequences, ...]:
    """The sequence columns of a table, with the arguments of ``images_of``."""
    return tuple(
        Sequences(*_steps(values), _index(values, rows))
        for _, values in _columns(table, ColumnKind.SEQUENCE, kinds)
    )


def texts_of(
    table: Table, kinds: Set[ColumnKind], encoding: Encoding, rows: IntArray | None = None
) -> tuple[Texts, ...]:
    """The text columns of a table if the encoding has ``text="raw"``; see ``images_of``."""
    if encoding.text != "raw":
        return ()
    return tuple(
        Texts(values, _index(values, rows)) for _, values in _columns(table, ColumnKind.TEXT, kinds)
    )


def _columns(
    table: Table, kind: ColumnKind, kinds: Set[ColumnKind]
) -> list[tuple[Column, pa.Array]]:
    if kind not in kinds:
        return []
    return [(c, one_array(table.data.column(c.key))) for c in table.of_kind(kind)]


def _index(values: pa.Array, rows: IntArray | None) -> IntArray:
    return np.arange(len(values)) if rows is None else np.asarray(rows, dtype=np.int64)


def _bytes(values: pa.Array) -> NDArray[np.uint8]:
    """The bytes of the cells, ``(n_rows, width)``, without a copy."""
    width, start = values.type.byte_width, values.offset
    whole = np.frombuffer(values.buffers()[1], dtype=np.uint8)
    return whole[start * width : (start + len(values)) * width].reshape(len(values), width)


def _steps(values: pa.Array) -> tuple[NDArray[np.float32], IntArray]:
    """Steps ``(n_steps, n_channels)`` and offsets ``(n_rows + 1,)``, steps without a copy."""
    offsets = values.offsets.to_numpy(zero_copy_only=False)
    first, last = (int(offsets[0]), int(offsets[-1])) if len(offsets) else (0, 0)
    lists = values.values.slice(first, last - first)
    flat = lists.flatten().to_numpy(zero_copy_only=False)
    n_channels = values.type.value_type.list_size
    return flat.reshape(-1, n_channels), np.asarray(offsets - first, dtype=np.int64)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
