from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.cli.predict import run, write_csv
from automl.errors import UserError

VALUES = st.one_of(
    st.floats(allow_nan=False),
    st.integers(),
    st.text(alphabet=st.characters(exclude_characters="\r\0", exclude_categories=["Cs"])),
)


@given(st.lists(VALUES, min_size=1))
def test_csv_gives_every_value_back(values: list[object]):
    file = io.StringIO(newline="")
    write_csv(file, ["a,b"], [values])
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
        run(line, 0.0)
