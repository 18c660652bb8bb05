"""Loads a data set: reads the source once, separates target and roles, types the features."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from automl.data.columns.features import infer_columns, require_used
from automl.data.columns.identifiers import with_identifiers
from automl.data.columns.media import channels_of
from automl.data.columns.misfits import WAYS_OUT, known_misfits, refuse_misfits
from automl.data.columns.roles import find_steering, read_steering, read_weight
from automl.data.columns.target import (
    choose_target,
    only_numbers,
    read_target,
    rows_with_value,
    with_clean_target,
)
from automl.data.options import ReadOptions, Roles
from automl.data.raw_table import RawTable
from automl.data.read.formats import read_source
from automl.data.table import Dataset, FloatArray, Target
from automl.data.target_offset import target_offset
from automl.errors import DataError
from automl.plugin.task import Task

__all__ = ["load_dataset"]


def load_dataset(
    source: Any,
    *,
    target: str | None = None,
    task: Task | None = None,
    among: Collection[Task] = (),
    group: str | None = None,
    time_column: str | None = None,
    folds_column: str | None = None,
    weight: str | None = None,
    quantiles: Sequence[float] = (),
    options: ReadOptions | None = None,
) -> Dataset:
    """Reads a table for training. Rows without a target, or of weight 0, are dropped and counted.

    Args:
        source: Path of a file, URL of a database, or a pandas, polars or Arrow table.
        target: Column to predict; None infers it.
        task: The task; None infers it from the values.
        among: Tasks to infer from; empty for all.
        group: Column of groups: rows with equal values stay on one side of a split.
        time_column: Column that orders the rows in time; it stays a feature.
        folds_column: Column of fold numbers.
        weight: Column of row weights.
        quantiles: Levels of a quantile task.
        options: How to read the source.

    Raises:
        DataError: The source cannot be read or used for training, or holds misfits and the
            options are strict; the message says where and how to fix it.
        MissingExtraError: It is a database and the connectors are not installed.
    """
    options = options or ReadOptions()
    roles = Roles(target, group, time_column, folds_column, weight)
    raw = read_source(source, replace(options, roles=roles))
    _check_one_a_series(raw, target)
    position, chosen = choose_target(raw, target)
    steering = find_steering(raw, position, roles)
    raw, lost = with_clean_target(raw, position, task or only_numbers(among))
    present = rows_with_value(raw.columns[position])
    raw, weights = _weighing(raw.with_rows(present), steering.get("weights"))
    described, y = read_target(raw, position, task, chosen, among)
    described = _of_values(described, y, quantiles)
    steered, moments = read_steering(raw, steering)
    raw, columns = raw.emptied()
    table = infer_columns(raw, columns, [position], steering, options)
    require_used(table, raw.where)
    is_classification, skip = described.task.is_classification, (time_column or "",)
    about = {"is_classification": is_classification, "skip": skip, **steered}
    table = with_identifiers(table, y, options, **about)
    refuse_misfits([*lost, *known_misfits(table)] if options.strict else (), raw.where, WAYS_OUT)
    return Dataset(
        table=table,
        target=described,
        y=y,
        weight=weights,
        **steered,
        n_dropped=int((~present).sum()),
        n_zero_weight=int(present.sum()) - raw.n_rows,
        time_name=time_column or "",
        moments=moments,
        notes=raw.notes,
    )


def _of_values(target: Target, y: NDArray[Any], quantiles: Sequence[float]) -> Target:
    """The target of a regression or quantile task, with its levels and its offset."""
    if target.task.is_classification:
        return target
    levels = tuple(sorted(quantiles)) if target.task is Task.QUANTILE else ()
    return replace(target, quantiles=levels, offset=target_offset(y))


def _check_one_a_series(raw: RawTable, target: str | None) -> None:
    """Refuses a target with several values in one series: it was read as a channel.

    Raises:
        DataError: The target varies within a series.
    """
    if target is None or target in raw.names:
        return
    if any(target in channels_of(c.type) for c in raw.columns):
        raise DataError(
            f"the target {target!r} changes within a series: each series needs exactly one value"
        )


def _weighing(raw: RawTable, position: int | None) -> tuple[RawTable, FloatArray | None]:
    """Drops rows of weight 0, and returns the rest with weights of mean 1; None without a column.

    They are dropped so that no class, fold or bootstrap sample consists of such rows alone.
    """
    if position is None:
        return raw, None
    weight = read_weight(raw, position)
    counts = weight > 0
    if counts.all():
        return raw, weight
    kept = raw.with_rows(counts)
    return kept, read_weight(kept, position)
