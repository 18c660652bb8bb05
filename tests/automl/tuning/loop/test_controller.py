"""The loop against an executor that answers what the test wants."""

import math
from dataclasses import replace

import numpy as np
import pytest

from automl.config.schema import PrunerConfig, SearchConfig
from automl.ensemble import read_ensemble
from automl.errors import StorageError
from automl.events import EnsembleUpdated, Note, Progress, TrialFinished, TrialStarted
from automl.leaderboard import read_board
from automl.plugin import Metric
from automl.scheduling.devices.pool import Gpu
from automl.scheduling.executor import Done, Reported, StorageFull
from automl.store.files import write_json
from automl.trial.records import read_records
from automl.trial.spec import TrialState


def states(scene):
    return [t.state.value for t in scene.ledger.trials]


def finished(events):
    return [e for e in events if isinstance(e, TrialFinished)]


def test_every_trial_is_announced_before_it_ends_and_each_once(make_scene, make_family):
    scene = make_scene([make_family("a"), make_family("b")], trials=11, slots=3)
    events = scene.search()
    begun = [e.trial for e in events if isinstance(e, TrialStarted)]
    ended = [e.trial for e in events if isinstance(e, TrialFinished)]
    assert len(begun) == len(set(begun)) == 11
    assert sorted(begun) == sorted(ended)
    news = [(type(e), e.trial) for e in events if isinstance(e, TrialStarted | TrialFinished)]
    assert all(news.index((TrialStarted, t)) < news.index((TrialFinished, t)) for t in begun)
    elapsed = [e.elapsed_s for e in events]
    assert elapsed == sorted(elapsed)


def test_the_last_news_is_of_finishing_and_of_the_last_ensemble(make_scene, make_family):
    scene = make_scene([make_family("a")], trials=2)
    *_, progress, ensemble = scene.search()
    assert isinstance(progress, Progress)
    assert progress.stage == "finishing"
    assert progress.families["a"].complete == 2
    assert isinstance(ensemble, EnsembleUpdated)
    assert ensemble.weights == read_ensemble(scene.run).weights


def test_a_full_disk_ends_the_search_and_no_trial(make_scene, make_family):
    def answer(scene, job):
        full = job.spec.number == 1 and job.fold == 1
        return StorageFull(job.job_id, "oof.npy cannot be written") if full else scene.done(job)

    scene = make_scene([make_family("a")], trials=8, slots=2, answer=answer)
    with pytest.raises(StorageError, match=r"^oof\.npy cannot be written$"):
        scene.search()
    records = read_records(scene.run)
    assert [r.state.value for r in records[:3]] == ["complete", "running", "running"]
    assert not any(r.error for r in records)
    assert read_ensemble(scene.run).weights == {"a-0": 1.0}


def test_a_fit_whose_worker_was_killed_from_outside_is_tried_three_times(make_scene, make_family):
    scene = make_scene(
        [make_family("a")],
        trials=1,
        folds=2,
        answer=lambda scene, job: (
            scene.failed(job, "killed", "SIGKILL") if job.fold == 1 else scene.done(job)
        ),
    )
    (event,) = finished(scene.search())
    attempts = [job.attempt for job in scene.executor.submitted if job.fold == 1]
    assert attempts == [0, 1, 2]
    assert (event.state, event.error_kind, event.error) == ("failed", "killed", "SIGKILL")


def nets_on_a_card(make_family):
    families = [make_family("net", n_gpus=0.25, vram_gib=1.0)]
    return families, {"gpus": [Gpu(0, vram_gib=16.0)], "slots": 3, "folds": 3}


def test_a_fit_that_filled_the_gpu_is_tried_again_alone_on_the_card(make_scene, make_family):
    families, options = nets_on_a_card(make_family)
    leases = []

    def answer(scene, job):
        lease = scene.executor.running[job.job_id][1]
        leases.append((job.fold, lease.share, len(scene.executor.pool.leases)))
        return (
            scene.failed(job, "cuda_oom")
            if lease.share < 1 and job.fold == 1
            else (scene.done(job))
        )

    scene = make_scene(families, trials=1, answer=answer, **options)
    (event,) = finished(scene.search())
    assert event.state == "complete"
    assert [(share, n) for fold, share, n in leases if fold == 1] == [(0.25, 2), (1.0, 1)]
    assert [share for fold, share, _ in leases if fold != 1] == [0.25, 0.25]


def test_a_fit_that_fills_a_gpu_alone_fails_its_trial_and_no_other(make_scene, make_family):
    families, options = nets_on_a_card(make_family)

    def answer(scene, job):
        if job.spec.number == 1:
            return scene.failed(job, "cuda_oom", "OutOfMemoryError: 99 GiB")
        return scene.done(job)

    scene = make_scene(families, trials=4, answer=answer, **options)
    events = {e.trial: e for e in finished(scene.search())}
    assert {t: e.state for t, e in events.items()} == {
        "net-0": "complete", "net-1": "failed", "net-2": "complete", "net-3": "complete",
    }  # fmt: skip
    assert (events["net-1"].error_kind, events["net-1"].error) == (
        "cuda_oom", "OutOfMemoryError: 99 GiB",
    )  # fmt: skip
    assert not scene.executor.pool.leases


def test_a_trial_that_waits_is_told_of(make_scene, make_family):
    families, options = nets_on_a_card(make_family)
    families = [make_family("net", n_gpus=1.0)]

    def answer(scene, job):
        return scene.done(job) if scene.clock.now > 1100.0 else None

    scene = make_scene(families, trials=4, answer=answer, **options)
    notes = [e for e in scene.search() if isinstance(e, Note)]
    assert notes[0].message == (
        "net-1 waits for a whole GPU: GPU 0 has 0.00 free (net-0 holds 1.00)"
    )
    assert notes[0].elapsed_s == pytest.approx(60.0, abs=1.0)


def test_a_fit_that_succeeds_at_the_third_attempt_counts(make_scene, make_family):
    scene = make_scene(
        [make_family("a")],
        trials=1,
        answer=lambda scene, job: (
            scene.failed(job, "killed") if job.attempt < 2 else scene.done(job)
        ),
    )
    scene.search()
    assert states(scene) == ["complete"]


@pytest.mark.parametrize("kind", ["exception", "crash", "timeout", "memory", "bad_prediction"])
def test_other_failures_are_not_tried_again(make_scene, make_family, kind):
    scene = make_scene(
        [make_family("a")], trials=1, slots=1, answer=lambda scene, job: scene.failed(job, kind)
    )
    (event,) = finished(scene.search())
    assert len(scene.executor.submitted) == 1
    assert (event.state, event.error_kind, event.error) == ("failed", kind, "no")
    assert scene.controller.stopped_by == "trials"


@pytest.mark.parametrize("budget", [{"trials": 1}, {"time_s": 100}])
def test_the_failure_of_one_fold_ends_the_others(make_scene, make_family, budget):
    scene = make_scene(
        [make_family("a", choices=[0.5])],
        slots=3,
        answer=lambda scene, job: scene.failed(job, message="fold 0 is bad"),
        **budget,
    )
    (event,) = finished(scene.search())
    assert event.error == "fold 0 is bad"
    assert sorted(map(str, scene.executor.killed)) == ["a-0/fold-1", "a-0/fold-2"]
    assert scene.ledger.trials[0].error.fold == 0


def losing_third(job):
    """The first three trials are good, the others hopeless."""
    return 0.9 if job.spec.number < 3 else 0.0


@pytest.mark.parametrize("budget", [{"trials": 9}, {"time_s": 1000}])
def test_a_losing_trial_stops_between_folds_and_is_not_ranked(make_scene, make_family, budget):
    choices = [i / 10 for i in range(9)]
    family = make_family("a", portfolio=[{"x": x} for x in choices], choices=choices)
    scene = make_scene([family], slots=1, skill=losing_third, **budget)
    write_json(scene.run.manifest, {"metric": {"name": "log_loss", "greater_is_better": False}})
    scene.search()
    n_fits = {t.spec.number: len(t.results) for t in scene.ledger.trials}
    pruned = [t for t in scene.ledger.trials if t.state is TrialState.PRUNED]
    assert pruned
    assert all(t.spec.number >= 3 for t in pruned)
    assert all(n_fits[t.spec.number] < 3 for t in pruned)
    for trial in pruned:
        assert trial.loss is None
        assert trial.ending.kind in ("pruned", "held")
        assert trial.error is None
    for row in read_board(scene.run).trials:
        assert (row.rank is None) == (row.state != "complete")
        assert (row.score is None) == (row.state != "complete")


@pytest.mark.parametrize(("metric", "good", "bad"), [("log_loss", 0.1, 9.0), ("roc_auc", 0.9, 0.1)])
def test_a_hopeless_fit_is_asked_to_stop_and_its_trial_is_pruned(
    make_scene, make_family, metric, good, bad
):
    def answer(scene, job):
        scores = [good] * 3 if job.spec.number < 8 else [bad] * 3
        reports = [Reported(job.job_id, i, s) for i, s in enumerate(scores)]
        again = job.job_id in scene.executor.to_prune
        if job.spec.number < 8:
            return [*reports, scene.done(job)]
        return None if again else reports

    scene = make_scene(
        [make_family("a")],
        trials=9,
        slots=3,
        answer=answer,
        skill=lambda job: 0.8,
        metric=metric,
    )
    events = finished(scene.search())
    last = events[-1]
    assert (last.trial, last.state, last.error_kind) == ("a-8", "pruned", "pruned")
    assert "still worse than every complete trial" in last.error
    steps = read_records(scene.run)[-1].cut_steps
    assert steps
    assert steps == tuple((i, bad) for i in range(len(steps)))


def test_an_interrupt_finishes_with_what_there_is(make_scene, make_family):
    def answer(scene, job):
        if len(scene.executor.submitted) >= 8:
            scene.interrupted[0] = True
        return scene.done(job)

    scene = make_scene([make_family("a")], time_s=1000, slots=2, answer=answer)
    events = scene.search()
    assert scene.controller.stopped_by == "interrupt"
    assert scene.executor.stopped
    assert not scene.executor.running
    assert not scene.ledger.in_state(TrialState.RUNNING)
    stopped = [e for e in finished(events) if e.error_kind == "interrupted"]
    assert stopped
    assert all(e.state == "interrupted" and e.score is None for e in stopped)
    assert set(read_ensemble(scene.run).weights) <= {
        t.spec.trial_id for t in scene.ledger.in_state(TrialState.COMPLETE)
    }


def test_an_interrupt_before_the_first_fit_ends_without_a_predictor(make_scene, make_family):
    scene = make_scene([make_family("a")], time_s=1000)
    scene.interrupted[0] = True
    scene.search()
    assert scene.controller.stopped_by == "interrupt"
    assert scene.executor.submitted == []
    assert scene.incumbent.current is None


def test_an_interrupt_after_the_first_fold_leaves_that_predictor(make_scene, make_family):
    def answer(scene, job):
        if job.fold != 0:
            return None
        scene.interrupted[0] = True
        return scene.done(job)

    scene = make_scene([make_family("a")], time_s=1000, slots=2, answer=answer)
    scene.search()
    ensemble = read_ensemble(scene.run)
    assert [(m.trial, m.folds) for m in ensemble.members] == [("a-0", (0,))]
    assert states(scene) == ["interrupted"]


def test_a_predictor_is_on_disk_from_the_first_finished_fit_on(make_scene, make_family):
    scene = make_scene([make_family("a")], trials=2, slots=1)
    seen = []

    def answer(job):
        seen.append((scene.run.ensemble / "ensemble.json").is_file())
        return scene.done(job)

    scene.executor.answer = answer
    scene.search()
    assert seen[:3] == [False, True, True]


def test_the_time_ends_the_search_in_time(make_scene, make_family):
    scene = make_scene([make_family("a")], time_s=60, slots=2, fit_s=lambda job: 1.0)
    scene.executor.seconds = 1.0
    scene.search()
    assert scene.controller.stopped_by == "time"
    assert len(scene.ledger.trials) > 5
    assert scene.budget.elapsed_s <= 60


def test_a_fit_that_runs_when_the_time_is_over_does_not_count_as_a_failure(make_scene, make_family):
    def answer(scene, job):
        return scene.done(job) if job.spec.number == 0 else None

    scene = make_scene([make_family("a")], time_s=60, slots=1, answer=answer)
    scene.executor.seconds = 1.0
    last = finished(scene.search())[-1]
    assert (last.state, last.error_kind) == ("out_of_time", "out_of_time")
    assert "stopped by the clock after 0 of 3 folds" in last.error


def test_what_was_held_for_no_gain_when_the_time_was_over_was_not_cut_by_it(
    make_scene, make_family
):
    config = SearchConfig(pruner=PrunerConfig(name="none"))
    scene = make_scene([make_family("a")], time_s=6.0, folds=4, slots=1, config=config)
    stopped = [e for e in finished(scene.search()) if e.state != "complete"]
    assert stopped
    assert {(e.state, e.error_kind) for e in stopped} == {("pruned", "held")}
    assert all("1 of 4 folds" in e.error and "promised no gain" in e.error for e in stopped)


def test_both_budgets_hold(make_scene, make_family):
    scene = make_scene([make_family("a")], time_s=60, trials=1000, slots=1)
    scene.executor.seconds = 5.0
    scene.search()
    assert scene.controller.stopped_by == "time"
    scene = make_scene([make_family("a")], time_s=6000, trials=3, slots=1)
    scene.search()
    assert scene.controller.stopped_by == "trials"
    assert len(scene.ledger.trials) == 3


def test_records_on_disk_are_those_of_the_ledger(make_scene, make_family):
    scene = make_scene(
        [make_family("a"), make_family("b")],
        trials=10,
        answer=lambda scene, job: scene.failed(job) if job.spec.number == 2 else scene.done(job),
    )
    scene.search()
    records = read_records(scene.run)
    assert records == [t.record(scene.ledger.metric) for t in scene.ledger.trials]
    assert {r.state for r in records} >= {TrialState.COMPLETE, TrialState.FAILED}
    assert all(math.isfinite(r.score) for r in records if r.state is TrialState.COMPLETE)


def test_all_failed_leaves_causes_and_no_predictor(make_scene, make_family):
    scene = make_scene(
        [make_family("a"), make_family("b")],
        time_s=1000,
        slots=1,
        answer=lambda scene, job: scene.failed(job, message=f"cause {job.spec.family}"),
    )
    scene.search()
    assert scene.controller.stopped_by == "exhausted"
    assert scene.incumbent.current is None
    assert set(scene.ledger.failures()) == {("a: cause a", 3), ("b: cause b", 3)}


def test_a_trial_without_a_score_fails_with_the_reason_and_the_others_go_on(
    make_scene, make_family, monkeypatch
):
    def score(self, y, prediction, weight=None):
        is_low = (prediction.max(axis=1) < 0.56).all()
        return (
            (math.nan, "too low")
            if is_low
            else (float(prediction[np.arange(len(y)), y].mean()), "")
        )

    monkeypatch.setattr(Metric, "evaluate", score)

    def answer(scene, job):
        done = scene.done(job)
        if job.spec.number % 2:
            return done
        scene.done(job, np.tile([0.45, 0.55], (len(scene.rows(job.fold)), 1)))
        return Done(job.job_id, replace(done.result, score=None, score_reason="too low"))

    scene = make_scene([make_family("a")], trials=4, answer=answer, skill=lambda job: 0.8)
    scene.search()
    records = read_records(scene.run)
    assert [r.state.value for r in records] == ["failed", "complete", "failed", "complete"]
    assert records[0].error.kind == "no_score"
    assert records[0].error.message == "log_loss has no value for its predictions: too low"
    assert not read_ensemble(scene.run).weights.keys() & {"a-0", "a-2"}


def test_a_report_that_is_no_number_is_not_a_step_of_a_curve(make_scene, make_family):
    def answer(scene, job):
        return [
            Reported(job.job_id, 1, math.nan),
            Reported(job.job_id, 2, 0.5),
            scene.done(job),
        ]

    scene = make_scene([make_family("a")], trials=1, answer=answer)
    scene.search()
    (trial,) = scene.ledger.trials
    assert [step for step, _ in trial.reports[0]] == [2]
