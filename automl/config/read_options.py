"""Derives the options for reading tables from the configuration."""

from __future__ import annotations

from typing import Any

from automl.config.schema import DECIMALS, SearchConfig
from automl.data import ReadOptions
from automl.data.columns.identifiers import is_identifier
from automl.data.table import Dataset

__all__ = ["read_options"]


def read_options(config: SearchConfig, known: Dataset | None = None) -> ReadOptions:
    """Returns the options for reading tables.

    Args:
        config: The configuration.
        known: The run's data when it is read again; its identifier columns are kept.
    """
    identifiers = None
    if known is not None:
        identifiers = frozenset(c.name for c in known.table.columns if is_identifier(c))
    values = {name: _frozen(value) for name, value in vars(config.data).items()}
    values["decimal"] = DECIMALS.get(config.data.decimal or "")
    return ReadOptions(
        **values,
        series_id=config.series_id,
        step=config.step,
        wide=tuple(config.wide or ()),
        identifiers=identifiers,
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
