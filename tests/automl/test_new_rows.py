"""New rows as people have them: what goes in, what comes out, and what is said."""

import csv
import io
import os
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import automl
from automl.cli.app import main
from automl.errors import DataError, MisfitWarning

OPTIONS = ("family=[linear]", "search.folds=2", "scheduler.cpus=1")


def table(n_rows=60):
    rng = np.random.default_rng(0)
    x = rng.normal(size=n_rows).round(3)
    return pd.DataFrame(
        {
            "id": [f"row {i:04d}" for i in range(n_rows)],
            "x": x,
            "z": rng.normal(size=n_rows).round(3),
            "city": rng.choice(["Oslo", "Rome", "NA"], n_rows),
            "y": np.where(x > 0, "up", "down"),
        }
    )


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "new-rows"
    return automl.search(table(), "y", trials=1, out=out, overrides=OPTIONS)


@pytest.fixture(scope="session")
def numbers(tmp_path_factory):
    """A run of quantiles."""
    frame = table().assign(y=table().x * 2)
    out = tmp_path_factory.mktemp("runs") / "levels"
    options = (*OPTIONS[1:], "family=[baseline]")
    return automl.search(
        frame, "y", task="quantile", quantiles=[0.1, 0.5], trials=1, out=out, overrides=options
    )


def test_a_pandas_frame_gets_a_series_with_its_index_and_the_name_of_the_target(run):
    part = table().sample(frac=1, random_state=1).query("x > -0.5")
    found = run.predict(part)
    assert isinstance(found, pd.Series)
    assert found.name == "y"
    assert found.index.equals(part.index)
    assert (found == part["y"]).mean() > 0.9
    empty = run.predict(part.head(0))
    assert isinstance(empty, pd.Series)
    assert len(empty) == 0


def test_quantiles_of_a_frame_are_a_frame_and_of_other_data_an_array(numbers):
    part = table().iloc[[5, 3]]
    found = numbers.predict(part)
    assert list(found.columns) == ["q0.1", "q0.5"]
    assert list(found.index) == [5, 3]
    array = numbers.predict(part.to_dict("records"))
    assert isinstance(array, np.ndarray)
    np.testing.assert_array_equal(array, found)


def test_polars_gets_polars_and_arrow_an_array(run):
    frame = pl.from_pandas(table())
    found = run.predict(frame)
    assert isinstance(found, pl.Series)
    assert found.name == "y"
    proba = run.predict_proba(frame)
    assert isinstance(proba, pl.DataFrame)
    assert proba.columns == ["down", "up"]
    array = run.predict(pa.Table.from_pandas(table()))
    assert isinstance(array, np.ndarray)
    assert list(array) == list(found) == list(run.predict(table()))


def test_a_dict_a_series_and_a_list_of_dicts_are_rows(run):
    frame = table().head(3)
    expected = run.predict_proba(frame)
    rows = frame.drop(columns="y").to_dict("records")
    np.testing.assert_allclose(run.predict_proba(rows), expected)
    np.testing.assert_allclose(run.predict_proba(rows[1]), expected.iloc[[1]])
    one = run.predict_proba(frame.iloc[1])
    np.testing.assert_allclose(one, expected.iloc[[1]])
    assert list(one.index) == [1]
    assert list(run.predict(frame.iloc[1]).index) == [1]
    assert run.predict(rows[1]).shape == (1,)
    assert run.predict([]).shape == (0,)


def test_one_warning_tells_what_cannot_be_read_and_where_it_was_asked(run):
    new = table().head(4).astype(object)
    new.loc[1, "x"], new.loc[2, "z"] = "12a", "what"
    new.loc[3, "city"] = "Paris"
    with pytest.warns(MisfitWarning) as caught:
        run.predict(new)
    assert len(caught) == 1
    assert caught[0].message.counts == {"x": 1, "z": 1}
    assert caught[0].filename == __file__
    assert "'x' (numeric): 1 of 4 rows, such as '12a' (in row 2)" in str(caught[0].message)


def test_rows_that_were_read_are_warned_of_once(run):
    with pytest.warns(MisfitWarning):
        read = run.read({"x": "12a", "z": 1, "city": "Oslo"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run.predict(read)
        run.predict_proba(read)


def test_strict_is_a_setting_of_the_run_and_of_each_call(run, tmp_path):
    row = {"x": "12a", "z": 1, "city": "Oslo"}
    for call in (run.read, run.predict, run.predict_proba):
        with pytest.raises(DataError, match="'12a'"):
            call(row, strict=True)
    options = (*OPTIONS, "data.strict=true")
    strict = automl.search(table(), "y", trials=1, out=tmp_path / "run", overrides=options)
    with pytest.raises(DataError, match="'12a'"):
        strict.predict(row)
    with pytest.raises(DataError, match="'12a'"):
        strict.board(test=table().astype({"x": object}).assign(x="12a"))
    with pytest.warns(MisfitWarning):
        strict.predict(row, strict=False)


def test_a_held_out_table_says_what_cannot_be_read(run):
    new = table().astype({"x": object})
    new.loc[7, "x"] = "12a"
    (note,) = run.board(test=new).notes
    assert note.startswith("test: values that cannot be read")
    assert "'12a' (in row 8)" in note
    with pytest.warns(MisfitWarning, match="12a"):
        run.test_scores(new)


def predict(run, path, *options):
    """Exit status, the rows of the output, and what was said."""
    done = subprocess.run(
        [sys.executable, "-m", "automl", "predict", run.path, path, *options],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )
    return done.returncode, list(csv.reader(io.StringIO(done.stdout))), done.stderr


def test_the_command_line_counts_once_at_the_end_and_strict_is_an_error(run, tmp_path):
    new = table().head(4).astype({"x": object})
    new.loc[1, "x"] = "12a"
    new.to_csv(path := tmp_path / "new.csv", index=False)
    status, rows, said = predict(run, path)
    assert (status, len(rows)) == (0, 5)
    assert said.splitlines() == [
        "note: values that cannot be read count as missing: column 'x' (numeric): 1 of 4 rows, "
        "such as '12a' (in row 2)"
    ]
    status, rows, said = predict(run, path, "data.strict=true")
    assert (status, rows) == (2, [])
    assert "new.csv holds values that cannot be read: column 'x'" in said


def write(frame, path):
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, index=False)


@pytest.mark.parametrize("name", ["new.csv", "new.csv.gz", "new.parquet", "new.jsonl"])
def test_kept_columns_stand_before_predictions_as_they_are(run, tmp_path, name, capsys):
    frame = table().head(3).assign(city=["NA", "Rome", "Paris"], extra=["a,b", "", "007"])
    write(frame, path := tmp_path / name)
    plain, kept = tmp_path / "plain.csv", tmp_path / "kept.csv"
    assert main(["predict", str(run.path), str(path), "--out", str(plain)]) == 0
    options = ["--keep", "extra,id", "--keep", "city,id", "--out", str(kept)]
    assert main(["predict", str(run.path), str(path), *options]) == 0
    capsys.readouterr()
    rows = [row.split(",")[-1] for row in plain.read_text().split()[1:]]
    with kept.open() as file:
        assert list(csv.reader(file)) == [
            ["extra", "id", "city", "prediction"],
            ["a,b", "row 0000", "NA", rows[0]],
            ["", "row 0001", "Rome", rows[1]],
            ["007", "row 0002", "Paris", rows[2]],
        ]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("idd", "no column 'idd' for --keep; did you mean 'id'?"),
        ("prediction", "--keep prediction: the predictions have a column 'prediction' too"),
    ],
)
def test_columns_that_cannot_be_kept_are_named(run, tmp_path, capsys, names, message):
    write(table().assign(prediction=1), path := tmp_path / "new.csv")
    assert main(["predict", str(run.path), str(path), "--keep", names]) == 2
    assert message in capsys.readouterr().err


def test_kept_columns_are_handed_on_in_python_too(run):
    read = run.read(table().head(2).assign(extra=[7, 8]), keep=["extra"])
    assert read.kept.to_pydict() == {"extra": [7, 8]}
    assert run.read(table().head(2)).kept is None
