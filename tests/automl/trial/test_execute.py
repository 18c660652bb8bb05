import json
from dataclasses import replace

import numpy as np
import pytest

from automl.data.folds.encoder_store import EncoderStore
from automl.data.split.choose import ALL_ROWS
from automl.errors import MissingExtraError
from automl.metrics import get_metric
from automl.plugin import Encoding, ModelFamily, OutOfBagFamily, PackedFamily, StageLog, TrialPruned
from automl.trial.execute import FIT_SHARE, BadPredictionError, execute_job, execute_pack
from automl.trial.setup import TrialSetup
from automl.trial.spec import Job, TrialSpec
from automl.trial.stages import halves_of, predict_by_halves
from automl.trial.worker_state import WorkerState, open_worker_state


class Model:
    def __init__(self, row):
        self.row = row

    def predict(self, X):
        return np.tile(self.row, (X.shape[0], 1))


class Family(ModelFamily):
    """Predicts a constant; keeps what it was shown for the test to look at."""

    name = "plain"
    early_stopping = "none"

    def __init__(self):
        self.folds, self.contexts, self.params = [], [], []

    def search_space(self, suggest, problem):
        return {}

    def fit(self, params, fold, context, report):
        self.folds.append(fold)
        self.contexts.append(context)
        self.params.append(params)
        return Model([0.4, 0.6])

    def save(self, model, path):
        (path / "row.json").write_text(json.dumps(model.row))

    def load(self, path):
        return Model(json.loads((path / "row.json").read_text()))


class Reports(Family):
    def fit(self, params, fold, context, report):
        report(np.int64(1), np.float32(0.5))
        report(2, 0.25)
        return super().fit(params, fold, context, report)


class FailsToSave(Family):
    def save(self, model, path):
        (path / "half").write_text("half")
        raise OSError("no space left on device")


class FailsLater(FailsToSave):
    """Saves once, and never again."""

    saved = False

    def save(self, model, path):
        if self.saved:
            super().save(model, path)
        self.saved = True
        Family.save(self, model, path)


class OutOfBag(Family, OutOfBagFamily):
    def fit(self, params, fold, context, report):
        super().fit(params, fold, context, report)
        model = Model([0.4, 0.6])
        prediction = np.tile([0.4, 0.6], (len(fold.y_train), 1))
        prediction[: params["unseen"]] = np.nan
        model.out_of_bag_prediction = lambda: prediction
        return model


class Missing(Family):
    extra = "torch"

    def fit(self, params, fold, context, report):
        import no_such_library_at_all  # noqa: F401


class MissingWithoutExtra(Missing):
    extra = ""


def ignore(step, score):
    pass


def job_of(fold=0, number=0, **options):
    params = options.pop("params", {})
    return Job(TrialSpec("plain", number, params), fold, seed=options.pop("seed", 5), **options)


def leftovers(bench):
    return sorted(str(p.relative_to(bench.run.trials)) for p in bench.run.trials.rglob("*"))


def test_a_fit_leaves_model_and_predictions_and_says_how_it_went(open_bench):
    bench = open_bench(Family())
    result = execute_job(job_of(fold=1), bench, ignore)
    valid = bench.plan.splits[1].valid
    oof = np.load(bench.run.oof("plain-0", 1))
    assert oof.shape == (len(valid), 2)
    assert result.score == pytest.approx(
        bench.metric.score(bench.dataset.y[valid], oof.astype(np.float64), None), abs=1e-6
    )
    assert (result.fold, result.n_valid) == (1, len(valid))
    assert bench.registry.get("plain").load(bench.run.model("plain-0", 1)).row == [0.4, 0.6]
    assert result.model_mib > 0


def test_nothing_temporary_is_left_beside_a_finished_fold(open_bench):
    bench = open_bench(Family())
    execute_job(job_of(), bench, ignore)
    assert [p.name for p in bench.run.trial("plain-0").iterdir()] == ["fold-0"]


def test_a_fault_while_saving_leaves_no_fold(open_bench):
    bench = open_bench(FailsToSave())
    with pytest.raises(OSError, match="no space"):
        execute_job(job_of(), bench, ignore)
    assert leftovers(bench) in ([], ["plain-0"])


def test_a_fault_while_saving_keeps_the_fold_of_an_earlier_attempt(open_bench):
    bench = open_bench(FailsLater())
    execute_job(job_of(), bench, ignore)
    before = leftovers(bench)
    with pytest.raises(OSError, match="no space"):
        execute_job(job_of(), bench, ignore)
    assert leftovers(bench) == before


def test_a_second_attempt_replaces_the_fold(open_bench):
    bench = open_bench(Family())
    execute_job(job_of(), bench, ignore)
    (bench.run.fold("plain-0", 0) / "model" / "old").touch()
    execute_job(job_of(attempt=1), bench, ignore)
    assert not (bench.run.fold("plain-0", 0) / "model" / "old").exists()


class Stops(Family):
    """Stops early: its model has a log of what it predicted on the way."""

    early_stopping = "staged"

    def fit(self, params, fold, context, report):
        model = super().fit(params, fold, context, report)
        log = StageLog(context.metric)
        random = np.random.default_rng(fold.index)
        for stage in range(1, 6):
            share = random.random(len(fold.y_valid))
            log.add(stage, np.column_stack((1 - share, share)))
        model.stages = (log,)
        return model


def test_a_fold_has_the_rows_of_its_division(open_bench):
    family = Stops()
    bench = open_bench(family)
    execute_job(job_of(fold=2), bench, ignore)
    fold, division = family.folds[0], bench.plan.splits[2]
    assert fold.index == 2
    np.testing.assert_array_equal(fold.y_train, bench.dataset.y[division.train])
    np.testing.assert_array_equal(fold.y_valid, bench.dataset.y[division.valid])


def test_a_family_that_does_not_stop_early_is_shown_no_validation_rows(open_bench):
    family = Family()
    bench = open_bench(family)
    result = execute_job(job_of(fold=2), bench, ignore)
    (fold,), division = family.folds, bench.plan.splits[2]
    assert len(fold.X_valid) == len(fold.y_valid) == 0
    np.testing.assert_array_equal(fold.y_train, bench.dataset.y[division.train])
    assert result.n_valid == len(division.valid)


def test_other_families_stop_by_rows_that_are_taken_from_those_they_learn_from(open_bench):
    family = Family()
    family.early_stopping = "inner"
    bench = open_bench(family)
    execute_job(job_of(fold=2), bench, ignore)
    execute_job(job_of(fold=2, number=1), bench, ignore)
    (fold, again), division = family.folds, bench.plan.splits[2]
    assert again is fold
    assert len(fold.y_valid) == round(0.15 * len(division.train))
    together = np.concatenate((fold.y_train, fold.y_valid))
    assert sorted(together) == sorted(bench.dataset.y[division.train])
    rows = np.concatenate((fold.X_train, fold.X_valid))
    whole, _ = bench.open_fold(2, family.encoding({}, None), family.kinds)
    assert sorted(rows.tolist()) == sorted(whole.X_train.tolist())


def test_a_fit_that_stopped_early_is_scored_half_by_half(open_bench):
    bench = open_bench(Stops())
    result = execute_job(job_of(fold=1), bench, ignore)
    log, valid = StageLog(bench.metric), bench.plan.splits[1].valid
    y, random = bench.dataset.y[valid], np.random.default_rng(1)
    for stage in range(1, 6):
        share = random.random(len(y))
        log.add(stage, np.column_stack((1 - share, share)))
    half = halves_of(bench.dataset, valid, bench.setup.seed)
    expected = predict_by_halves([log], half, y, None)
    oof = np.load(bench.run.oof("plain-0", 1))
    np.testing.assert_allclose(oof, expected, rtol=1e-6)
    assert result.score == pytest.approx(bench.metric.score_folds(y, expected, half), rel=1e-6)
    assert not np.allclose(oof, [0.4, 0.6])


def test_the_context_tells_seed_threads_device_and_time(open_bench):
    family = Family()
    job = job_of(seed=11, n_threads=3, device="cuda:0", time_limit_s=4.0, deadline_s=100.0)
    list(execute_pack([job], open_bench(family), lambda _: ignore, clock=lambda: 1000.0))
    context = family.contexts[0]
    assert (context.seed, context.n_threads, context.device) == (11, 3, "cuda:0")
    assert context.time_limit_s == 4.0
    assert context.deadline == 1000.0 + FIT_SHARE * 100.0
    assert context.time_left_s == FIT_SHARE * 100.0


def test_the_limit_of_a_fit_begins_when_its_fold_is_encoded(open_bench):
    family, said = Family(), []
    job = job_of(deadline_s=100.0, end_s=1000.0)
    execute_job(job, open_bench(family), ignore, lambda: said.append(len(family.contexts)))
    assert said == [0]
    assert job.fit_limit_s(spent_s=950.0) == 50.0
    assert job.fit_limit_s(spent_s=1001.0) == 0.0


def test_without_a_deadline_the_fit_has_none(open_bench):
    family = Family()
    execute_job(job_of(), open_bench(family), ignore)
    assert family.contexts[0].deadline is None


def test_reports_are_passed_on_and_recorded_as_plain_numbers(open_bench):
    heard = []
    result = execute_job(job_of(), open_bench(Reports()), lambda step, score: heard.append(step))
    assert heard == [1, 2]
    assert result.steps == ((1, 0.5), (2, 0.25))
    assert json.dumps(result.steps)


def test_a_report_that_prunes_leaves_no_fold(open_bench):
    def prune(step, score):
        raise TrialPruned

    bench = open_bench(Reports())
    with pytest.raises(TrialPruned):
        execute_job(job_of(), bench, prune)
    assert leftovers(bench) == []


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_reported_score_must_be_a_number(open_bench, score):
    class Spoilt(Family):
        def fit(self, params, fold, context, report):
            report(7, score)

    with pytest.raises(ValueError, match="the score reported at step 7 is"):
        execute_job(job_of(), open_bench(Spoilt()), ignore)


def test_a_fold_that_the_metric_has_no_value_for_has_a_reason_and_no_score(open_bench):
    heard = []

    class Steered(Reports):
        early_stopping = "staged"

        def fit(self, params, fold, context, report):
            right = np.eye(2)[fold.y_valid]
            assert context.metric.is_better(
                context.metric.score(fold.y_valid, 0.9 * right + 0.05),
                than=context.metric.score(fold.y_valid, np.full_like(right, 0.5)),
            )
            return super().fit(params, fold, context, report)

    state = open_bench(Steered())
    only_yes = replace(state.dataset, y=np.ones(len(state.dataset.y), dtype=np.int64))
    area = get_metric("roc_auc", state.dataset.target.task)
    state = WorkerState(state.setup, state.run, only_yes, state.plan, area, state.registry)
    result = execute_job(job_of(), state, lambda step, score: heard.append((step, score)))
    assert result.score is None
    assert result.score_reason == f"all {result.n_valid} rows are of one class"
    assert result.steps == ()
    assert [step for step, _ in heard] == [1, 2]  # so that the fit can still be stopped
    assert np.isnan([score for _, score in heard]).all()
    assert state.run.oof("plain-0", 0).is_file()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([np.nan, 1.0], "NaN"),
        ([0.5, np.inf], "infinite"),
        ([0.2, 0.3, 0.5], r"expected \(20, 2\)"),
        (["a", "b"], "not an array of numbers"),
    ],
)
def test_predictions_without_a_score_are_refused_and_leave_no_fold(open_bench, row, message):
    class Spoilt(Family):
        def fit(self, params, fold, context, report):
            return Model(row)

    bench = open_bench(Spoilt())
    with pytest.raises(BadPredictionError, match=message):
        execute_job(job_of(), bench, ignore)
    assert leftovers(bench) == []


def test_an_out_of_bag_family_is_scored_on_the_rows_it_has_predictions_for(open_bench):
    family = OutOfBag()
    bench = open_bench(family)
    result = execute_job(job_of(fold=ALL_ROWS, params={"unseen": 7}), bench, ignore)
    assert len(family.folds[0].y_train) == 60
    assert len(family.folds[0].y_valid) == 0
    oof = np.load(bench.run.oof("plain-0", ALL_ROWS))
    assert np.isnan(oof[:7]).all()
    assert np.isfinite(oof[7:]).all()
    seen = np.tile([0.4, 0.6], (53, 1))
    assert result.score == pytest.approx(
        bench.metric.score(family.folds[0].y_train[7:], seen, None), abs=1e-9
    )


@pytest.fixture
def timed(monkeypatch):
    """Makes every measured time 7 ms; the list of what was measured."""
    calls = []

    def best_ms(call):
        calls.append(call())
        return 7.0

    monkeypatch.setattr("automl.trial.latency.min_time_ms", best_ms)
    monkeypatch.setattr("automl.trial.worker_state.min_time_ms", best_ms)
    return calls


def test_what_new_rows_take_beyond_those_of_the_run_counts_as_time_to_predict(open_bench, timed):
    class Knows(Family):
        def fit(self, params, fold, context, report):
            model = super().fit(params, fold, context, report)
            model.extra_predict_ms = 1e6
            return model

    result = execute_job(job_of(), open_bench(Knows()), ignore)
    assert result.predict_ms == 7.0 + 7.0 + 1e6  # encoding, predicting, and that


def test_an_out_of_bag_family_that_has_seen_no_row_from_outside_fails(open_bench):
    with pytest.raises(BadPredictionError, match="too few trees"):
        execute_job(job_of(fold=ALL_ROWS, params={"unseen": 60}), open_bench(OutOfBag()), ignore)


def test_a_missing_library_names_the_extra_that_installs_it(open_bench):
    with pytest.raises(MissingExtraError, match=r"pip install 'automl-search\[torch\]'"):
        execute_job(job_of(), open_bench(Missing()), ignore)


def test_an_import_error_of_a_family_without_an_extra_stays_what_it_is(open_bench):
    with pytest.raises(ModuleNotFoundError, match="no_such_library_at_all"):
        execute_job(job_of(), open_bench(MissingWithoutExtra()), ignore)


class Remembers(Family):
    """Counts in its memo how often it has met it."""

    def __init__(self):
        super().__init__()
        self.counts = []

    def encoding(self, params, problem):
        return Encoding(numeric=params.get("numeric", "raw"))

    def fit(self, params, fold, context, report):
        fold.memo["count"] = fold.memo.get("count", 0) + 1
        self.counts.append(fold.memo["count"])
        return super().fit(params, fold, context, report)


def test_the_memo_of_a_fold_and_view_is_kept_for_the_next_trial(open_bench):
    family = Remembers()
    bench = open_bench(family)
    for number in range(3):
        execute_job(job_of(number=number), bench, ignore)
    assert family.counts == [1, 2, 3]


def test_another_fold_and_another_view_have_memos_of_their_own(open_bench):
    family = Remembers()
    bench = open_bench(family)
    execute_job(job_of(fold=0), bench, ignore)
    execute_job(job_of(fold=1), bench, ignore)
    execute_job(job_of(fold=0, number=1, params={"numeric": "standard"}), bench, ignore)
    execute_job(job_of(fold=1, number=1), bench, ignore)
    assert family.counts == [1, 1, 1, 2]


def test_the_fold_used_longest_ago_is_forgotten_first(open_bench):
    family = Remembers()
    bench = open_bench(family)
    bench.setup = replace(bench.setup, memo_gib=0.0)  # room for a single one
    for fold in (0, 0, 1, 0):
        execute_job(job_of(fold=fold), bench, ignore)
    assert family.counts == [1, 2, 1, 1]


def test_as_many_folds_are_kept_as_there_is_room_for(open_bench):
    family = Remembers()
    bench = open_bench(family)
    bench.setup = replace(bench.setup, memo_gib=2 / 2**10)  # small ones count as one MiB each
    for fold in (0, 1, 0, 1, 2, 1, 0):
        execute_job(job_of(fold=fold), bench, ignore)
    assert family.counts == [1, 1, 2, 2, 1, 3, 1]


class Overwrites(Family):
    """Would change what later trials learn from."""

    def fit(self, params, fold, context, report):
        fold.y_train[:] = 0
        return super().fit(params, fold, context, report)


def test_what_later_trials_learn_from_cannot_be_overwritten(open_bench):
    with pytest.raises(ValueError, match="read-only"):
        execute_job(job_of(), open_bench(Overwrites()), ignore)


def test_a_fold_is_encoded_once_for_all_trials(open_bench):
    bench = open_bench(Family())
    first = execute_job(job_of(), bench, ignore)
    second = execute_job(job_of(number=1), bench, ignore)
    assert first.encode_s > 0
    assert second.encode_s == 0


def test_a_worker_opens_what_the_controller_has_written(open_bench):
    bench = open_bench(Family())
    opened = open_worker_state(TrialSetup(bench.setup.run, "roc_auc", seed=0, n_folds=3))
    assert opened.metric.name == "roc_auc"
    assert opened.plan.digest == bench.plan.digest
    np.testing.assert_array_equal(opened.dataset.y, bench.dataset.y)
    assert opened.registry.families


def test_a_model_without_out_of_bag_predictions_is_told_what_it_lacks(open_bench):
    class Forgets(Family, OutOfBagFamily):
        """Returns a model that cannot predict out of bag."""

    with pytest.raises(BadPredictionError, match="has no out_of_bag_prediction: Model"):
        execute_job(job_of(fold=ALL_ROWS), open_bench(Forgets()), ignore)


class Bagged(OutOfBag):
    """Has out-of-bag predictions, and is asked for them or not."""

    def fit(self, params, fold, context, report):
        model = Model([0.4, 0.6])
        model.out_of_bag_prediction = lambda: np.tile([0.4, 0.6], (len(fold.y_train), 1))
        return model


@pytest.mark.parametrize("fold", [0, ALL_ROWS])
def test_the_time_of_predicting_is_that_of_a_thousand_new_rows(open_bench, timed, fold):
    """Here are 60: neither they nor predictions out of bag say what 1,000 rows take."""
    result = execute_job(job_of(fold=fold), open_bench(Bagged()), ignore)
    assert result.predict_ms == 7.0 + 7.0  # of the rows, and of their encoding
    assert [len(rows) for rows in timed] == [1_000, 1_000]


def test_encoding_is_part_of_predicting_and_timed_once_for_all_trials(open_bench, monkeypatch):
    loaded = []
    load = EncoderStore.encoder
    monkeypatch.setattr(
        EncoderStore, "encoder", lambda store, *key: (loaded.append(key), load(store, *key))[1]
    )
    bench = open_bench(Family())
    for number in range(2):
        for fold in (0, 1):
            execute_job(job_of(fold=fold, number=number), bench, ignore)
    keys = [key for key in loaded if key[2] == Family.kinds]
    assert [fold for fold, _, _ in keys] == [0, 1]
    assert all(bench.encode_ms(*key) > 0 for key in keys)


class Packs(Family, PackedFamily):
    """Fits several at once; one whose params say so fails by itself."""

    packable_params = frozenset({"fail"})

    def max_pack_size(self, params, problem):
        return 2

    def fit_pack(self, members, context):
        self.packs = [*getattr(self, "packs", []), (list(members), context)]
        return [
            TrialPruned() if m.params.get("fail") else self.fit(m.params, m.fold, context, m.report)
            for m in members
        ]


def test_fits_of_a_pack_leave_what_they_would_leave_alone(open_bench):
    bench = open_bench(Packs())
    alone = [execute_job(job_of(fold=fold), bench, ignore) for fold in (0, 1)]
    jobs = [job_of(fold=fold, number=1, time_limit_s=8.0, n_threads=2) for fold in (0, 1)]
    results = [result for _, result in execute_pack(jobs, bench, lambda job: ignore)]
    assert [r.score for r in results] == [r.score for r in alone]
    assert [(r.fold, r.n_members) for r in results] == [(0, 2), (1, 2)]
    for fold in (0, 1):
        assert bench.run.model("plain-1", fold).is_dir()
        one, other = (bench.run.oof(f"plain-{n}", fold).read_bytes() for n in (0, 1))
        assert one == other
    ((members, context),) = bench.registry.get("plain").packs
    assert [m.seed for m in members] == [5, 5]
    assert (context.time_limit_s, context.n_threads) == (8.0, 2)


def test_a_member_that_fails_leaves_nothing_and_the_others_all(open_bench):
    bench = open_bench(Packs())
    jobs = [job_of(number=0, params={"fail": True}), job_of(number=1)]
    failed, done = (outcome for _, outcome in execute_pack(jobs, bench, lambda job: ignore))
    assert isinstance(failed, TrialPruned)
    assert done.score is not None
    assert not bench.run.fold("plain-0", 0).exists()
    assert bench.run.fold("plain-1", 0).is_dir()


def test_members_report_for_themselves(open_bench):
    class Tells(Packs):
        def fit(self, params, fold, context, report):
            report(1, 0.5)
            return super().fit(params, fold, context, report)

    heard = []
    jobs = [job_of(number=n) for n in (0, 1)]
    bench = open_bench(Tells())
    outcomes = execute_pack(
        jobs, bench, lambda job: lambda step, score: heard.append(str(job.job_id))
    )
    assert [outcome.steps for _, outcome in outcomes] == [((1, 0.5),)] * 2
    assert heard == ["plain-0/fold-0", "plain-1/fold-0"]


def test_what_a_fit_keeps_is_there_for_the_next_attempt_and_gone_when_it_is_over(open_bench):
    class Keeps(Family):
        crashes = True

        def fit(self, params, fold, context, report):
            self.found = context.scratch_dir.exists()
            context.scratch_dir.mkdir(parents=True, exist_ok=True)
            if self.crashes:
                raise SystemExit
            return super().fit(params, fold, context, report)

    family = Keeps()
    bench = open_bench(family)
    with pytest.raises(SystemExit):
        execute_job(job_of(), bench, ignore)
    assert bench.run.scratches == [bench.run.scratch("plain-0", 0)]
    family.crashes = False
    execute_job(job_of(attempt=1), bench, ignore)
    assert family.found
    assert bench.run.scratches == []


@pytest.mark.parametrize("error", [TrialPruned(3), ArithmeticError("no")])
def test_what_a_fit_keeps_is_gone_when_it_ends_by_an_error(open_bench, error):
    class Keeps(Family):
        def fit(self, params, fold, context, report):
            context.scratch_dir.mkdir(parents=True)
            raise error

    bench = open_bench(Keeps())
    with pytest.raises(type(error)):
        execute_job(job_of(), bench, ignore)
    assert bench.run.scratches == []
