"""In order of time the newest fold is fitted first, and decides what goes on."""

import pytest

from automl.config.schema import PrunerConfig, SearchConfig
from automl.store.files import write_json
from automl.trial.records import read_records
from automl.trial.spec import TrialState
from automl.tuning.budget import fit_times as costs

N_FOLDS = 4
NEWEST = N_FOLDS - 1


def fits(scene, trial):
    return [job.fold for job in scene.executor.submitted if job.spec.trial_id == trial]


class Killed(BaseException):
    """In place of SIGKILL: nothing of the search catches it."""


@pytest.mark.parametrize(("by_time", "order"), [(True, [3, 2, 1, 0]), (False, [0, 1, 2, 3])])
def test_a_trial_begins_with_the_newest_fold_where_rows_are_in_order_of_time(
    make_scene, make_family, by_time, order
):
    scene = make_scene([make_family("a")], trials=1, slots=1, folds=N_FOLDS, by_time=by_time)
    scene.search()
    assert fits(scene, "a-0") == order
    (record,) = read_records(scene.run)
    assert [result.fold for result in record.folds] == [0, 1, 2, 3]  # on disk as ever


def test_what_was_good_long_ago_alone_is_held_and_what_is_good_now_goes_on(make_scene, make_family):
    def skill(job):  # the first two trials are fitted on all folds whatever they promise
        if job.spec.number < 2:
            return 0.5
        is_new = job.fold == NEWEST
        return 0.9 if is_new == (job.spec.family == "now") else 0.1

    scene = make_scene(
        [make_family("now"), make_family("then")],
        time_s=8.0,
        slots=1,
        folds=N_FOLDS,
        by_time=True,
        skill=skill,
        config=SearchConfig(pruner=PrunerConfig(name="none")),
    )
    scene.search()
    later = [r for r in read_records(scene.run) if r.spec.number >= 2]
    done = {r.spec.family: set() for r in later}
    for record in later:
        done[record.spec.family].add(record.state)
    assert TrialState.COMPLETE in done["now"]
    assert TrialState.COMPLETE not in done["then"]
    held = [r for r in later if r.spec.family == "then" and r.folds]
    assert held
    assert all([result.fold for result in r.folds] == [NEWEST] for r in held)


def test_families_are_compared_on_the_newest_rows(make_scene, make_family):
    scene = make_scene([make_family("a")], trials=1, folds=N_FOLDS, by_time=True)
    plan = scene.plan
    assert scene.incumbent.oof.first_rows.tolist() == plan.splits[NEWEST].valid.tolist()
    scene.search()
    evidence, (trial,) = scene.incumbent.oof, scene.ledger.trials
    rows, prediction = evidence.first_fold(trial)
    assert rows.tolist() == plan.splits[NEWEST].valid.tolist()
    assert trial.first_loss == evidence.loss(rows, prediction)


@pytest.mark.parametrize("n_done", [1, 2])
def test_a_run_that_began_with_the_oldest_fold_is_resumed(
    make_scene, make_family, monkeypatch, n_done
):
    options = {"trials": 2, "slots": 1, "folds": N_FOLDS, "by_time": True}

    def answer(scene, job):
        if job.fold == n_done:
            raise Killed
        return scene.done(job)

    with monkeypatch.context() as before:
        before.setattr(costs, "in_order_of_fits", lambda plan: tuple(range(plan.n_folds)))
        old = make_scene([make_family("a")], answer=answer, **options)
        write_json(old.run.manifest, {})
        with pytest.raises(Killed):
            old.search()
    (record, *_) = read_records(old.run)
    assert [result.fold for result in record.folds] == list(range(n_done))
    again = make_scene([make_family("a")], killed=old, **options)
    again.search()
    assert fits(again, "a-0")[0] == NEWEST
    assert {r.state for r in read_records(again.run)} == {TrialState.COMPLETE}
    assert all(len(r.folds) == N_FOLDS for r in read_records(again.run))
