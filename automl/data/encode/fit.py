"""Fits the encoder of a table on the training rows of a fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.columns.identifiers import is_identifier
from automl.data.encode.blocks import Blocks
from automl.data.encode.columns.categorical import fit_codes, fit_onehot
from automl.data.encode.columns.categories import MISSING, fit_index, in_order_of_numbers
from automl.data.encode.columns.column_encoder import FittedBlock
from automl.data.encode.columns.dates import fit_dates
from automl.data.encode.columns.numeric import fit_numeric
from automl.data.encode.columns.target import InnerTarget, fit_target, inner_target
from automl.data.encode.generate.fit import fit_generators
from automl.data.encode.table_encoder import Encoder, assemble, values_of
from automl.data.encode.text.text_encoder import fit_text, in_mode
from automl.data.table import Column, IntArray, Table
from automl.errors import PluginError
from automl.plugin.context import View
from automl.plugin.rows import Matrix
from automl.plugin.task import TABULAR_KINDS, ColumnKind, Task

__all__ = ["fit_encoder"]


def fit_encoder(
    table: Table,
    rows: IntArray,
    y: NDArray[Any],
    *,
    task: Task,
    n_classes: int,
    view: View,
    kinds: frozenset[ColumnKind],
    seed: int,
    weight: NDArray[np.float64] | None = None,
    texts: Mapping[str, FittedBlock] | None = None,
) -> tuple[Encoder, Matrix]:
    """Fits on some rows of a table and on nothing else of it.

    Args:
        table: The features.
        rows: Numbers of the training rows.
        y: Class indices or values of all rows of the table.
        task: What is predicted.
        n_classes: Number of classes; 0 for regression.
        view: How the columns are encoded.
        kinds: Columns of other kinds are left out.
        seed: Of inner folds and decompositions.
        weight: Weights of all rows of the table, or None.
        texts: Text columns that tell anything, by key, if they were fitted on these rows before,
            with the same ``text`` of the view and in its mode ``raw``.

    Returns:
        The encoder, and the encoded training rows: out of fold where the target takes part.

    Raises:
        PluginError: The view asks for a TF-IDF matrix but takes no sparse one, or for new columns,
            which are dense, and takes a sparse one.
    """
    if view.text == "tfidf" and not view.sparse:
        raise PluginError("a view with text='tfidf' needs sparse=True; text='svd' is dense")
    if view.generated and view.sparse:
        raise PluginError(f"a view with generated={view.generated} needs sparse=False")
    if view.is_empty:
        nothing = Encoder(Blocks.of(()), (), False)
        return nothing, assemble(table, rows, nothing, ())
    target = inner_target(y[rows], None if weight is None else weight[rows], task, n_classes, seed)
    fitted: list[FittedBlock] = []
    kinds = kinds & TABULAR_KINDS
    for column in table.of_kind(*kinds):
        if _is_left_out(column.kind, view):
            continue
        values = values_of(table, column.key, rows)
        if column.kind is ColumnKind.TEXT:
            block = _fit_text(column.key, values, target, view, seed, texts)
        else:
            block = _fit_column(column, values, target, view)
        if block is not None:
            fitted.append(block)
    made = fit_generators(
        table.of_kind(*kinds), lambda key: values_of(table, key, rows), target, view, seed
    )
    blocks, generators = Blocks.of([f.block for f in fitted]), tuple(g.generator for g in made)
    encoder = Encoder(blocks, generators, False)
    if view.sparse and _saves_memory(fitted, encoder.width):
        encoder = Encoder(blocks, generators, True)
    known = [*(f.train for f in fitted), *(g.train for g in made)]
    return encoder, assemble(table, rows, encoder, known)


def _is_left_out(kind: ColumnKind, view: View) -> bool:
    """Whether a view drops a kind of columns: then they are not even read."""
    if kind is ColumnKind.TEXT:
        return view.text in ("raw", "drop")
    return (view.categorical if kind is ColumnKind.CATEGORICAL else view.numeric) == "drop"


def _fit_column(
    column: Column, values: pa.Array, target: InnerTarget, view: View
) -> FittedBlock | None:
    """Fits one column; None where it tells nothing or the view leaves it out."""
    if column.kind is ColumnKind.CATEGORICAL:
        return _fit_categories(column, values, target, view)
    if column.kind is ColumnKind.DATETIME:
        return fit_dates(column.key, values, _scaling(view))
    return fit_numeric(column.key, values, _scaling(view))


def _scaling(view: View) -> Literal["raw", "standard", "quantile"]:
    """How numbers are scaled, those made of texts and categories included."""
    return "raw" if view.numeric == "drop" else view.numeric


def _fit_text(
    key: str,
    values: pa.Array,
    target: InnerTarget,
    view: View,
    seed: int,
    known: Mapping[str, FittedBlock] | None,
) -> FittedBlock | None:
    if known is None:
        fitted = fit_text(key, values, target, view.text == "svd", seed)
    else:
        fitted = known.get(key)
    return None if fitted is None else in_mode(fitted, values, _scaling(view))


def _fit_categories(
    column: Column, values: pa.Array, target: InnerTarget, view: View
) -> FittedBlock | None:
    key, index = column.key, fit_index(values)
    has_missing = bool((index.codes(values) == MISSING).any())
    if len(index) + has_missing < 2:
        return None
    if view.categorical == "codes":
        return fit_codes(key, in_order_of_numbers(index) if is_identifier(column) else index)
    if view.categorical == "onehot" and len(index) <= view.max_onehot:
        return fit_onehot(key, index, has_missing)
    return fit_target(key, index, values, target, scaled=_scaling(view) != "raw")


def _saves_memory(fitted: Sequence[FittedBlock], width: int) -> bool:
    """Whether CSR (a value and a column number per entry, a pointer per row) is smaller."""
    return 2 * sum(f.n_nonzero for f in fitted) + 1 < width
