import signal
import sys

import pytest

from benchmarks import machine
from benchmarks.compare import main
from benchmarks.results import append_result, read_results


@pytest.fixture(autouse=True)
def own_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "LOCK", tmp_path / "lock")
    monkeypatch.delenv("PEERS_ROOT", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def run(catalog, results, *arguments):
    main(["run", "--catalog", str(catalog), "--results", str(results), "--time", "1", *arguments])


def test_systems_that_are_there_are_run_and_reported(catalog, adapter, tmp_path, capsys):
    results = tmp_path / "out" / "results.jsonl"
    systems = ["--systems", "mean", "h2o", "floor", "--adapter", f"mean={adapter('mean')}"]
    run(catalog, results, "--tables", "b", *systems, "--peer", f"floor={sys.executable}")
    error = capsys.readouterr().err
    assert "h2o is left out" in error
    assert "b 0 mean: rmse 1" in error
    found = {(r["table"], r["system"]): r for r in read_results(results)}
    assert len(found) == 2
    assert not any(r["error"] for r in found.values())
    assert found["b", "floor"]["score"] < found["b", "mean"]["score"]
    main(["report", str(results), "--ours", "mean"])
    assert "| **mean** | 2.00 |" in capsys.readouterr().out
    assert (results.parent / "report" / "benchmark-1s-scores.svg").exists()


def test_results_of_several_files_are_reported_together(tmp_path, result, capsys):
    files = [tmp_path / "peers.jsonl", tmp_path / "ours.jsonl"]
    for file, system in zip(files, ("h2o", "automl"), strict=True):
        append_result(file, result("a", system, 0.9))
    main(["report", *map(str, files), "--out", str(tmp_path / "report")])
    assert "| h2o | 1.50 | 0 1 0 |" in capsys.readouterr().out


def test_one_budget_can_be_reported_alone(tmp_path, result, capsys):
    file = tmp_path / "results.jsonl"
    for time_s, system in ((5.0, "h2o"), (60.0, "automl")):
        append_result(file, result("a", system, 0.9, time_s=time_s))
    main(["report", str(file), "--time", "60"])
    out = capsys.readouterr().out
    assert "## 60 seconds" in out
    assert "## 5 seconds" not in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tables", "z"], "no table z"),
        (["--systems", "z"], "z has no adapter"),
        (["--systems", "h2o"], "none of the systems can be run"),
        (["--cores", "9999"], "--cores 9999"),
    ],
)
def test_what_cannot_be_run_is_said(catalog, tmp_path, arguments, said):
    with pytest.raises(SystemExit, match=said):
        run(catalog, tmp_path / "results.jsonl", *arguments)


def test_a_report_of_nothing_says_so(tmp_path):
    with pytest.raises(SystemExit, match="no results"):
        main(["report", str(tmp_path / "results.jsonl")])


@pytest.mark.slow
def test_our_search_has_an_adapter_that_tells_all_there_is(catalog, tmp_path):
    results = tmp_path / "results.jsonl"
    system = "automl:preset=fast family=[baseline,linear]"
    run(catalog, results, "--time", "8", "--systems", system)
    for result in read_results(results):
        assert result["error"] == ""
        assert sum(result["detail"].values()) >= 1
        moments = [result[name] for name in ("ready_s", "first_model_s", "fit_s")]
        assert moments == sorted(moments)
