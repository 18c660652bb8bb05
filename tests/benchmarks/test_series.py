import os
import sys
from pathlib import Path

import pytest

from benchmarks import series as module
from benchmarks.results import append_result, read_results
from benchmarks.series import Series, run_series
from benchmarks.systems import System
from benchmarks.tables import read_catalog

BREAKS = """
    def fit(self):
        raise ValueError("no luck")

    def predict(self):
        raise NotImplementedError
"""
HANGS = """
    def fit(self):
        time.sleep(60)

    def predict(self):
        raise NotImplementedError
"""
NOT_FINITE = """
    def fit(self):
        print("threads", __import__("os").environ["OMP_NUM_THREADS"])

    def predict(self):
        return self.named(np.full((len(self.X_test), 2), np.nan))
"""
SHORT = """
    def fit(self):
        pass

    def predict(self):
        return self.named(np.zeros((1, 2)))
"""


@pytest.fixture
def run(catalog, tmp_path):
    """Runs systems on the catalog and returns all results by table and system."""

    def call(adapters, **changes):
        systems = [System(id, path, Path(sys.executable)) for id, path in adapters.items()]
        values = {
            "entries": read_catalog(catalog),
            "tables": ["a"],
            "systems": systems,
            "seeds": [0],
            "time_s": 1.0,
            "n_cores": 1,
            "results": tmp_path / "out" / "results.jsonl",
        }
        run_series(Series(**{**values, **changes}))
        return read_results(tmp_path / "out" / "results.jsonl")

    return call


def test_a_run_is_kept_with_score_costs_and_versions_and_not_run_again(run, adapter, tmp_path):
    systems = {"mean:x": adapter("mean")}
    (result,) = run(systems)
    assert result["error"] == ""
    assert (result["metric"], result["score"]) == ("roc_auc", 0.5)
    moments = [result[name] for name in ("ready_s", "first_model_s", "fit_s", "wall_s")]
    assert moments == sorted(moments)
    assert moments[0] > 0
    assert result["overshoot_s"] == result["fit_s"] - 1.0
    assert len(result["predict_all_s"]) == 3
    assert result["predict_s"] == sorted(result["predict_all_s"])[1]
    assert result["peak_gib"] > 0.03
    assert result["version"] == result["packages"]["numpy"]
    assert result["detail"] == "variant 'x'"
    assert result["load_before"] >= 0
    assert result["machine"]["cores"] == os.cpu_count()
    run(systems)
    assert run(systems) == [result]
    questions = tmp_path / "out" / "tables" / "a" / "0" / "questions.csv"
    assert questions.read_text().splitlines()[0] == "x,note"


def test_failures_are_results_and_are_repeated_when_asked(run, adapter):
    bodies = {"breaks": BREAKS, "nan": NOT_FINITE, "short": SHORT}
    systems = {name: adapter(name, body) for name, body in bodies.items()}
    results = {r["system"]: r for r in run(systems)}
    assert all(r["score"] is None for r in results.values())
    assert results["breaks"]["error"].endswith("ValueError: no luck")
    assert results["breaks"]["fit_s"] is None
    assert results["nan"]["error"] == "unusable predictions: some are not finite"
    assert results["short"]["error"].startswith("unusable predictions: 1 for ")
    assert len(run({"breaks": systems["breaks"]})) == 3
    systems["breaks"] = adapter("breaks")
    again = run({"breaks": systems["breaks"]}, retry=["failed"])
    assert len(again) == 4
    assert again[-1]["score"] == 0.5


def test_a_run_that_was_disturbed_is_repeated_when_asked(run, adapter, tmp_path, result):
    path = tmp_path / "out" / "results.jsonl"
    here = {"time_s": 1.0, "cores": 1}
    append_result(path, result("a", "mean", 0.4, others_cores=0.7, **here))
    append_result(path, result("a", "other", 0.4, others_cores=0.1, **here))
    systems = {name: adapter(name) for name in ("mean", "other")}
    assert len(run(systems, retry=["failed"])) == 2
    assert [r["system"] for r in run(systems, retry=["disturbed"])[2:]] == ["mean"]


def test_a_run_that_does_not_end_is_killed_and_said_so(run, adapter, monkeypatch):
    monkeypatch.setattr(module, "KILL_FACTOR", 0.0)
    monkeypatch.setattr(module, "KILL_SLACK_S", 0.5)
    (result,) = run({"hangs": adapter("hangs", HANGS)})
    assert result["error"].endswith("while fitting")
    assert result["overshoot_s"] == result["wall_s"] - 1.0


def test_another_system_goes_first_on_the_next_table_and_with_the_next_seed(catalog):
    systems = [System(id, Path(), Path()) for id in ("p", "q", "r")]
    one = Series(read_catalog(catalog), [], systems, [0, 1], 1.0, 1, Path())
    turns = [(entry.name, seed, system.id) for entry, seed, system in one.turns()]
    orders = {
        key: "".join(s for *k, s in turns if tuple(k) == key) for key in [t[:2] for t in turns]
    }
    assert orders == {("a", 0): "pqr", ("b", 0): "qrp", ("a", 1): "qrp", ("b", 1): "rpq"}


def test_the_order_on_a_table_is_the_same_when_it_is_run_alone(catalog):
    systems = [System(id, Path(), Path()) for id in ("p", "q")]
    one = Series(read_catalog(catalog), ["b"], systems, [0], 1.0, 1, Path())
    assert [system.id for _, _, system in one.turns()] == ["q", "p"]
