from pathlib import Path

import pytest

from benchmarks.hardware.__main__ import FAILED, LEFT, NEEDS, main
from benchmarks.hardware.data import MissingTable
from benchmarks.hardware.row import PEER, Choices, Unit
from benchmarks.hardware.rows import ROWS
from benchmarks.hardware.running import Plan, kept_units, run_units
from benchmarks.results import read_results

DEVICE = "paper, 2 cores"


class Clock:
    """Seconds that pass only while a unit is measured."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def unit(name, needs_s=100.0):
    return Unit("search", {"table": name}, needs_s)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def call(tmp_path, clock):
    """Runs units that take the seconds of ``takes``, and tells which were measured."""
    measured = []

    def run(units, takes=100.0, limit_s=250.0, device=DEVICE, label="now", failing=()):
        def measure(unit, plan, scratch):
            assert not list(scratch.iterdir())
            measured.append(unit.key["table"])
            clock.now += takes
            if unit.key["table"] in failing:
                raise failing[unit.key["table"]]
            return {"score": 0.5}

        measured.clear()
        plan = Plan(
            tmp_path,
            tmp_path / "r.jsonl",
            limit_s=limit_s,
            label=label,
            clock=clock,
            before=tmp_path,
        )
        return run_units(units, plan, device, measure), list(measured)

    return run


def test_no_unit_is_begun_that_may_end_after_the_limit(call):
    units = [unit("a"), unit("b"), unit("c"), unit("d", needs_s=40.0)]
    outcome, measured = call(units, takes=100.0)
    assert measured == ["a", "b", "d"]  # c might end at 300 s, d at 240 s
    assert outcome.left == [units[2]]
    assert outcome.n_done == 3


@pytest.mark.parametrize("name", ROWS)
def test_a_call_has_time_for_every_unit_apart_from_those_of_the_other_system(name, call):
    units = ROWS[name].units(Choices())
    outcome, _ = call(units, takes=0.0, limit_s=Plan(Path()).limit_s)
    assert outcome.left == [unit for unit in units if unit.kind == PEER]


def test_what_is_kept_is_skipped_and_the_rest_is_done_by_further_calls(call):
    units = [unit(name) for name in "abcde"]
    done = []
    for _ in range(3):
        outcome, measured = call(units)
        done += measured
    assert done == list("abcde")
    assert not outcome.left
    assert outcome.n_kept == 4


def test_equal_units_of_two_rows_are_measured_once(call):
    assert call([unit("a"), unit("a", needs_s=90.0)])[1] == ["a"]


def test_results_of_another_device_or_label_count_as_missing(call):
    call([unit("a")])
    assert call([unit("a")], device="other")[1] == ["a"]
    assert call([unit("a")], label="later")[1] == ["a"]
    assert call([unit("a")])[1] == []


def test_a_failed_unit_is_kept_with_its_error_and_tried_again(call, tmp_path):
    outcome, _ = call([unit("a"), unit("b")], failing={"a": RuntimeError("killed")})
    assert len(outcome.failed) == 1
    assert outcome.n_done == 1
    (first, _) = read_results(tmp_path / "r.jsonl")
    assert first["figures"] == {"error": "RuntimeError: killed"}
    assert len(kept_units(tmp_path / "r.jsonl", "now", DEVICE)) == 1
    assert call([unit("a"), unit("b")])[1] == ["a"]


def test_a_table_that_the_folder_lacks_is_named_and_others_are_measured(call):
    outcome, measured = call([unit("a"), unit("b")], failing={"a": MissingTable("no table 'a'")})
    assert outcome.missing == ["no table 'a'"]
    assert measured == ["a", "b"]
    assert outcome.n_done == 1


def test_a_line_tells_what_was_measured_where_and_with_which_versions(call, tmp_path):
    call([unit("a")])
    (line,) = read_results(tmp_path / "r.jsonl")
    assert line["device"] == DEVICE
    assert line["cores"] >= 1
    assert line["key"] == {"table": "a"}
    assert {"python", "numpy", "torch"} <= set(line["versions"])
    assert line["git"] == line["benchmarks"]


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def fake(unit, plan, scratch):
    if unit.key["table"] != "penguins":
        raise MissingTable(f"no table {unit.key['table']!r}")
    return {"nets_failed": 0, "nets_in_ensemble": 1}


@pytest.mark.usefixtures("no_gpu")
def test_a_row_that_needs_a_gpu_says_so_and_others_are_measured(data, tmp_path, capsys):
    results = tmp_path / "r.jsonl"
    common = ["--data", str(data), "--results", str(results), "--tables", "penguins"]
    assert main(["step", "members", *common], fake) == NEEDS
    assert not results.exists()
    said = capsys.readouterr().err
    assert "step needs a GPU" in said
    assert "Traceback" not in said
    assert main(["busy-gpu", "short", *common], fake) == NEEDS
    assert [line["key"]["time_s"] for line in read_results(results)] == [20.0]


def test_a_row_that_needs_another_system_says_so(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PEERS_ROOT", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    results = tmp_path / "r.jsonl"
    assert main(["against", "--data", str(data), "--results", str(results)], fake) == NEEDS
    assert "against needs autogluon" in capsys.readouterr().err
    assert not results.exists()


@pytest.mark.usefixtures("no_gpu")
def test_the_status_tells_missing_tables_and_units_that_are_left(data, tmp_path, capsys):
    common = ["short", "--data", str(data), "--results", str(tmp_path / "r.jsonl"), "--tables"]
    assert main([*common, "penguins", "nosuch"], fake) == FAILED
    assert "no table 'nosuch'" in capsys.readouterr().err
    assert main([*common, "penguins"], fake) == 0
    assert main([*common, "penguins", "nosuch", "--limit-s", "10"], fake) == LEFT
    assert "needs --limit-s 84" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="no such folder"):
        main(["short", "--data", str(tmp_path / "nowhere")], fake)
