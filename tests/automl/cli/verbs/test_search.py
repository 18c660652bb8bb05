from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import automl
from automl.cli import main
from automl.errors import DataError, NoPredictorError
from automl.events import Event, SearchFinished
from automl.leaderboard import Leaderboard, read_board
from automl.store.run_dir import RunDir


@dataclass
class FoundRun:
    """What a search hands back, as far as the command line looks at it."""

    path: Path
    stopped_by: str = "time"

    def board(self) -> Leaderboard:
        return read_board(RunDir(self.path))


@pytest.fixture
def calls(run_dir: RunDir, events: list[Event], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a search in place of the real one that takes no time; what it was called with."""
    seen = types.SimpleNamespace(result=FoundRun(run_dir.path), error=None, events=events)

    def search(data: str, **given: Any) -> FoundRun:
        on_event: Callable[[Event], None] = given.pop("on_event")
        seen.data, seen.started, seen.given = data, given.pop("started"), given
        for event in seen.events:
            on_event(event)
        if seen.error is not None:
            raise seen.error
        return seen.result

    module = types.ModuleType("automl.api")
    module.search = search  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "automl.api", module)
    monkeypatch.setattr(automl, "api", module, raising=False)
    return seen


def test_options_of_series_go_on_too(calls: Any):
    line = "search steps.csv --series-id id --step t --series-table a=b.csv search.folds=2"
    assert main(line.split()) == 0
    table = {"data.series_table": "a=b.csv"}
    settings = {"series_id": "id", "step": "t", "data_path": "steps.csv"}
    assert calls.given["settings"] == settings | table
    assert calls.given["overrides"] == ["search.folds=2"]


def test_options_go_on_by_name_and_settings_in_their_order(calls: Any):
    line = (
        "search family=[lightgbm,svm] --target=a=b --time 10m data.csv --seed 3 search.folds=5 "
        "--out runs/x --group g --time-column t --folds-column f --weight w --preset fast "
        "--task binary --metric log_loss --trials 7 --gap 7d"
    )
    assert main(line.split()) == 0
    assert calls.data == "data.csv"
    assert calls.given == {
        "settings": {
            "target": "a=b",
            "task": "binary",
            "metric": "log_loss",
            "time_s": 600.0,
            "trials": 7,
            "seed": 3,
            "group": "g",
            "time_column": "t",
            "folds_column": "f",
            "weight": "w",
            "preset": "fast",
            "search.gap": "7d",
            "data_path": "data.csv",
        },
        "out": "runs/x",
        "resume": False,
        "overrides": ["family=[lightgbm,svm]", "search.folds=5"],
        "verbosity": 0,
    }


def test_what_is_not_given_is_left_to_the_configuration(calls: Any):
    assert main(["search", "data.csv"]) == 0
    settings = {"data_path": "data.csv"}
    nothing = {"overrides": [], "settings": settings, "out": None, "resume": False, "verbosity": 0}
    assert calls.given == nothing
    assert isinstance(calls.started, float)


def test_quiet_prints_the_path_alone(calls: Any, capsys: pytest.CaptureFixture[str]):
    assert main(["search", "-q", "data.csv"]) == 0
    assert capsys.readouterr() == (f"{calls.result.path}\n", "")


def test_the_end_shows_leaderboard_failures_and_the_next_command(
    calls: Any, capsys: pytest.CaptureFixture[str]
):
    assert main(["search", "data.csv"]) == 0
    shown = capsys.readouterr().out
    assert "svm-0" in shown
    assert "1 of 3 trials failed" in shown
    path = calls.result.path
    assert shown.endswith(f"next      automl predict '{path}' new.csv --out predictions.csv\n")


def test_after_ctrl_c_the_best_so_far_is_shown_and_the_status_is_130(
    calls: Any, capsys: pytest.CaptureFixture[str]
):
    calls.result.stopped_by = "interrupt"
    assert main(["search", "data.csv"]) == 130
    assert "stopped by Ctrl-C" in capsys.readouterr().out


def test_a_reader_that_is_gone_changes_neither_the_search_nor_the_status(
    calls: Any, monkeypatch: pytest.MonkeyPatch
):
    read, write = os.pipe()
    os.close(read)
    calls.result.stopped_by = "interrupt"
    with os.fdopen(write, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert main(["search", "data.csv"]) == 130


def test_after_a_second_ctrl_c_the_run_is_named(calls: Any, capsys: pytest.CaptureFixture[str]):
    calls.error = KeyboardInterrupt()
    assert main(["search", "data.csv"]) == 130
    message = "automl: stopped at once; results so far are in runs/first\n"
    assert capsys.readouterr().err == message


def test_without_a_model_the_status_is_1_and_130_after_ctrl_c(
    calls: Any, capsys: pytest.CaptureFixture[str]
):
    calls.error = NoPredictorError("no model could be fitted")
    assert main(["search", "data.csv"]) == 1
    assert capsys.readouterr().err == "automl: error: no model could be fitted\n"
    last = calls.events[-1]
    assert isinstance(last, SearchFinished)
    calls.events[-1] = replace(last, stopped_by="interrupt")
    assert main(["search", "data.csv"]) == 130
    assert capsys.readouterr().err == "automl: stopped: no model could be fitted\n"


def test_a_mistake_in_the_data_is_status_2(calls: Any, capsys: pytest.CaptureFixture[str]):
    calls.error = DataError("there is no file data.csv")
    assert main(["search", "data.csv"]) == 2
    assert capsys.readouterr().err == "automl: error: there is no file data.csv\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("search", "DATA is missing"),
        ("search family=[svm]", "DATA is missing"),
        ("search a.csv b.csv", "expected one DATA, got 2: 'a.csv', 'b.csv'"),
        ("search -q -v a.csv", "-q and -v contradict each other"),
        ("search a.csv --taget y", "unknown option --taget; did you mean --target?"),
        ("search --cfg search.fold=5", "did you mean 'search.folds'"),
    ],
)
def test_a_mistake_on_the_command_line_is_named(
    line: str, message: str, capsys: pytest.CaptureFixture[str]
):
    assert main(line.split()) == 2
    assert message in capsys.readouterr().err


def test_cfg_prints_every_value_with_its_origin(capsys: pytest.CaptureFixture[str]):
    line = ["search", "data.csv", "--cfg", "--target", "a: [b] {c}", "search.folds=5"]
    assert main(line) == 0
    lines = capsys.readouterr().out.splitlines()
    origins = dict(text.split("#") for text in map(str.strip, lines) if "#" in text)
    values = {key.strip(): origin.strip() for key, origin in origins.items()}
    assert values["folds: 5"] == "override search.folds"
    assert values["target: 'a: [b] {c}'"] == "option target"
    assert values["seed: 0"] == "default"


def test_cfg_shows_a_gap_under_its_key(capsys: pytest.CaptureFixture[str]):
    assert main(["search", "--cfg", "--time-column", "day", "--gap", "7d"]) == 0
    assert "gap: 7d" in capsys.readouterr().out


def test_cfg_needs_no_data(capsys: pytest.CaptureFixture[str]):
    assert main(["search", "--cfg", "--time", "1h"]) == 0
    assert "time_s: 3600.0" in capsys.readouterr().out


def test_a_password_in_a_query_is_not_shown(capsys):
    query = "select * from dblink('postgresql://u:Hush77@h/d password=Hush78', 'x') as t (a int)"
    assert main(["search", "--cfg", f"data.sql={query}", "seed=3"]) == 0
    said = capsys.readouterr().out
    assert "Hush7" not in said
    assert "seed: 3" in said
    assert "dblink" in said
