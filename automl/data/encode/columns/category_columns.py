"""Holds the encoders of all categorical columns as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.encode.columns.categorical import OneHotEncoder, OrdinalEncoder
from automl.data.encode.columns.categories import CategoryIndex
from automl.data.encode.columns.column_encoder import Arrays
from automl.data.encode.columns.target import TargetEncoder
from automl.data.table import BoolArray, IntArray

__all__ = ["CategoryBlock", "CategoryColumns", "text_arrays", "texts_of"]

CategoryBlock: TypeAlias = "OrdinalEncoder | OneHotEncoder | TargetEncoder"
CODES, ONE_HOT, TARGET = range(3)


@dataclass(frozen=True, slots=True)
class CategoryColumns:
    """The blocks of ``n`` categorical columns.

    Attributes:
        form: ``CODES``, ``ONE_HOT`` or ``TARGET``, ``(n,)``.
        has_missing: ``ONE_HOT``: whether there is a column for missing values, ``(n,)``.
        texts: Categories of all columns, concatenated.
        starts: Start of each column's categories, and the total, ``(n + 1,)``.
        widths: Number of matrix columns that each block writes, ``(n,)``.
        tables: ``TARGET``: encoded rows of the codes of all columns, concatenated and flat.
        table_starts: Start of each column's table, and the total size, ``(n + 1,)``.
    """

    form: NDArray[np.uint8]
    has_missing: BoolArray
    texts: pa.LargeStringArray
    starts: IntArray
    widths: IntArray
    tables: NDArray[np.float32]
    table_starts: IntArray

    @classmethod
    def of(cls, blocks: Sequence[CategoryBlock]) -> CategoryColumns:
        """Copies blocks into arrays."""
        tables = [b.table.ravel() if isinstance(b, TargetEncoder) else _NO_TABLE for b in blocks]
        no_texts = pa.array([], type=pa.large_string())
        return cls(
            form=np.array([_form(block) for block in blocks], dtype=np.uint8),
            has_missing=np.array(
                [isinstance(b, OneHotEncoder) and b.has_missing for b in blocks], dtype=np.bool_
            ),
            texts=pa.concat_arrays([no_texts, *(block.index.texts for block in blocks)]),
            starts=_starts([len(block.index) for block in blocks]),
            widths=np.array([len(block.names) for block in blocks], dtype=np.int64),
            tables=np.concatenate([_NO_TABLE, *tables]),
            table_starts=_starts([table.size for table in tables]),
        )

    def __len__(self) -> int:
        return len(self.form)

    def block(self, place: int, key: str) -> CategoryBlock:
        """One block, whose arrays are slices of these."""
        first, end = int(self.starts[place]), int(self.starts[place + 1])
        index = CategoryIndex(self.texts.slice(first, end - first))
        if self.form[place] == CODES:
            return OrdinalEncoder(key, index)
        if self.form[place] == ONE_HOT:
            return OneHotEncoder(key, index, bool(self.has_missing[place]))
        table = self.tables[self.table_starts[place] : self.table_starts[place + 1]]
        return TargetEncoder(key, index, table.reshape(-1, self.widths[place]))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Returns the arrays for ``from_arrays``."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return own | text_arrays("texts", own.pop("texts"))

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> CategoryColumns:
        """Builds the blocks from the result of ``arrays``, without copying.

        Raises:
            KeyError: An array is missing.
            ValueError: The arrays do not fit each other.
        """
        own = {field.name: arrays[field.name] for field in fields(cls) if field.name != "texts"}
        found = cls(texts=texts_of("texts", arrays), **own)
        if not len(found) == len(found.widths) == len(found.has_missing) == len(found.starts) - 1:
            raise ValueError("arrays of categories differ in length")
        _check_ends(found.starts, len(found.texts))
        _check_ends(found.table_starts, len(found.tables))
        sizes = np.where(found.form == TARGET, (np.diff(found.starts) + 2) * found.widths, 0)
        if not np.array_equal(np.diff(found.table_starts), sizes) or (found.form > TARGET).any():
            raise ValueError("tables of categories have the wrong size")
        return found


_NO_TABLE = np.empty(0, dtype=np.float32)


def text_arrays(name: str, texts: pa.LargeStringArray) -> dict[str, NDArray[Any]]:
    """Converts texts, none missing, to two arrays: UTF-8 bytes, and the start of each text."""
    texts = pa.concat_arrays([texts])  # a slice keeps the buffers of the whole
    _, starts, data = texts.buffers()
    ends = np.frombuffer(starts, dtype=np.int64, count=len(texts) + 1) if len(texts) else [0]
    ends = np.asarray(ends, dtype=np.int64)
    utf8 = np.frombuffer(data or b"", dtype=np.uint8)[ends[0] : ends[-1]]
    return {f"{name}.utf8": utf8, f"{name}.starts": ends - ends[0]}


def texts_of(name: str, arrays: Arrays) -> pa.LargeStringArray:
    """Restores texts from the result of ``text_arrays``, without copying.

    Raises:
        ValueError: The arrays do not fit each other, or are not UTF-8.
    """
    utf8, starts = arrays[f"{name}.utf8"], arrays[f"{name}.starts"]
    if utf8.dtype != np.uint8 or starts.dtype != np.int64:
        raise ValueError(f"{name} are not texts")
    _check_ends(starts, len(utf8))
    texts = pa.LargeStringArray.from_buffers(
        len(starts) - 1, pa.py_buffer(starts), pa.py_buffer(utf8)
    )
    texts.validate(full=True)
    return texts


def _form(block: CategoryBlock) -> int:
    if isinstance(block, TargetEncoder):
        return TARGET
    return CODES if isinstance(block, OrdinalEncoder) else ONE_HOT


def _starts(lengths: Sequence[int]) -> IntArray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _check_ends(starts: IntArray, n_values: int) -> None:
    if not len(starts) or starts[0] != 0 or starts[-1] != n_values or (np.diff(starts) < 0).any():
        raise ValueError(f"parts of arrays do not add up to {n_values}")
