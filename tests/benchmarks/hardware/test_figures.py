import json
import subprocess
import sys

import pytest

from benchmarks.gpu import GpuSample, watched_gpu
from benchmarks.hardware.figures import busy_figures, gpu_figures, read_activity, run_figures


def write_run(folder, trials, events=()):
    """A run directory: trials are (family, number, state, seconds to the end, folds)."""
    for family, number, state, end_s, folds in trials:
        path = folder / "trials" / f"{family}-{number}" / "trial.json"
        path.parent.mkdir(parents=True)
        spec = {"family": family, "number": number}
        record = {"spec": spec, "state": state, "finished_s": end_s, "folds": folds}
        path.write_text(json.dumps(record))
    (folder / "log.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return folder


def fold(number, n_threads=1, n_members=1, fit_s=1.0):
    return {"fold": number, "n_threads": n_threads, "n_members": n_members, "fit_s": fit_s}


def updated(at, score):
    return {"event": "EnsembleUpdated", "elapsed_s": at, "score": score, "weights": {}}


def ended(weights, why="time"):
    return {"event": "SearchFinished", "stopped_by": why, "weights": weights}


# of a search that was recorded


def test_a_recorded_search_gives_its_trials_and_its_ensemble(recorded):
    activity = read_activity(recorded / "activity.jsonl")
    figures = run_figures(recorded / "run", activity, 60.0)
    assert sum(sum(states.values()) for states in figures["trials"].values()) == 3
    assert set(figures["trials"]) <= {"linear", "knn", "baseline"}
    assert figures["nets_failed"] == figures["nets_in_ensemble"] == 0
    assert figures["stopped_by"] == "trials"
    assert set(figures["weights"]) <= {"linear-0", "linear-1", "knn-0", "knn-1"}


def test_what_ran_in_a_recorded_search_are_fits_of_its_trials(recorded):
    activity = read_activity(recorded / "activity.jsonl")
    assert {stage for _, _, stage in activity} >= {"searching", "finishing"}
    trials = {path.name for path in (recorded / "run" / "trials").iterdir()}
    ran = {fit.partition("/")[0] for _, running, _ in activity for fit in running}
    assert ran
    assert ran <= trials
    last_s = activity[-1][0]
    figures = busy_figures(recorded / "run", activity, 2, last_s)
    assert 0 <= figures["cpu_busy"] <= 1
    assert 0 < figures["cpu_recorded"] < 1
    assert figures["incomplete_share"] == 0  # all three trials are complete


# of runs whose figures are known


def test_nets_that_failed_and_nets_of_the_ensemble_are_counted(tmp_path):
    trials = [
        ("mlp", 0, "complete", 20.0, []),
        ("mlp", 1, "complete", 12.0, []),
        ("tabm", 0, "failed", 30.0, []),
        ("lightgbm", 0, "failed", 30.0, []),
    ]
    events = [updated(1, 0.9), ended({"mlp-1": 0.4, "lightgbm-2": 0.6})]
    figures = run_figures(write_run(tmp_path, trials, events), [], 60.0)
    assert figures["nets_failed"] == 1
    assert figures["nets_in_ensemble"] == 1
    assert figures["nets_complete_s"] == {"mlp": 12.0}


def test_corrections_at_the_end_are_no_gain_of_the_last_seconds(tmp_path):
    events = [updated(10, 0.5), updated(179, 0.4), updated(250, 0.3), updated(291, 0.1)]
    activity = [(1.0, [], "searching"), (290.0, [], "finishing")]
    figures = run_figures(write_run(tmp_path, [], events), activity, 300.0)
    assert (figures["ensemble_earlier"], figures["ensemble_end"]) == (0.4, 0.3)


def test_cores_are_busy_with_the_threads_of_fits_from_three_seconds_to_the_end(tmp_path):
    trials = [("a", 0, "complete", 9.0, [fold(0, n_threads=2), fold(1, n_threads=1)])]
    activity = [
        (0.0, ["a-0/fold-0"], "searching"),  # 2 threads, of which 1 s counts
        (4.0, ["a-0/fold-1"], "searching"),  # 1 thread for 3 s
        (7.0, [], "finishing"),
        (8.0, [], "finishing"),
    ]
    figures = busy_figures(write_run(tmp_path, trials), activity, 2, 13.0)
    assert figures["cpu_busy"] == pytest.approx((2 * 1 + 1 * 3) / (2 * 10))
    assert figures["cpu_recorded"] == pytest.approx((2 * 1 + 1 * 1) / (2 * 13))


def test_members_of_a_pack_share_its_cores_and_no_more_are_busy_than_there_are(tmp_path):
    members = [fold(k, n_threads=1, n_members=5) for k in range(5)]
    trials = [("mlp", 0, "complete", 9.0, members), ("b", 0, "complete", 9.0, [fold(0, 4)])]
    pack = [f"mlp-0/fold-{k}" for k in range(5)]
    activity = [(3.0, pack, "searching"), (5.0, [*pack, "b-0/fold-0"], "searching")]
    run = write_run(tmp_path, trials)
    alone = busy_figures(run, activity, 2, 5.0)
    assert alone["cpu_busy"] == pytest.approx(0.5)
    both = busy_figures(run, [*activity[1:], (7.0, [], "finishing")], 2, 7.0)
    assert both["cpu_busy"] == pytest.approx(2 * 2 / (2 * 4))


def test_the_time_of_trials_that_never_complete_is_a_share_of_all(tmp_path):
    trials = [("a", 0, "complete", 9.0, [fold(0)]), ("a", 1, "pruned", 9.0, [])]
    activity = [
        (0.0, ["a-0/fold-0"], "searching"),
        (6.0, ["a-1/fold-0"], "searching"),
        (8.0, [], "finishing"),
    ]
    figures = busy_figures(write_run(tmp_path, trials), activity, 1, 10.0)
    assert figures["incomplete_share"] == pytest.approx(2 / 8)


def test_the_gpu_counts_from_five_seconds_to_the_end_of_the_budget():
    loads = [(101.0, 1.0, 1.0), (106.0, 0.5, 0.1), (110.0, 1.0, 0.3), (170.0, 0.0, 0.0)]
    samples = [GpuSample(at, busy, active, 500.0) for at, busy, active in loads]
    figures = gpu_figures(samples, 100.0, 60.0)
    assert figures["gpu_busy"] == pytest.approx(0.75)
    assert figures["gpu_sm_active"] == pytest.approx(0.2)
    unknown = [GpuSample(106.0, 0.5, None, 500.0)]
    assert gpu_figures(unknown, 100.0, 60.0)["gpu_sm_active"] is None
    assert gpu_figures([], 100.0, 60.0)["gpu_busy"] is None


def test_without_a_card_nothing_is_sampled():
    with watched_gpu(is_on=False) as samples:
        pass
    assert samples == []


def test_the_first_step_of_a_net_is_noted_in_the_process_that_does_it(root, tmp_path):
    code = (
        "from automl_plugins.torch.core.schedule import StepBudget\n"
        "budget = StepBudget(9, 3)\n"
        "for _ in range(4): budget.step_done()\n"
        "assert 'hooks' not in StepBudget.step_done.__code__.co_filename\n"
        "print(budget.progress)\n"
    )
    paths = [root, root / "plugins", root / "conf", root / "benchmarks" / "hardware" / "hooks"]
    env = {"PYTHONPATH": ":".join(map(str, paths)), "AUTOML_FIRST_STEPS": str(tmp_path)}
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert not done.stderr
    assert float(done.stdout) == pytest.approx(4 / 9)
    (noted,) = tmp_path.iterdir()
    assert float(noted.read_text()) > 0
