import pytest

from automl.metrics import get_metric
from automl.plugin import Task
from automl.trial.spec import FoldResult, TrialError, TrialSpec, TrialState
from automl.tuning.trials.ledger import Ledger
from automl.tuning.trials.trial import Trial

AUC = get_metric("roc_auc", Task.BINARY)
LOG_LOSS = get_metric("log_loss", Task.BINARY)


def trial(family="svm", number=0, index=0, folds=(0, 1, 2), **options):
    return Trial(TrialSpec(family, number, {}), index, folds, started_s=0.0, **options)


def result(fold, score=0.5, fit_s=1.0, encode_s=0.0, predict_s=0.0):
    return FoldResult(fold, score, fit_s, predict_s, encode_s)


def complete(family, number, index, score, generation=0, metric=AUC):
    loss = metric.loss(score)
    t = trial(family, number, index, state=TrialState.COMPLETE, loss=loss, generation=generation)
    t.results = {f: result(f, score) for f in t.folds}
    return t


def test_only_the_first_fold_of_a_trial_is_ready_until_it_is_promoted():
    t = trial()
    assert t.ready == [0]
    assert t.waiting == [0, 1, 2]
    t.promote()
    assert t.ready == [0, 1, 2]


def test_folds_that_run_or_are_done_do_not_wait():
    t = trial(promoted=True)
    t.running.add(0)
    t.results[1] = result(1)
    assert t.ready == t.waiting == [2]


def test_a_trial_with_an_error_or_an_end_has_nothing_to_do():
    failed, over = trial(promoted=True), trial(promoted=True, state=TrialState.PRUNED)
    failed.condemn(TrialError("timeout", "killed"))
    assert failed.ready == over.ready == []


def test_a_trial_is_done_when_every_fold_has_its_result():
    t = trial(folds=(0, 1))
    t.results[0] = result(0)
    assert not t.is_done
    t.results[1] = result(1)
    assert t.is_done


def test_a_fit_costs_all_of_its_seconds_and_the_longest_counts():
    t = trial()
    assert t.fold_s is None
    t.results = {0: result(0, fit_s=1.0, encode_s=0.5, predict_s=0.25), 1: result(1, fit_s=1.0)}
    assert t.fold_s == 1.75


@pytest.mark.parametrize(("metric", "expected"), [(AUC, -0.75), (LOG_LOSS, 0.75)])
def test_the_pruner_sees_losses_whatever_the_direction_of_the_metric(metric, expected):
    t = trial()
    t.results[1] = result(1, 0.75)
    assert t.curve(metric).folds == {1: expected}


def test_a_record_lists_the_folds_in_their_order():
    t = trial(state=TrialState.COMPLETE, loss=-0.5)
    t.results = {f: result(f) for f in (2, 0, 1)}
    record = t.record(AUC)
    assert [f.fold for f in record.folds] == [0, 1, 2]
    assert (record.trial_id, record.state, record.score) == ("svm-0", TrialState.COMPLETE, 0.5)


def test_a_trial_is_found_by_its_id():
    ledger = Ledger(AUC, [trial("svm", 0, 0), trial("tree", 0, 1), trial("svm", 1, 2)])
    assert ledger.find("tree-0").index == 1


def test_peers_are_complete_trials_of_the_same_family_and_of_earlier_generations():
    running = trial("svm", 9, 9, generation=2)
    ledger = Ledger(
        AUC,
        [
            complete("svm", 0, 0, 0.7, generation=1),
            complete("svm", 1, 1, 0.8, generation=2),
            complete("tree", 0, 2, 0.9, generation=1),
            trial("svm", 2, 3, generation=1, state=TrialState.PRUNED),
            running,
        ],
    )
    assert [p.number for p in ledger.peers(running)] == [0]


@pytest.mark.parametrize(("metric", "best"), [(AUC, "b-0"), (LOG_LOSS, "a-0")])
def test_the_best_trial_follows_the_direction_of_the_metric(metric, best):
    scored = (("a", 0, 0.2), ("b", 1, 0.9))
    trials = [complete(name, 0, index, score, metric=metric) for name, index, score in scored]
    ledger = Ledger(metric, [*trials, trial("c")])
    assert ledger.best().spec.trial_id == best


def test_of_equal_trials_the_earlier_one_is_the_best_and_without_any_there_is_none():
    ledger = Ledger(AUC, [complete("b", 0, 1, 0.9), complete("a", 0, 0, 0.9)])
    assert ledger.best().index == 0
    assert Ledger(AUC, [trial()]).best() is None


def test_a_score_of_zero_is_a_score():
    scored = (("a", 0, 0.1), ("b", 1, 0.0))
    trials = [complete(name, 0, index, score, metric=LOG_LOSS) for name, index, score in scored]
    ledger = Ledger(LOG_LOSS, trials)
    assert ledger.best().spec.family == "b"


def test_the_cost_of_a_family_is_the_median_over_its_trials_of_all_folds():
    trials = [trial("svm", n, n) for n in range(4)]
    for t, seconds in zip(trials, (1.0, 2.0, 30.0), strict=False):
        t.results[0] = result(0, fit_s=seconds)
    ledger = Ledger(AUC, trials)
    assert ledger.complete_cost_s("svm") == 6.0
    assert ledger.complete_cost_s("tree") is None


def test_counts_are_by_family_and_state_with_the_best_score():
    ledger = Ledger(
        AUC,
        [
            complete("svm", 0, 0, 0.7),
            complete("svm", 1, 1, 0.8),
            trial("svm", 2, 2),
            trial("svm", 3, 3, state=TrialState.PRUNED),
            trial("tree", 0, 4, state=TrialState.FAILED),
            trial("tree", 1, 5, state=TrialState.OUT_OF_TIME),
            trial("tree", 2, 6, state=TrialState.INTERRUPTED),
        ],
    )
    counts = ledger.counts(["svm", "tree"])
    svm, tree = counts["svm"], counts["tree"]
    assert (svm.complete, svm.running, svm.pruned, svm.failed) == (2, 1, 1, 0)
    assert svm.best_score == 0.8
    assert (tree.failed, tree.cut, tree.over, tree.best_score) == (1, 2, 3, None)


def test_causes_of_failures_are_counted_and_the_most_frequent_comes_first():
    def failed(number, message):
        t = trial("svm", number, number, state=TrialState.FAILED)
        t.condemn(TrialError("exception", message))
        return t

    ledger = Ledger(
        AUC, [failed(0, "rare"), failed(1, "often\nwith details"), failed(2, "often\nelse")]
    )
    assert ledger.failures() == (("svm: often", 2), ("svm: rare", 1))


def test_a_failure_without_a_message_is_counted_all_the_same():
    t = trial(state=TrialState.FAILED)
    t.condemn(TrialError("exception", ""))
    assert Ledger(AUC, [t]).failures()[0][1] == 1


def test_a_trial_that_is_over_keeps_few_of_its_reports():
    reports = [(step, 1.0 / step) for step in range(1, 5001)]
    over = {}
    for state in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAILED):
        over[state] = t = trial(state=state)
        t.reports = {0: list(reports), 1: list(reports[:3]), 2: []}
        t.results = {0: FoldResult(0, 0.5, 1.0, 0.0, steps=tuple(reports))}
        t.drop_reports()
        assert t.results[0].steps == ()
        assert t.results[0].score == 0.5
    kept = over[TrialState.COMPLETE].reports
    assert len(kept[0]) == 64
    assert (kept[0][0], kept[0][-1]) == (reports[0], reports[-1])
    assert [step for step, _ in kept[0]] == sorted({step for step, _ in kept[0]})
    assert kept[1] == reports[:3]
    assert over[TrialState.PRUNED].reports == over[TrialState.FAILED].reports == {}


def costly(family, number, index, score, predict_ms, state=TrialState.COMPLETE):
    t = complete(family, number, index, score)
    t.state, t.first_loss = state, AUC.loss(score)
    t.results = {f: FoldResult(f, score, 1.0, 0.1, predict_ms=predict_ms) for f in t.folds}
    return t


def test_where_the_newest_model_ships_no_other_fold_counts_for_its_cost():
    t = trial("a", ships_newest=True)
    assert t.cost.predict_ms == 0.0
    for fold, predict_ms in ((2, 7.0), (0, 2.0), (1, 4.0)):
        t.results[fold] = FoldResult(fold, 0.5, 1.0, 0.1, model_mib=1.0, predict_ms=predict_ms)
    assert t.cost.predict_ms == 7.0
    assert t.cost.size_mb == pytest.approx(2**20 / 1e6)


def test_folds_that_are_not_finished_cost_as_much_as_the_others():
    t = costly("a", 0, 0, 0.5, predict_ms=4.0)
    assert t.cost.predict_ms == 12.0
    del t.results[1], t.results[2]
    assert t.cost.predict_ms == 12.0


def test_a_trial_that_a_complete_one_dominates_cannot_be_on_the_front():
    done = costly("a", 0, 0, 0.8, predict_ms=5.0)
    fast = costly("a", 1, 1, 0.7, predict_ms=1.0, state=TrialState.RUNNING)
    slow = costly("a", 2, 2, 0.7, predict_ms=9.0, state=TrialState.RUNNING)
    ledger = Ledger(AUC, [done, fast, slow], objectives=("score", "predict_ms"))
    assert ledger.losses(done) == (AUC.loss(0.8), 15.0)
    assert ledger.may_be_pareto_optimal(fast)
    assert not ledger.may_be_pareto_optimal(slow)
    assert not Ledger(AUC, [done, fast]).may_be_pareto_optimal(fast)


def test_the_pruner_sees_the_objective_that_was_declared():
    t = costly("a", 0, 0, 0.8, predict_ms=5.0)
    t.reports = {0: [(1, 0.4)]}
    objectives = ("score", "predict_ms")
    by_time = Ledger(AUC, [t], objectives=objectives, prune_on="predict_ms").curve(t)
    by_score = Ledger(AUC, [t], objectives=objectives).curve(t)
    assert (dict(by_time.folds), dict(by_time.steps)) == ({0: 5.0, 1: 5.0, 2: 5.0}, {})
    assert by_score.folds[0] == AUC.loss(0.8)
    assert by_score.steps[0] == [(1, 0.4)]
