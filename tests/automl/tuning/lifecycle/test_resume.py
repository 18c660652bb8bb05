"""A search that is cut at any point and resumed ends as one that nobody has touched."""

import itertools
import pkgutil
import random
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from automl.config.schema import PrunerConfig, SearchConfig
from automl.errors import RunError
from automl.plugin import StageLog
from automl.scheduling.executor import Reported
from automl.store.files import write_json
from automl.store.run_dir import RunDir
from automl.trial.records import read_records
from automl.trial.setup import derive_seed
from automl.trial.spec import TrialState
from automl.trial.stages import write_stages
from automl.tuning.lifecycle.resume import read_earlier_search

TRIALS = 11


class Killed(BaseException):
    """In place of SIGKILL: nothing of the search catches it."""


def log_stages(scene, job):
    """Logs what a fit predicted at each of five stages; each fold has another best one."""
    predicted, log = scene.predictions(job), StageLog(scene.incumbent.oof.metric)
    rng = np.random.default_rng(derive_seed(str(job.job_id)))
    for stage, share in enumerate(rng.uniform(0, 1, 5), start=1):
        log.add(stage, (share * predicted + (1 - share) / 2).astype(np.float32))
    folder, y = scene.run.fold(job.spec.trial_id, job.fold), scene.dataset.y
    write_stages(folder, [log], y[scene.rows(job.fold)], None)


def answer(scene, job):
    """Mostly reports, then the end; some fits fail, some are stopped by what they report."""
    luck = random.Random(f"{job.spec.trial_id}-{job.fold}").random()
    score = 0.9 - 0.5 * job.spec.params["x"]
    reports = [Reported(job.job_id, step, score) for step in (1, 2) if luck < 0.8]
    if luck < 0.12:
        return [*reports, scene.failed(job, message=f"x is {job.spec.params['x']}")]
    done = scene.done(job)
    if job.spec.family == "b":
        log_stages(scene, job)
    steps = tuple((r.step, r.score) for r in reports)  # as a worker says them again at the end
    return [*reports, replace(done, result=replace(done.result, steps=steps))]


@pytest.fixture
def search(make_scene, make_family):
    """search(killed): a scene of three families, new or with the past of one that was killed."""

    def make(slots=2, killed=None, trials=TRIALS, **options):
        families = [
            make_family("a", portfolio=[{"x": 0.3}, {"x": 0.3}, {"x": 0.8}]),
            make_family("b", 60, choices=(0.1, 0.5)),
            make_family("c", 40, portfolio=[], out_of_bag=True),
        ]
        scene = make_scene(
            families, slots=slots, trials=trials, answer=answer, killed=killed, **options
        )
        if killed is None:
            write_json(scene.run.manifest, {})
        return scene

    return make


def outcome(scene):
    """What a user sees: trials with params, states and scores, and the members of the ensemble."""
    trials = [
        (r.index, r.trial_id, r.spec.params, r.spec.source, r.state, r.score, r.score_se)
        for r in read_records(scene.run)
    ]
    return trials, scene.incumbent.current.weights, scene.controller.stopped_by


def told(scene):
    """What each study knows of its trials, but for failed ones, which teach nothing."""
    return {
        name: [
            (t.number, t.state, t.params, t.values)
            for t in study.study.trials
            if t.state.name != "FAIL"
        ]
        for name, study in scene.proposer.studies.items()
    }


@pytest.fixture
def untouched(search):
    scene = search()
    scene.search()
    return scene


def fits(scene):
    return [str(job.job_id) for job in scene.executor.submitted]


@pytest.mark.parametrize("slots", [1, 2, 8])
def test_cut_at_any_event_it_ends_as_if_nobody_had_touched_it(search, untouched, slots):
    n_events = len(search(slots).search())
    for cut in range(0, n_events, 1 if slots == 2 else 5):
        scene = search(slots)
        for _ in itertools.islice(scene.controller.events(), cut):
            pass
        done = {f"{r.trial_id}/fold-{f.fold}" for r in read_records(scene.run) for f in r.folds}
        again = search(slots, scene)
        again.search()
        assert outcome(again) == outcome(untouched), f"cut after event {cut}"
        assert not done & set(fits(again)), f"fitted again after event {cut}"


def kill_at(monkeypatch, module, name, number, after):
    """Kills at the so-many-th call of a function, before it or right after it."""
    calls = itertools.count()
    original = getattr(module, name)

    def fatal(*args, **options):
        is_last = next(calls) == number
        if is_last and not after:
            raise Killed
        result = original(*args, **options)
        if is_last:
            raise Killed
        return result

    monkeypatch.setattr(module, name, fatal)


POINTS = [
    ("automl.tuning.propose.proposer", "write_record"),
    ("automl.tuning.loop.controller", "write_record"),
    ("optuna.Study", "tell"),
    ("automl.tuning.incumbent.ensemble_tracker", "write_to_run"),
    ("automl.trial.settle.Path", "unlink"),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("point", POINTS, ids=lambda p: ".".join(p))
def test_killed_around_any_write_it_ends_the_same(search, untouched, monkeypatch, point, after):
    target, name = point
    for number in itertools.count(0, 3):
        scene = search()
        with monkeypatch.context() as patch:
            kill_at(patch, pkgutil.resolve_name(target), name, number, after)
            try:
                scene.search()
            except Killed:
                pass
            else:
                break
        again = search(killed=scene)
        again.search()
        assert outcome(again) == outcome(untouched), f"call {number}"
    assert number > 2


@pytest.mark.parametrize("selection_s", [0.0, 1e6])
def test_how_long_selections_take_changes_nothing(search, untouched, monkeypatch, selection_s):
    watch = itertools.count(0.0, selection_s)
    clock = SimpleNamespace(monotonic=lambda: next(watch))
    monkeypatch.setattr("automl.tuning.incumbent.ensemble_tracker.time", clock)
    scene = search()
    scene.search()
    assert outcome(scene) == outcome(untouched)
    for _ in itertools.islice((half := search()).controller.events(), 30):
        pass
    again = search(killed=half)
    again.search()
    assert outcome(again) == outcome(untouched)


def test_killed_again_and_again_it_ends_the_same(search, untouched):
    scene = search()
    for n_events in (5, 9, 2, 0, 14, 7):
        for _ in itertools.islice(scene.controller.events(), n_events):
            pass
        scene = search(killed=scene)
    scene.search()
    assert outcome(scene) == outcome(untouched)


def test_an_interrupted_search_goes_on_where_it_was(search, untouched):
    scene = search()
    for _ in scene.controller.events():
        if len(scene.ledger.in_state(TrialState.COMPLETE)) == 3:
            scene.interrupted[0] = True
    assert "interrupted" in {t.ending.kind for t in scene.ledger.trials if t.ending}
    again = search(killed=scene)
    again.search()
    assert outcome(again) == outcome(untouched)
    assert told(again) == told(untouched)


def test_totals_are_totals(search):
    scene = search(trials=5)
    scene.search()
    again = search(killed=scene, trials=9)
    first = read_records(scene.run)
    again.search()
    assert len(read_records(again.run)) == 9
    assert read_records(again.run)[:5] == first


def test_a_search_that_is_over_stays_as_it_is(search, untouched):
    before = outcome(untouched)
    again = search(killed=untouched)
    again.search()
    assert outcome(again) == before
    assert fits(again) == []
    assert "The budget is spent" in again.news[0]


def test_time_that_was_used_counts(make_scene, make_family):
    scene = make_scene([make_family("a")], time_s=20.0, fit_s=lambda job: 1.0)
    write_json(scene.run.manifest, {})
    for _ in itertools.islice(scene.controller.events(), 30):
        pass
    used_s = read_earlier_search(scene.run).elapsed_s
    assert used_s > 1.0
    again = make_scene([make_family("a")], time_s=20.0, killed=scene, fit_s=lambda job: 1.0)
    assert again.budget.time_left_s == pytest.approx(20.0 - used_s)
    first = [(r.trial_id, r.spec.params) for r in read_records(scene.run)]
    again.search()
    records = read_records(again.run)
    assert [(r.trial_id, r.spec.params) for r in records][: len(first)] == first
    assert max(r.finished_s for r in records) <= 21.0


def test_what_the_time_cut_goes_on_with_more_time(make_scene, make_family):
    config = SearchConfig(pruner=PrunerConfig(name="none"))
    scene = make_scene([make_family("a")], time_s=6.0, folds=4, slots=1, config=config)
    write_json(scene.run.manifest, {})
    scene.search()
    cut = [t for t in scene.ledger.trials if t.may_go_on]
    assert cut
    options = {"time_s": 30.0, "folds": 4, "slots": 1, "config": config}
    again = make_scene([make_family("a")], killed=scene, **options)
    assert all(again.ledger.find(t.spec.trial_id).state is TrialState.RUNNING for t in cut)
    again.search()
    assert again.ledger.find(cut[0].spec.trial_id).state is TrialState.COMPLETE


def test_the_first_trials_are_not_told_to_the_studies_twice(search, untouched):
    again = search(killed=untouched)
    again.search()
    assert told(again) == told(untouched)


def complete_trial(scene):
    """The first whose folds were scored without one another."""
    complete = (r for r in read_records(scene.run) if r.state is TrialState.COMPLETE)
    return next(record for record in complete if not record.stages)


def test_a_fold_whose_predictions_are_damaged_is_fitted_again(search, untouched):
    record = complete_trial(untouched)
    path = untouched.run.oof(record.trial_id, record.folds[0].fold)
    path.write_bytes(path.read_bytes()[:-20])
    again = search(killed=untouched)
    assert any(str(path) in note for note in again.news)
    again.search()
    assert fits(again) == [f"{record.trial_id}/fold-{record.folds[0].fold}"]
    assert outcome(again) == outcome(untouched)
    assert np.isfinite(np.load(path)).all()


def test_folds_that_chose_one_anothers_stages_are_fitted_again_together(search, untouched):
    record = next(r for r in read_records(untouched.run) if r.stages)
    untouched.run.settled(record.trial_id, record.folds[0].fold).unlink()
    again = search(killed=untouched)
    again.search()
    assert fits(again) == [f"{record.trial_id}/fold-{fold.fold}" for fold in record.folds]
    assert outcome(again) == outcome(untouched)


def test_a_fold_without_its_model_is_fitted_again(search, untouched):
    record = complete_trial(untouched)
    untouched.run.model(record.trial_id, record.folds[-1].fold).rmdir()
    again = search(killed=untouched)
    again.search()
    assert fits(again) == [f"{record.trial_id}/fold-{record.folds[-1].fold}"]


def test_without_their_models_trials_stay_out_of_the_ensemble(search, untouched):
    record = complete_trial(untouched)
    untouched.run.model(record.trial_id, record.folds[-1].fold).rmdir()
    untouched.config.search.keep_models = "members"
    again = search(killed=untouched, config=untouched.config)
    again.search()
    assert fits(again) == []
    assert record.trial_id not in again.incumbent.current.weights
    assert again.ledger.find(record.trial_id).state is TrialState.COMPLETE


def test_drafts_of_killed_processes_are_removed(search, untouched):
    draft = untouched.run.trial(complete_trial(untouched).trial_id) / ".fold-0.4711.draft"
    (draft / "model").mkdir(parents=True)
    torn = untouched.run.path / ".manifest.json.4711.draft"
    torn.write_text("{")
    search(killed=untouched)
    assert not draft.exists()
    assert not torn.exists()


def test_a_damaged_record_is_named(search, untouched):
    path = untouched.run.trial(complete_trial(untouched).trial_id) / "trial.json"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(RunError, match=str(path)):
        search(killed=untouched)


def test_a_record_that_is_gone_is_named_by_its_number(search, untouched):
    record = read_records(untouched.run)[3]
    (untouched.run.trial(record.trial_id) / "trial.json").unlink()
    with pytest.raises(RunError, match="no record of trial number 3"):
        read_earlier_search(RunDir(untouched.run.path))


def test_a_family_that_is_gone_is_named(untouched, make_scene, make_family):
    with pytest.raises(RunError, match="family a"):
        make_scene([make_family("b")], trials=TRIALS, killed=untouched)


@pytest.mark.parametrize("cut", [5, 20, 40, 70])
def test_several_objectives_and_limits_are_told_as_if_nobody_had_touched_it(search, cut):
    def options():
        config = SearchConfig()
        config.search.objectives, config.limits.size_mb = ["score", "predict_ms"], 1.0
        config.limits.predict_ms = 12.0
        return {"config": config, "predict_ms": lambda job: 1 + 5 * job.spec.params["x"]}

    untouched = search(**options())
    untouched.search()
    scene = search(**options())
    for _ in itertools.islice(scene.controller.events(), cut):
        pass
    again = search(killed=scene, **options())
    again.search()
    assert outcome(again)[0] == outcome(untouched)[0]
    assert told(again) == told(untouched)
    assert any(len(t[3] or ()) == 2 for trials in told(again).values() for t in trials)


def test_a_fold_that_failed_before_its_turn_ends_no_trial_that_is_interrupted(
    make_scene, make_family
):
    def answer(scene, job):
        return scene.failed(job, message=f"fold {job.fold}") if job.fold else scene.done(job)

    def make(killed=None):
        return make_scene([make_family("a")], slots=3, trials=1, answer=answer, killed=killed)

    scene = make()
    write_json(scene.run.manifest, {})

    def interrupt_after_the_last_fold():
        scene.interrupted[0] = True
        return [answer(scene, job) for job, _ in scene.executor.running.values() if job.fold == 2]

    scene.executor.turn = interrupt_after_the_last_fold
    scene.search()
    (cut,) = read_records(scene.run)
    assert cut.state is TrialState.INTERRUPTED
    make(killed=scene).search()
    (record,) = read_records(scene.run)
    assert (record.state, record.error.message) == (TrialState.FAILED, "fold 1")
