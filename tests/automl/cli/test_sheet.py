"""A search and a look at a sheet of a workbook, and predictions of another one."""

import sys
from pathlib import Path

import pytest

from automl.cli import main

ROOT = str(Path(__file__).parents[3])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from benchmarks.malformed.workbooks import workbook  # noqa: E402

ROWS = [["x", "when", "y"], *([i / 7, f"2021-03-{i % 28 + 1:02}", "ab"[i % 2]] for i in range(60))]
OTHER = [["p", "q"], [1, 2], [3, 4]]
NAME = "Sales 2021, 'x'=[1]"


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book.xlsx"
    path.write_bytes(workbook({"Old": OTHER, NAME: ROWS}))
    return str(path)


@pytest.mark.parametrize("sheet", [["--sheet", NAME], ["--sheet", "2"], [f"data.sheet={NAME}"]])
def test_a_sheet_is_shown_by_its_name_or_number(book, sheet, capsys):
    assert main(["inspect", book, *sheet]) == 0
    assert "60 rows, 2 columns" in capsys.readouterr().out


def test_a_sheet_is_searched_and_another_workbook_predicted(book, tmp_path, capsys):
    run = str(tmp_path / "run")
    words = ["--trials", "1", "family=[baseline]", "search.folds=2", "--out", run, "-q"]
    assert main(["search", book, "--sheet", NAME, *words]) == 0
    new = tmp_path / "new.xlsx"
    new.write_bytes(workbook({"New": [row[:2] for row in ROWS[:4]]}))
    capsys.readouterr()
    assert main(["predict", run, str(new)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_new_rows_and_a_test_table_are_read_from_the_sheet_that_is_named(book, tmp_path, capsys):
    run = str(tmp_path / "run")
    words = ["--trials", "1", "family=[baseline]", "search.folds=2", "--out", run, "-q"]
    assert main(["search", book, "--sheet", NAME, *words]) == 0
    new = tmp_path / "new.xlsx"
    new.write_bytes(workbook({NAME: OTHER, "New": ROWS[:9]}))
    capsys.readouterr()
    assert main(["predict", run, str(new), "--sheet", "New", "--keep", "when"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 9
    assert main(["leaderboard", run, "--test", str(new), "--sheet", "2"]) == 0
    assert "test" in capsys.readouterr().out
    assert main(["predict", run, str(new)]) == 2  # that of the search
    assert main(["predict", run, str(new), "--sheet", "Nwe"]) == 2
    assert "did you mean 'New'" in capsys.readouterr().err
    assert main(["leaderboard", run, "--sheet", "2"]) == 2
    assert "--test FILE" in capsys.readouterr().err


def test_a_sheet_of_what_is_no_workbook_is_refused(book, tmp_path, capsys):
    run = str(tmp_path / "run")
    words = ["--trials", "1", "family=[baseline]", "search.folds=2", "--out", run, "-q"]
    assert main(["search", book, "--sheet", NAME, *words]) == 0
    new = tmp_path / "new.csv"
    new.write_text("x,when\n1,2021-03-01\n")
    assert main(["predict", run, str(new)]) == 0
    assert main(["predict", run, str(new), "--sheet", "New"]) == 2
    assert "not an Excel file" in capsys.readouterr().err


def test_the_first_sheet_is_read_by_default_and_others_are_named(book, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["inspect", book]) == 0
    assert f"the sheet 'Old' is read, not {NAME!r}" in capsys.readouterr().out
