from __future__ import annotations

import builtins
import csv
import io
import json

import pytest
from rich.cells import cell_len

from automl.leaderboard import (
    FORMATS,
    HeldOutScores,
    Leaderboard,
    LeaderboardRow,
    read_board,
    render,
)
from automl.leaderboard.row import COLUMNS
from automl.store.run_dir import RunDir
from automl.trial.spec import TrialError


def _refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def test_json_is_a_list_of_rows_with_every_key_and_no_nan(mixed_run: RunDir):
    board = read_board(
        mixed_run, HeldOutScores({"svm-0": None}, {"svm-0": "all 3 rows are of one class"})
    )
    rows = json.loads(render(board, "json"), parse_constant=_refuse_constant)
    assert all(tuple(row) == COLUMNS for row in rows)
    svm = rows[1]
    assert (svm["rank"], svm["trial"], svm["score"], svm["test_score"]) == (1, "svm-0", 0.9, None)
    assert svm["test_reason"] == "all 3 rows are of one class"
    assert (svm["folds"], svm["params"]) == ([0.9, 0.9], {"C": 1.0, "kernel": "rbf"})


def test_csv_gives_every_number_back(make_run, make_record):
    score = 0.1 + 0.2
    run = make_run(make_record("knn-0", 0, score=score, folds=(score,), text='a,"b"\nc'))
    (row,) = csv.DictReader(io.StringIO(render(read_board(run), "csv")))
    assert tuple(row) == COLUMNS
    assert float(row["score"]) == score
    assert json.loads(row["params"]) == {"text": 'a,"b"\nc'}
    assert json.loads(row["folds"]) == [score]
    assert row["test_score"] == ""


def test_markdown_cells_stay_in_their_columns(mixed_run: RunDir):
    lines = render(read_board(mixed_run), "md").splitlines()
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    assert "ValueError: bad \\| \\[red\\]x second line" in lines[-1]
    assert lines[2].split(" | ")[1] == "ensemble"


@pytest.mark.parametrize("width", [80, 100, 160])
def test_the_table_fits_its_width_and_shows_scores_whole(mixed_run: RunDir, width: int):
    text = render(read_board(mixed_run, HeldOutScores({"ensemble": 0.5})), "table", width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    for whole in ("svm-0", "0.9000", "0.5000", "0.75", "pruned", "failed", "running"):
        assert whole in text


def test_a_wide_table_has_the_scores_of_the_folds(mixed_run: RunDir):
    board = read_board(mixed_run)
    assert "0.7900 0.8100" in render(board, "table", 160)
    assert "0.7900 0.8100" not in render(board, "table", 80)


def test_the_table_takes_text_as_text(mixed_run: RunDir):
    text = render(read_board(mixed_run), "table", 160)
    assert "\x1b" not in text
    assert "[bold]a|b" in text
    assert "bad | [red]x second line" in text


def test_columns_that_say_nothing_are_not_in_the_table(mixed_run: RunDir):
    head = render(read_board(mixed_run), "table").splitlines()[0]
    assert "test" not in head
    assert "weight" in head


@pytest.mark.parametrize("format", FORMATS)
def test_an_empty_board_can_be_shown(make_run, format: str):
    text = render(read_board(make_run()), format)
    assert text.endswith("\n")
    if format == "json":
        assert json.loads(text) == []


def test_an_unknown_format_is_refused(mixed_run: RunDir):
    with pytest.raises(ValueError, match="unknown format 'xml': one of table, csv, json, md"):
        render(read_board(mixed_run), "xml")


@pytest.mark.parametrize("format", ["table", "md", "csv", "json"])
def test_a_trial_out_of_memory_shows_its_state_and_its_numbers(make_run, make_record, format):
    message = "1.27 GiB of memory, above the limit of 1.00 GiB for one fit: scheduler.x raises it"
    failed = make_record("svm-0", 0, "failed", error=TrialError("oom", message))
    board = read_board(make_run(failed))
    text = render(board, format, width=100)
    assert "failed" in text
    assert "oom: 1.27 GiB of memory, above the limit of 1.00 GiB" in text


def test_costs_and_front_are_shown_where_they_were_asked_for(make_run, make_record):
    records = [make_record("svm-0", 0, score=0.9, folds=(0.9,), predict_ms=12.5)]
    plain = render(read_board(make_run(*records, name="plain")))
    limited = render(read_board(make_run(*records, name="limited", limits={"predict_ms": 20.0})))
    several = make_run(*records, name="several", objectives=("score", "size_mb"))
    assert "ms/1000" not in plain
    assert "front" not in plain
    assert "ms/1000" in limited
    assert "12.5" in limited
    assert "front" not in limited
    table = render(read_board(several))
    assert "front" in table
    assert "MB" in table
    assert "*" in table
    assert "ms/1000" not in table
    (row,) = json.loads(render(read_board(several), "json"))
    assert row["front"] is True
    (cells,) = csv.DictReader(io.StringIO(render(read_board(several), "csv")))
    assert (cells["front"], float(cells["predict_ms"])) == ("True", 12.5)


@pytest.mark.parametrize("format", FORMATS)
def test_a_score_that_there_is_not_is_no_number_in_any_format(make_run, make_record, format):
    run = make_run(make_record("knn-0", 0, score=0.8, folds=(None, 0.8, None)))
    tested = HeldOutScores(
        {"knn-0": None}, {"knn-0": "all 9 rows are of one class"}, ("test: one class",)
    )
    text = render(read_board(run, tested), format, 200)
    assert not {"nan", "inf", "infinity"} & set(text.lower().replace(",", " ").split())
    if format in ("table", "md"):
        assert "none" in text
        assert "test: one class" in text
        assert "roc_auc has no value for folds 0 and 2" in text.replace("\\_", "_")
    else:
        assert "all 9 rows are of one class" in text
        assert "[null, 0.8, null]" in text


def test_a_board_without_missing_scores_has_no_notes(mixed_run: RunDir):
    assert read_board(mixed_run).notes == ()


def test_in_a_notebook_the_table_is_text_as_well(monkeypatch):
    notebook = type("ZMQInteractiveShell", (), {})
    monkeypatch.setattr(builtins, "get_ipython", notebook, raising=False)
    board = Leaderboard(
        "rmse", False, "regression", "y", (LeaderboardRow(1, "svm", "svm-0", "complete", 0.5),)
    )
    assert "svm-0" in repr(board)
