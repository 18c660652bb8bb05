"""Collects the categories of a column in the training rows and maps values to their codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from automl.data.table import IntArray

__all__ = ["MAX_CATEGORIES", "MISSING", "CategoryIndex", "fit_categories", "in_order_of_numbers"]

MAX_CATEGORIES = 10_000
MISSING = 0


@dataclass(frozen=True, slots=True)
class CategoryIndex:
    """Categories by descending frequency, ties by name.

    The code of a category is its position plus 1; ``MISSING`` is 0 and ``unseen`` the code after
    the last.

    Attributes:
        texts: The categories.
    """

    texts: pa.LargeStringArray

    @classmethod
    def of(cls, categories: Sequence[str]) -> CategoryIndex:
        """Builds an index of categories in the given order."""
        return cls(pa.array(categories, type=pa.large_string()))

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def categories(self) -> list[str]:
        """The categories as a new list."""
        categories: list[str] = self.texts.to_pylist()
        return categories

    @property
    def unseen(self) -> int:
        """Code of categories that are not in ``texts``."""
        return len(self.texts) + 1

    def codes(self, values: pa.Array) -> IntArray:
        """Codes of values, ``(n_rows,)``; each distinct value is looked up once."""
        texts, positions = _dictionary(values)
        known = pc.index_in(texts, value_set=self.texts)
        code_of = np.append(pc.add(pc.fill_null(known, self.unseen - 1), 1), MISSING)
        code_of[:-1][np.asarray(texts.is_null())] = MISSING
        return code_of.astype(np.int64)[positions]


def fit_categories(values: pa.Array) -> CategoryIndex:
    """Collects the most frequent categories of the training rows, at most ``MAX_CATEGORIES``."""
    texts, positions = _dictionary(values)
    counts = np.bincount(positions[positions >= 0], minlength=len(texts))
    count_of: dict[str, int] = {}
    for text, count in zip(texts.to_pylist(), counts.tolist(), strict=True):
        if text is not None and count:
            count_of[text] = count_of.get(text, 0) + count
    ordered = sorted(count_of, key=lambda text: (-count_of[text], text))
    return CategoryIndex.of(ordered[:MAX_CATEGORIES])


def in_order_of_numbers(index: CategoryIndex) -> CategoryIndex:
    """Sorts categories that are whole numbers by value.

    Trees that split categories by code can then still use their order.
    """
    return CategoryIndex.of(sorted(index.categories, key=float))


def _dictionary(values: pa.Array) -> tuple[pa.Array, IntArray]:
    """Distinct texts, and the index of each row's text among them; -1 where missing."""
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    positions = pc.fill_null(values.indices.cast(pa.int64()), -1)
    return values.dictionary.cast(pa.large_string()), np.asarray(positions)
