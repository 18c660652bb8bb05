"""Holds the fitted column encoders of a table as arrays, one set of arrays per column kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.encode.columns.categorical import OneHotEncoder, OrdinalEncoder
from automl.data.encode.columns.category_columns import CategoryColumns, text_arrays, texts_of
from automl.data.encode.columns.column_encoder import Arrays, ColumnEncoder, inner_arrays, prefixed
from automl.data.encode.columns.dates import DateColumns, DateEncoder
from automl.data.encode.columns.number_columns import NumberColumns
from automl.data.encode.columns.numeric import NumericColumnEncoder
from automl.data.encode.columns.target import TargetEncoder
from automl.data.encode.text.text_encoder import TextEncoder
from automl.data.table import IntArray

__all__ = ["CATEGORIES", "DATES", "NUMBERS", "TEXTS", "Blocks"]

NUMBERS, CATEGORIES, DATES, TEXTS = range(4)
KIND_OF: Mapping[type[ColumnEncoder], int] = {
    NumericColumnEncoder: NUMBERS,
    DateEncoder: DATES,
    TextEncoder: TEXTS,
}
"""Kinds of blocks; all others are of categories."""


@dataclass(frozen=True)
class Blocks:
    """One block (encoder) per column, in the order of the table; items are created on access.

    Attributes:
        keys: Keys of the columns, ``(n,)``.
        kind: ``NUMBERS``, ``CATEGORIES``, ``DATES`` or ``TEXTS``, ``(n,)``.
        numbers, categories, dates, texts: The blocks of each kind.
    """

    keys: tuple[str, ...]
    kind: NDArray[np.uint8]
    numbers: NumberColumns
    categories: CategoryColumns
    dates: DateColumns
    texts: tuple[TextEncoder, ...]

    @classmethod
    def of(cls, blocks: Sequence[ColumnEncoder]) -> Blocks:
        """Copies fitted blocks into arrays."""
        return cls(
            tuple(block.key for block in blocks),
            np.array([KIND_OF.get(type(block), CATEGORIES) for block in blocks], dtype=np.uint8),
            NumberColumns.of([b.encoder for b in blocks if isinstance(b, NumericColumnEncoder)]),
            CategoryColumns.of(
                [b for b in blocks if isinstance(b, OrdinalEncoder | OneHotEncoder | TargetEncoder)]
            ),
            DateColumns.of([b for b in blocks if isinstance(b, DateEncoder)]),
            tuple(b for b in blocks if isinstance(b, TextEncoder)),
        )

    @cached_property
    def place(self) -> IntArray:
        """Index of each column among those of its kind, ``(n,)``."""
        place = np.zeros(len(self), dtype=np.int64)
        for kind in range(4):
            at = np.flatnonzero(self.kind == kind)
            place[at] = np.arange(len(at))
        return place

    @cached_property
    def widths(self) -> IntArray:
        """Number of matrix columns that each block writes, ``(n,)``."""
        widths = np.zeros(len(self), dtype=np.int64)
        of_texts = np.array([len(block.names) for block in self.texts], dtype=np.int64)
        of_kinds = (self.numbers.widths, self.categories.widths, self.dates.widths, of_texts)
        for kind, own in enumerate(of_kinds):
            widths[self.kind == kind] = own
        return widths

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[ColumnEncoder]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> ColumnEncoder:
        key, kind, place = self.keys[number], self.kind[number], int(self.place[number])
        if kind == NUMBERS:
            return NumericColumnEncoder(key, self.numbers.encoder(place, key))
        if kind == CATEGORIES:
            return self.categories.block(place, key)
        return self.dates.block(place, key) if kind == DATES else self.texts[place]

    def keys_of(self, kind: int) -> tuple[str, ...]:
        """Keys of the columns of a kind."""
        return tuple(self.keys[i] for i in np.flatnonzero(self.kind == kind).tolist())

    def state(self) -> tuple[list[Any], dict[str, NDArray[Any]]]:
        """Returns the JSON values of text columns and the arrays of all, for ``from_state``."""
        arrays = text_arrays("keys", pa.array(self.keys, type=pa.large_string()))
        arrays |= {"kind": self.kind}
        arrays |= prefixed("numbers", self.numbers.arrays())
        arrays |= prefixed("categories", self.categories.arrays())
        arrays |= prefixed("dates", self.dates.arrays())
        values = []
        for number, block in enumerate(self.texts):
            meta, own = block.state()
            values.append(meta)
            arrays |= prefixed(f"text{number}", own)
        return values, arrays

    @classmethod
    def from_state(cls, values: Sequence[Any], arrays: Arrays) -> Blocks:
        """Builds blocks from the result of ``state``, without copying.

        Raises:
            KeyError: An array is missing.
            ValueError: The arrays do not fit each other.
        """
        keys = tuple(texts_of("keys", arrays).to_pylist())
        kind = arrays["kind"]
        numbers = NumberColumns.from_arrays(inner_arrays("numbers", arrays))
        categories = CategoryColumns.from_arrays(inner_arrays("categories", arrays))
        dates = DateColumns.from_arrays(inner_arrays("dates", arrays))
        counts = [len(numbers), len(categories), len(dates), len(values)]
        if len(kind) != len(keys) or np.bincount(kind, minlength=4).tolist() != counts:
            raise ValueError(f"columns are {counts} by kind, and their kinds say otherwise")
        of_texts = (key for key, of in zip(keys, kind, strict=True) if of == TEXTS)
        texts = tuple(
            TextEncoder.from_state(key, meta, inner_arrays(f"text{i}", arrays))
            for i, (key, meta) in enumerate(zip(of_texts, values, strict=True))
        )
        return cls(keys, kind, numbers, categories, dates, texts)
