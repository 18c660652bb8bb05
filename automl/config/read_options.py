"""How tables are read, by the configuration."""

from __future__ import annotations

from automl.config.schema import DECIMALS, SearchConfig
from automl.data import ReadOptions
from automl.data.columns.identifiers import is_identifier
from automl.data.table import Dataset

__all__ = ["read_options"]


def read_options(config: SearchConfig, known: Dataset | None = None) -> ReadOptions:
    """How the configuration wants tables to be read.

    Args:
        config: The configuration.
        known: The data of a run that is read again: its identifiers are those of the table.
    """
    data, identifiers = config.data, None
    if known is not None:
        identifiers = frozenset(c.name for c in known.table.columns if is_identifier(c))
    return ReadOptions(
        kinds=dict(data.kinds),
        drop=tuple(data.drop),
        sql=data.sql,
        sheet=data.sheet,
        delimiter=data.delimiter,
        missing=tuple(data.missing),
        keep=tuple(data.keep),
        decimal=None if data.decimal is None else DECIMALS[data.decimal],
        series_id=config.series_id,
        step=config.step,
        channels=tuple(data.channels),
        series_table=data.series_table,
        wide=tuple(config.wide or ()),
        image_side=data.image_side,
        strict=data.strict,
        identifiers=identifiers,
    )
