"""Messages that name options as their reader would write them."""

import numpy as np
import pandas as pd
import pytest

import automl
from automl.cli import main
from automl.errors import DataError, MisfitWarning, UserError
from automl.events import Note, SearchStarted
from automl.surface import command_line, flag_of, named, python_call

OPTIONS = ("family=[baseline]", "search.folds=2")
FLAGS = {"target": "--target", "data.sheet": "--sheet", "resume": "--resume"}


@pytest.mark.parametrize(
    ("key", "value", "in_python", "on_the_command_line"),
    [
        ("target", None, "target", "--target"),
        ("target", "NAME", "target=NAME", "--target NAME"),
        ("target", "the name", "target='the name'", "--target 'the name'"),
        ("resume", True, "resume=True", "--resume"),
        ("data.sheet", "Feb", "sheet='Feb'", "--sheet Feb"),
        ("data.strict", True, "data.strict=True", "data.strict=true"),
        ("search.folds", 0, "search.folds=0", "search.folds=0"),
        ("data.sql", "SELECT *", "data.sql='SELECT *'", "data.sql='SELECT *'"),
    ],
)
def test_an_option_has_the_name_that_its_reader_writes(key, value, in_python, on_the_command_line):
    with python_call({"data.sheet": "sheet"}):
        assert named(key, value) == in_python
    with command_line(FLAGS):
        assert named(key, value) == on_the_command_line


def test_what_the_command_line_calls_in_python_keeps_the_words_of_the_command_line():
    with command_line(FLAGS):
        with python_call({"data.sheet": "sheet"}):
            assert named("data.sheet") == "--sheet"
        assert named("target") == "--target"
    assert named("target") == "target"


def test_a_flag_is_the_last_part_of_a_key_without_its_unit():
    keys = ("target", "time_s", "folds_column", "data.series_table")
    assert list(map(flag_of, keys)) == ["--target", "--time", "--folds-column", "--series-table"]


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame({"x": rng.normal(size=80), "z": rng.normal(size=80) * 2 + 1})


def test_a_search_from_python_names_no_option_of_the_command_line(table, tmp_path):
    said = []
    out = tmp_path / "run"
    table.loc[40:] = table.loc[:39].to_numpy()  # copies of rows, which a note names
    automl.search(table, trials=1, out=out, overrides=OPTIONS, on_event=said.append)
    texts = [e.message for e in said if isinstance(e, Note)]
    texts += [e.target_reason for e in said if isinstance(e, SearchStarted)]
    assert any("target=NAME" in text for text in texts)
    assert not [text for text in texts if "--" in text]
    with pytest.raises(UserError, match="choose another out"):
        automl.search(table, trials=1, out=out, overrides=OPTIONS)


def test_the_same_search_on_the_command_line_names_options(table, tmp_path, capsys):
    path = str(tmp_path / "data.csv")
    table.to_csv(path, index=False)
    words = ["search", path, "--trials", "1", "--out", str(tmp_path / "run"), *OPTIONS]
    assert main(words) == 0
    assert "--target NAME" in "".join(capsys.readouterr())
    assert main(words) == 2
    assert "choose another --out" in capsys.readouterr().err


def test_arguments_of_reading_are_named_in_python_and_settings_on_the_command_line(
    table, tmp_path, capsys
):
    out, new = tmp_path / "run", str(tmp_path / "new.csv")
    run = automl.search(table, trials=1, out=out, overrides=OPTIONS)
    table.astype(str).assign(x=["12a", *map(str, table["x"][1:])]).to_csv(new, index=False)
    with pytest.warns(MisfitWarning, match=r"\. strict=True makes this an error"):
        run.predict(new)
    with pytest.raises(DataError, match=r"; strict=False treats them as missing"):
        run.predict(new, strict=True)
    with pytest.raises(DataError, match=r"^sheet='Feb': .* is not an Excel file"):
        run.predict(new, sheet="Feb")
    with pytest.raises(DataError, match=r"such as sql='SELECT"):
        run.read("sqlite:///there.db")
    assert main(["predict", str(out), new, "data.strict=true"]) == 2
    assert "data.strict=false treats them" in capsys.readouterr().err
    assert main(["predict", str(out), new, "--sheet", "Feb"]) == 2
    assert "--sheet Feb: " in capsys.readouterr().err
    assert main(["predict", str(out), "sqlite:///there.db"]) == 2
    assert "such as data.sql='SELECT" in capsys.readouterr().err


def test_a_value_out_of_range_is_named_as_it_was_written(table, tmp_path, capsys):
    path = str(tmp_path / "data.csv")
    table.to_csv(path, index=False)
    with pytest.raises(UserError, match=r"^gap='7d': needs .* with time_column$"):
        automl.search(table, gap="7d")
    assert main(["search", path, "--trials", "0", "--gap", "7d", "search.folds=0"]) == 2
    said = capsys.readouterr().err
    assert "--trials 0: expected an integer of at least 1" in said
    assert "search.folds=0: expected an integer of at least 1" in said
    assert "--gap 7d: needs rows in order of time: name the time column with --time-column" in said
