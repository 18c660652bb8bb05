"""How tables are read, by the configuration."""

from __future__ import annotations

from automl.config.schema import DECIMALS, SearchConfig
from automl.data import ReadOptions

__all__ = ["read_options"]


def read_options(config: SearchConfig) -> ReadOptions:
    """How the configuration wants tables to be read."""
    data = config.data
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
    )
