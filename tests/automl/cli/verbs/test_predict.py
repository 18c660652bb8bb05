from __future__ import annotations

import argparse
import csv
import io
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.cli.formats import write_csv
from automl.cli.verbs import predict
from automl.cli.verbs.predict import check_apart, column_names, python_values
from automl.errors import DataError, UserError


def run(line: list[str]) -> int:
    verb = predict.parser()
    return predict.run(verb, *verb.read(line))


VALUES = st.one_of(
    st.floats(allow_nan=False),
    st.integers(),
    st.text(alphabet=st.characters(exclude_characters="\r\0", exclude_categories=["Cs"])),
)


@given(st.lists(VALUES, min_size=1))
def test_csv_gives_every_value_back(values: list[object]):
    file = io.StringIO(newline="")
    write_csv(file, ["a,b"], [values], raw=True)
    file.seek(0)
    head, *rows = csv.reader(file)
    assert head == ["a,b"]
    assert [type(v)(row[0]) for v, row in zip(values, rows, strict=True)] == values


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ([], "RUN is missing"),
        (["run"], "DATA is missing"),
        (["run", "a.csv", "b.csv"], "expected one DATA, got 2"),
        (["run", "a.csv", "--out", "."], "--out . is a directory: give a file name"),
        (["run", "a.csv", "--out", "no/such/x.csv"], "there is no directory no/such"),
    ],
)
def test_a_mistake_is_named_before_any_work(line: list[str], message: str):
    with pytest.raises(UserError, match=message):
        run(line)


@dataclass
class FoundRun:
    """What a run offers, as far as the command line looks at it."""

    task: str

    @property
    def quantiles(self) -> tuple[float, ...]:
        return (0.1, 0.5) if self.task == "quantile" else ()

    def read(
        self, data: str, *, keep: list[str], strict: bool | None, sql: str | None, sheet: str | None
    ) -> types.SimpleNamespace:
        return types.SimpleNamespace(row_names=None, kept=None, misfits=())

    def predict(self, data: types.SimpleNamespace) -> np.ndarray:
        if self.quantiles:
            return np.array([[0.1 + 0.2, 1.0], [2.0, 3.0]])
        return np.array(["no", 'a,"b"']) if self.task == "binary" else np.array([0.1 + 0.2, 1.0])

    def predict_proba(self, data: types.SimpleNamespace) -> pd.DataFrame:
        return pd.DataFrame({"no": [0.9, 0.25], 'a,"b"': [0.1, 0.75]})


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts runs in place of saved ones: their path is their task."""
    module = types.ModuleType("automl.api")
    module.load_run = FoundRun  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "automl.api", module)


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("line", "text"),
    [
        (["binary", "new.csv"], 'prediction\nno\n"a,""b"""\n'),
        (["binary", "new.csv", "--proba"], 'no,"a,""b"""\n0.9,0.1\n0.25,0.75\n'),
        (["regression", "new.csv"], "prediction\n0.30000000000000004\n1.0\n"),
        (["quantile", "new.csv"], "q0.1,q0.5\n0.30000000000000004,1.0\n2.0,3.0\n"),
        (["--proba", "regression", "new.csv"], "prediction\n0.30000000000000004\n1.0\n"),
    ],
)
def test_predictions_are_the_same_on_stdout_and_in_a_file(
    line: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(line) == 0
    assert capsys.readouterr() == (text, "")
    out = tmp_path / "predictions.csv"
    assert run([*line, "--out", str(out)]) == 0
    assert out.read_text() == text
    assert capsys.readouterr() == ("", f"2 predictions: {out}\n")
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("id", ["id"]),
        ("id,date", ["id", "date"]),
        ("id, the date,", ["id", "the date"]),
        ('"a,b",id', ["a,b", "id"]),
    ],
)
def test_names_stand_between_commas(text, names):
    assert column_names(text) == names


@pytest.mark.parametrize("text", ["", ","])
def test_no_name_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="such as id,date"):
        column_names(text)


def test_a_kept_column_must_not_have_the_name_of_a_prediction():
    check_apart(["id"], ["prediction"])
    with pytest.raises(DataError, match=r"--keep prediction: .* Rename"):
        check_apart(["id", "prediction"], ["prediction"])


def test_moments_are_text_and_other_values_stay():
    table = pa.table(
        {
            "n": pa.array([1, None]),
            "x": pa.array([0.1, 2.0]),
            "t": pa.array([0, 1_500_000_001], pa.timestamp("ns")),
            "c": pa.array(["u", "v"]).dictionary_encode(),
        }
    )
    assert python_values(table) == [
        [1, None],
        [0.1, 2.0],
        ["1970-01-01 00:00:00", "1970-01-01 00:00:01.500000001"],
        ["u", "v"],
    ]
