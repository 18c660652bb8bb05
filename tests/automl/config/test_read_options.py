"""What the configuration says of a table reaches those who read it."""

from dataclasses import replace

from automl.config.read_options import read_options
from automl.config.schema import SearchConfig
from automl.data import ReadOptions


def test_nothing_said_is_as_tables_are_read_by_default():
    assert read_options(SearchConfig()) == ReadOptions()


def test_all_that_is_said_is_passed_on():
    config = SearchConfig(series_id="id", step="t", wide=["a", "b"])
    data = replace(
        config.data,
        kinds={"zip": "categorical"},
        drop=["id2"],
        delimiter=";",
        missing=["?"],
        channels=["x"],
        series_table="labels.csv",
        sql="select 1",
        image_side=48,
    )
    assert read_options(replace(config, data=data)) == ReadOptions(
        kinds={"zip": "categorical"},
        drop=("id2",),
        sql="select 1",
        delimiter=";",
        missing=("?",),
        series_id="id",
        step="t",
        channels=("x",),
        series_table="labels.csv",
        wide=("a", "b"),
        image_side=48,
    )
