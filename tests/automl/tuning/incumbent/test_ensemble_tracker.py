"""The ensemble so far, on predictions whose worth is known."""

import numpy as np
import pytest

from automl.config.schema import SearchConfig
from automl.data.split.choose import ALL_ROWS
from automl.ensemble import estimate, read_ensemble
from automl.trial.spec import Job, TrialError, TrialSpec
from automl.tuning.trials.trial import Trial


def add_trial(scene, family, number, skill, folds=(0, 1, 2), predict=None, complete=True):
    """A trial with predictions on disk; complete ones are taken in."""
    spec = TrialSpec(family, number, {"x": skill})
    trial = Trial(spec, len(scene.ledger.trials), folds, 0.0)
    for fold in folds:
        given = None if predict is None else predict(scene.rows(fold))
        trial.results[fold] = scene.done(Job(spec, fold, 0), given).result
    scene.ledger.trials.append(trial)
    if complete:
        scene.incumbent.add(trial)
    return trial


@pytest.fixture
def scene(make_scene, make_family):
    return make_scene([make_family("a"), make_family("b"), make_family("bag", out_of_bag=True)])


def noisy(seed, strength):
    """Predictions that are right on average; their errors are their own."""

    def predict(scene, rows):
        noise = np.random.default_rng(seed).normal(size=len(scene.dataset.y))[rows]
        p = 1 / (1 + np.exp(-strength * (2 * scene.dataset.y[rows] - 1 + noise)))
        return np.column_stack([1 - p, p])

    return predict


def test_there_is_no_gain_to_speak_of_before_there_is_an_ensemble(scene):
    assert scene.incumbent.gain(add_trial(scene, "a", 0, 0.5, complete=False)) is None


@pytest.mark.parametrize("metric", ["log_loss", "roc_auc"])
def test_a_gain_is_positive_for_what_helps_and_not_for_what_hurts(make_scene, make_family, metric):
    scene = make_scene([make_family("a")], metric=metric)

    def predictor(seed, strength):
        return lambda rows: noisy(seed, strength)(scene, rows)

    add_trial(scene, "a", 0, 0, predict=predictor(0, 2.0))
    scene.incumbent.update(100.0)
    helpful = add_trial(scene, "a", 1, 0, predict=predictor(1, 2.0), complete=False)
    harmful = add_trial(scene, "a", 2, 0, predict=predictor(2, -2.0), complete=False)
    assert scene.incumbent.gain(helpful) > 0.01
    assert scene.incumbent.gain(harmful) < 0


def test_a_perfect_trial_gains_a_large_share_and_a_copy_nothing(scene):
    add_trial(scene, "a", 0, 0.3)
    scene.incumbent.update(100.0)
    assert scene.incumbent.gain(add_trial(scene, "a", 1, 1.0, complete=False)) > 0.3
    copy = add_trial(scene, "a", 0, 0.3, complete=False)
    assert scene.incumbent.gain(copy) == pytest.approx(0.0, abs=1e-6)


def test_the_first_fold_is_compared_on_the_same_rows_in_both_kinds_of_family(scene):
    """An out-of-bag family predicts all rows at once, others only those of the fold."""

    def predict(rows):
        p = np.where(scene.dataset.y[rows] == 1, 0.8, 0.3)
        p -= 0.02 * (rows % 7)
        return np.column_stack([1 - p, p])

    folded = add_trial(scene, "a", 0, 0.0, predict=predict, complete=False)
    bagged = add_trial(scene, "bag", 0, 0.0, (ALL_ROWS,), predict=predict, complete=False)
    assert folded.results[0].score != pytest.approx(bagged.results[ALL_ROWS].score)
    assert scene.incumbent.first_fold_loss(folded) == pytest.approx(folded.results[0].score)
    losses = [scene.incumbent.first_fold_loss(t) for t in (folded, bagged)]
    assert losses[0] == pytest.approx(losses[1])


def test_the_score_is_that_of_all_out_of_fold_predictions(scene):
    trial = add_trial(scene, "a", 0, 0.6)
    prediction = np.full((len(scene.dataset.y), 2), np.nan)
    for fold in trial.folds:
        prediction[scene.rows(fold)] = np.load(scene.run.oof("a-0", fold))
    expected = scene.incumbent.oof.metric.score(scene.dataset.y, prediction.astype(float))
    assert trial.loss == pytest.approx(expected, rel=1e-5)


def test_constant_predictions_stay_out_of_the_ensemble(make_scene, make_family):
    """They leave the area under the curve unmoved, so that a tie could let them in."""
    scene = make_scene([make_family("a"), make_family("b")], metric="roc_auc")
    good = add_trial(scene, "a", 0, 1.0)
    add_trial(scene, "b", 0, 0.0, predict=lambda rows: np.full((len(rows), 2), 0.5))
    assert good.loss == -1.0
    assert set(scene.incumbent.finish().weights) == {"a-0"}


def test_constant_predictions_alone_are_better_than_none(scene):
    add_trial(scene, "b", 0, 0.0, predict=lambda rows: np.full((len(rows), 2), 0.5))
    assert scene.incumbent.finish().weights == {"b-0": 1.0}


def test_an_ensemble_that_does_not_beat_the_single_best_is_not_kept(scene):
    add_trial(scene, "a", 0, 0.99)
    for number in range(1, 4):
        add_trial(scene, "b", number, 0.05)
    ensemble = scene.incumbent.finish()
    assert ensemble.kind == "single"
    assert ensemble.weights == {"a-0": 1.0}
    assert ensemble.reason
    assert read_ensemble(scene.run) == ensemble


def test_trials_that_err_apart_predict_together(make_scene, make_family):
    scene = make_scene([make_family("a")], metric="log_loss")
    trials = [
        add_trial(scene, "a", k, 0.0, predict=lambda rows, k=k: noisy(k, 1.5)(scene, rows))
        for k in range(4)
    ]
    ensemble = scene.incumbent.finish()
    assert ensemble.kind == "ensemble"
    assert len(ensemble.members) > 1
    assert sum(ensemble.weights.values()) == pytest.approx(1)
    assert ensemble.score < min(t.loss for t in trials)
    assert all(m.folds == (0, 1, 2) for m in ensemble.members)
    assert read_ensemble(scene.run) == ensemble


def test_without_ensembles_the_best_trial_predicts_alone(make_scene, make_family):
    config = SearchConfig()
    config.ensemble.enabled = False
    scene = make_scene([make_family("a")], config=config)
    for k in range(4):
        add_trial(scene, "a", k, 0.0, predict=lambda rows, k=k: noisy(k, 1.5)(scene, rows))
    alone = scene.incumbent.finish()
    assert len(alone.members) == 1
    assert alone.reason == "ensemble.enabled is false"
    assert alone.nested_score is not None


def test_the_last_selection_is_scored_on_rows_that_it_did_not_see(make_scene, make_family):
    scene = make_scene([make_family("a")], metric="log_loss")
    for k in range(4):
        add_trial(scene, "a", k, 0.0, predict=lambda rows, k=k: noisy(k, 1.5)(scene, rows))
    scene.incumbent.update(100.0)
    assert scene.incumbent.current.nested_score is None
    assert scene.incumbent.current.expected_score == scene.incumbent.current.score
    ensemble = scene.incumbent.finish()
    low, high = ensemble.interval
    assert 0.0 <= low < ensemble.nested_score < high
    assert ensemble.expected_score == ensemble.nested_score


def test_the_first_finished_fit_is_a_predictor_and_later_ones_do_not_replace_it(scene):
    first = add_trial(scene, "a", 0, 0.5, folds=(0,), complete=False)
    second = add_trial(scene, "b", 0, 0.9, folds=(0,), complete=False)
    scene.incumbent.predict_with_first_fold(first)
    scene.incumbent.predict_with_first_fold(second)
    (member,) = read_ensemble(scene.run).members
    assert (member.trial, member.folds, member.weight) == ("a-0", (0,), 1.0)


def constant(rows):
    """A prediction that knows nothing."""
    return np.full((len(rows), 2), 0.5)


def test_one_fold_predicts_rather_than_an_ensemble_that_knows_nothing(scene):
    add_trial(scene, "b", 0, 0.0, predict=constant)
    scene.incumbent.update(100.0)
    scene.incumbent.predict_with_first_fold(
        add_trial(scene, "a", 0, 0.8, folds=(0,), complete=False)
    )
    (member,) = read_ensemble(scene.run).members
    assert (member.trial, member.folds) == ("a-0", (0,))


def test_a_trial_that_was_cut_predicts_with_the_folds_it_has_where_there_is_nothing_else(scene):
    add_trial(scene, "b", 0, 0.0, predict=constant)
    scene.incumbent.update(100.0)
    scene.incumbent.predict_with_first_fold(
        add_trial(scene, "a", 0, 0.8, folds=(0, 1), complete=False)
    )
    (member,) = scene.incumbent.finish().members
    assert (member.trial, member.folds) == ("a-0", (0, 1))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_trials_that_were_cut_the_better_one_predicts_whichever_came_first(scene, order):
    cut = [add_trial(scene, "a", k, q, (0,), complete=False) for k, q in enumerate((0.8, 0.9))]
    for number in order:
        scene.incumbent.predict_with_first_fold(cut[number])
    add_trial(scene, "b", 0, 0.0, predict=constant)
    assert scene.incumbent.finish().weights == {"a-1": 1.0}


def test_of_a_trial_that_failed_only_the_folds_ahead_of_the_failure_predict(scene):
    failed = add_trial(scene, "a", 0, 0.8, folds=(0, 1, 2), complete=False)
    crash = TrialError("crash", "gone", fold=1)
    failed.end_fold(1, crash)
    failed.condemn(crash)
    del failed.results[1]
    scene.incumbent.predict_with_first_fold(failed)
    (member,) = scene.incumbent.finish().members
    assert member.folds == (0,)


def test_a_trial_that_was_cut_does_not_replace_complete_ones_that_know_something(scene):
    add_trial(scene, "b", 0, 0.6)
    scene.incumbent.update(100.0)
    scene.incumbent.predict_with_first_fold(
        add_trial(scene, "a", 0, 0.9, folds=(0, 1), complete=False)
    )
    assert scene.incumbent.finish().weights == {"b-0": 1.0}


def test_nothing_is_selected_anew_without_news(scene):
    assert scene.incumbent.update(100.0) is None
    add_trial(scene, "a", 0, 0.5)
    assert scene.incumbent.update(100.0) is not None
    assert scene.incumbent.update(100.0) is None


def test_selecting_waits_when_it_has_taken_too_much_of_the_time(scene):
    for number in range(3):
        add_trial(scene, "a", number, 0.5)
    scene.incumbent.update(100.0)
    scene.incumbent.spent_s = 50.0
    add_trial(scene, "a", 3, 0.9)
    assert scene.incumbent.update(100.0) is None
    assert scene.incumbent.update(10_000.0) is not None


def test_the_order_in_which_trials_end_changes_nothing(make_scene, make_family):
    found = []
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        scene = make_scene([make_family("a")])
        trials = [
            add_trial(
                scene,
                "a",
                k,
                0.0,
                predict=lambda rows, k=k, scene=scene: noisy(k // 2, 1.5)(scene, rows),
                complete=False,
            )
            for k in range(4)
        ]
        for k in order:
            scene.incumbent.add(trials[k])
        found.append(scene.incumbent.finish().weights)
    assert found[0] == found[1]


def test_predictions_of_the_best_are_kept_and_of_the_best_of_each_family(
    make_scene, make_family, monkeypatch
):
    monkeypatch.setattr("automl.tuning.incumbent.oof_store.KEPT", 4)
    monkeypatch.setattr("automl.tuning.incumbent.oof_store.KEPT_AT_LEAST", 2)
    kept = []
    for order in (range(14), reversed(range(14))):
        scene = make_scene([make_family("a"), make_family("b")])
        trials = [
            add_trial(scene, "ab"[k >= 8], k, 0.9 - 0.05 * k, complete=False) for k in range(14)
        ]
        for k in order:
            scene.incumbent.add(trials[k])
        kept.append(set(scene.incumbent.oof.oof))
        assert set(scene.incumbent.oof.complete) == set(scene.incumbent.oof.oof)
        assert scene.incumbent.finish() is not None
    assert kept[0] == kept[1] == {"a-0", "a-1", "a-2", "a-3", "b-8", "b-9", "b-10"}


def test_of_many_rows_the_predictions_of_fewer_trials_are_kept(scene, monkeypatch):
    n_bytes = scene.dataset.y.size * 2 * 8
    monkeypatch.setattr("automl.tuning.incumbent.oof_store.KEPT_AT_LEAST", 2)
    monkeypatch.setattr("automl.tuning.incumbent.oof_store.KEPT_BYTES", 5 * n_bytes)
    for number in range(12):
        add_trial(scene, "a", number, 0.05 * number)
    assert set(scene.incumbent.oof.oof) == {f"a-{n}" for n in range(7, 12)}


def limited(make_scene, make_family, limit, predict_ms):
    """A scene with a limit of time; what each trial takes is given by its number."""
    config = SearchConfig()
    config.limits.predict_ms = limit
    return make_scene(
        [make_family("a")],
        config=config,
        predict_ms=lambda job: predict_ms[job.spec.number],
    )


def own_errors(scene, number, **options):
    predict = noisy(number, 1.5)
    return add_trial(scene, "a", number, 0, predict=lambda rows: predict(scene, rows), **options)


def test_the_ensemble_keeps_the_limits_all_members_together(make_scene, make_family):
    free = limited(make_scene, make_family, None, [1.0] * 6)
    tight = limited(make_scene, make_family, 7.0, [1.0] * 6)
    for scene in (free, tight):
        for number in range(6):
            own_errors(scene, number)
        scene.incumbent.finish()
    assert len(free.incumbent.current.members) > 2
    assert len(tight.incumbent.current.members) == 2
    assert tight.incumbent.cost.predict_ms == 6.0


def test_where_no_trial_keeps_the_limits_the_nearest_one_predicts_alone(make_scene, make_family):
    scene = limited(make_scene, make_family, 6.0, [9.0, 4.0, 5.0])
    for number in range(3):
        own_errors(scene, number)
    assert scene.incumbent.finish().weights == {"a-1": 1.0}


def test_a_trial_too_dear_to_be_a_member_gains_nothing(make_scene, make_family):
    scene = limited(make_scene, make_family, 6.0, [1.0, 1.0, 3.0])
    own_errors(scene, 0)
    scene.incumbent.update(100.0)
    assert scene.incumbent.gain(own_errors(scene, 1, complete=False)) > 0.01
    assert scene.incumbent.gain(own_errors(scene, 2, complete=False)) == 0.0


def test_what_comes_nearer_to_the_limits_is_all_gain_there_is(make_scene, make_family):
    scene = limited(make_scene, make_family, 6.0, [9.0, 3.0])
    own_errors(scene, 0)
    scene.incumbent.update(100.0)
    bad = add_trial(scene, "a", 1, 0.0, complete=False)
    assert scene.incumbent.gain(bad) == 1.0


def test_cheap_trials_are_remembered_before_dear_ones(make_scene, make_family, monkeypatch):
    monkeypatch.setattr("automl.tuning.incumbent.oof_store.KEPT", 2)
    monkeypatch.setattr("automl.tuning.incumbent.oof_store.KEPT_AT_LEAST", 2)
    monkeypatch.setattr("automl.tuning.incumbent.oof_store.KEPT_OF_FAMILY", 0)
    scene = limited(make_scene, make_family, 6.0, [5.0, 5.0, 5.0, 1.0])
    for number in range(4):
        add_trial(scene, "a", number, 0.9 - 0.2 * number)
    assert "a-3" in scene.incumbent.oof.complete
    assert scene.incumbent.finish().weights == {"a-3": 1.0}


def test_equal_scores_are_told_apart_without_a_clock(make_scene, make_family):
    """Seconds differ between two runs: they must not choose among equals."""
    for seconds in ([9.0, 1.0], [1.0, 9.0]):
        scene = limited(make_scene, make_family, None, seconds)
        for number in range(2):
            add_trial(scene, "a", number, 0, predict=lambda rows, s=scene: noisy(0, 1.5)(s, rows))
        assert scene.incumbent.finish().weights == {"a-0": 1.0}


def test_trials_and_the_ensemble_have_their_intervals_by_one_rule(make_scene, make_family):
    scene = make_scene([make_family("a")], metric="roc_auc")
    trial = add_trial(scene, "a", 0, 0, predict=lambda rows: noisy(0, 1.0)(scene, rows))
    oof, plan = scene.incumbent.oof.oof["a-0"], scene.incumbent.oof.plan
    facts = {"fold": plan.fold_of_row}
    expected = estimate(scene.incumbent.oof.metric, scene.dataset.y, oof, **facts)
    score = trial.score(scene.incumbent.oof.metric)
    assert score == expected.score
    assert trial.score_se == expected.error
    assert trial.interval == (expected.low, expected.high)
    ensemble = scene.incumbent.finish()
    assert (ensemble.nested_score, ensemble.score_se) == (score, trial.score_se)
    assert ensemble.interval == trial.interval  # of one model


def test_no_trial_is_kept_from_selection_by_a_score_on_all_rows(scene):
    """That would let each row have a part in what predicts it; selection looks for itself."""
    for number, skill in enumerate((0.6, 0.0, -0.5)):
        add_trial(scene, "a", number, skill)
    assert len(scene.incumbent.oof.candidates()) == 3
    assert set(scene.incumbent.finish().weights) == {"a-0"}
