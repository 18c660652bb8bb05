"""The family mlp: what it learns, what it promises, what it leaves on disk."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

from automl.plugin import (
    Features,
    Fold,
    Metric,
    ProblemInfo,
    Task,
    TrialContext,
    TrialPruned,
)
from automl.testing import CountedClock, FamilyTestCase, synthetic_table
from automl_plugins.torch.tabular.mlp import Mlp

ACCURACY = Metric(
    "accuracy",
    True,
    "labels",
    (0.0, 1.0),
    frozenset({Task.BINARY, Task.MULTICLASS}),
    lambda y, p, w: float(np.average(y == p, weights=w)),
)
RMSE = Metric(
    "rmse",
    False,
    "values",
    (0.0, float("inf")),
    frozenset({Task.REGRESSION}),
    lambda y, p, w: float(np.sqrt(np.average((y - p) ** 2, weights=w))),
)
FAST = {"max_epochs": 15}


class TestMlp(FamilyTestCase):
    family = Mlp()
    settings = FAST


def silent(step, score):
    """A report that nobody reads."""


def make_fold(X, y, categorical=(), cardinalities=(), weight=None):
    X = np.asarray(X, dtype=np.float32)
    order = np.random.default_rng(0).permutation(len(y))
    train, valid = order[len(y) // 4 :], order[: len(y) // 4]
    names = tuple(f"c{i}" for i in range(X.shape[1]))
    w = (None, None) if weight is None else (weight[train], weight[valid])
    X_train, X_valid = X[train], X[valid]
    X_train.flags.writeable = X_valid.flags.writeable = False  # as a memory map gives them
    return Fold(
        X_train,
        y[train],
        w[0],
        X_valid,
        y[valid],
        w[1],
        Features(names, categorical, cardinalities),
    )


def make_context(fold, task, seed=0, settings=FAST, **slot):
    n_classes = int(fold.y_train.max()) + 1 if task.is_classification else 0
    metric = ACCURACY if task.is_classification else RMSE
    problem = ProblemInfo(
        task,
        metric,
        len(fold.y_train),
        fold.X_train.shape[1] - len(fold.features.categorical),
        len(fold.features.categorical),
        n_categories=fold.features.cardinalities,
        n_classes=n_classes,
        settings={**Mlp.settings, **settings},
    )
    return TrialContext(problem, seed, **slot)


def standardised(X):
    return (X - X.mean(0)) / np.maximum(X.std(0), 1e-9)


@pytest.fixture(scope="module")
def binary():
    data = load_breast_cancer()
    return make_fold(standardised(data.data), data.target)


@pytest.fixture(scope="module")
def multiclass():
    data = load_digits()
    return make_fold(standardised(data.data), data.target)


@pytest.fixture(scope="module")
def regression():
    data = load_diabetes()
    return make_fold(standardised(data.data), data.target * 1000.0 + 1e6)


@pytest.fixture(scope="module")
def mixed():
    """A target that one category of three and one of thirty decide."""
    rng = np.random.default_rng(1)
    few, many = rng.integers(1, 4, 1200), rng.integers(1, 31, 1200)
    X = np.stack([rng.normal(size=1200), few, many], axis=1)
    return make_fold(X, ((few == 2) ^ (many % 2 == 0)).astype(np.int64), (1, 2), (4, 31))


def fit(fold, task, report=silent, entry=0, **slot):
    context = make_context(fold, task, **slot)
    params = Mlp().portfolio(context.problem)[entry]
    return Mlp().fit(params, fold, context, report)


def score(model, fold, metric):
    return metric.score(fold.y_valid, model.predict(fold.X_valid), fold.weight_valid)


def test_it_classifies_two_classes(binary):
    assert score(fit(binary, Task.BINARY), binary, ACCURACY) > 0.93


def test_it_classifies_many_classes(multiclass):
    model = fit(multiclass, Task.MULTICLASS)
    prediction = model.predict(multiclass.X_valid)
    assert prediction.shape == (len(multiclass.y_valid), 10)
    assert np.allclose(prediction.sum(axis=1), 1.0, atol=1e-12)
    assert ACCURACY.score(multiclass.y_valid, prediction) > 0.94


def test_it_regresses_whatever_the_unit_of_the_target(regression):
    model = fit(regression, Task.REGRESSION)
    prediction = model.predict(regression.X_valid)
    assert prediction.shape == regression.y_valid.shape
    assert RMSE.score(regression.y_valid, prediction) < 0.82 * regression.y_valid.std()


def test_predictions_stay_near_the_range_of_the_training_target(regression):
    model = fit(regression, Task.REGRESSION)
    far = model.predict(regression.X_valid * 1000.0)
    low, high = regression.y_train.min(), regression.y_train.max()
    margin = 0.011 * (high - low)
    assert far.min() >= low - margin
    assert far.max() <= high + margin


def test_a_constant_target_is_predicted():
    fold = make_fold(np.random.default_rng(0).normal(size=(80, 2)), np.full(80, 3.0))
    assert np.allclose(fit(fold, Task.REGRESSION).predict(fold.X_valid), 3.0)


NOISE = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("X", "categorical", "cardinalities"),
    [
        pytest.param(NOISE.normal(size=(5, 3)), (), (), id="five rows"),
        pytest.param(NOISE.normal(size=(60, 1)), (), (), id="one column"),
        pytest.param(np.zeros((60, 1)), (), (), id="a constant column"),
        pytest.param(np.zeros((60, 1)), (0,), (1,), id="a column of missing categories"),
        pytest.param(NOISE.integers(0, 40, (60, 2)), (0, 1), (40, 40), id="only categories"),
        pytest.param(NOISE.normal(size=(60, 3)) * 1e15, (), (), id="huge numbers"),
    ],
)
def test_poor_data_still_gives_finite_predictions(X, categorical, cardinalities):
    fold = make_fold(X, np.arange(len(X)) % 2, categorical, cardinalities)
    model = fit(fold, Task.BINARY, settings={"max_epochs": 3})
    assert np.isfinite(model.predict(fold.X_valid)).all()


def test_a_class_that_the_fold_lacks_gets_a_probability_all_the_same():
    fold = make_fold(NOISE.normal(size=(60, 2)), np.arange(60) % 2)
    context = make_context(fold, Task.MULTICLASS)
    context = replace(context, problem=replace(context.problem, n_classes=4))
    params = Mlp().portfolio(context.problem)[0]
    assert Mlp().fit(params, fold, context, silent).predict(fold.X_valid).shape == (15, 4)


def test_it_learns_from_categories(mixed):
    model = fit(mixed, Task.BINARY, settings={"max_epochs": 60})
    assert score(model, mixed, ACCURACY) > 0.95


def test_codes_it_never_saw_are_predicted_as_missing(mixed):
    model = fit(mixed, Task.BINARY)
    missing, strange = mixed.X_valid.copy(), mixed.X_valid.copy()
    missing[:, 1:] = 0
    strange[:, 1] = 99
    strange[::2, 2], strange[1::2, 2] = -1, np.nan
    assert np.array_equal(model.predict(strange), model.predict(missing))


@pytest.mark.parametrize("entry", range(5))
def test_every_portfolio_entry_fits_and_is_json(mixed, entry):
    context = make_context(mixed, Task.BINARY)
    params = Mlp().portfolio(context.problem)[entry]
    assert json.loads(json.dumps(params)) == params
    model = fit(mixed, Task.BINARY, entry=entry, settings={"max_epochs": 3})
    assert np.isfinite(model.predict(mixed.X_valid)).all()


class OwnValues:
    """A suggest that answers with given values, and refuses what lies outside of the space."""

    def __init__(self, values):
        self.values, self.asked = values, set()

    def suggest_float(self, name, low, high, *, log=False):
        self.asked.add(name)
        assert low <= self.values[name] <= high, name
        return self.values[name]

    suggest_int = suggest_float

    def suggest_categorical(self, name, choices):
        self.asked.add(name)
        assert self.values[name] in choices, name
        return self.values[name]


@pytest.mark.parametrize("n_rows", [50, 1_000, 5_000, 20_000, 100_000, 1_000_000])
@pytest.mark.parametrize("task", [Task.BINARY, Task.REGRESSION])
def test_the_portfolio_is_complete_and_lies_inside_the_space(n_rows, task):
    metric = RMSE if task is Task.REGRESSION else ACCURACY
    problem = ProblemInfo(task, metric, n_rows, 10, n_classes=2 if task is Task.BINARY else 0)
    for params in Mlp().portfolio(problem):
        suggest = OwnValues(params)
        assert Mlp().search_space(suggest, problem) == params
        assert suggest.asked == set(params)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(binary):
    first, same, other = (fit(binary, Task.BINARY, seed=s) for s in (3, 3, 4))
    expected = first.predict(binary.X_valid)
    assert np.array_equal(expected, same.predict(binary.X_valid))
    assert not np.array_equal(expected, other.predict(binary.X_valid))


def test_a_fit_leaves_the_random_state_and_the_threads_of_torch_as_they_were(binary):
    import torch

    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    n_threads = torch.get_num_threads()
    fit(binary, Task.BINARY, settings={"max_epochs": 2}, n_threads=n_threads + 1)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == n_threads


def test_many_rows_are_predicted_to_the_same_bits_by_any_number_of_threads(binary):
    import torch

    n_threads = torch.get_num_threads()
    model = fit(binary, Task.BINARY, settings={"max_epochs": 2}, n_threads=1)
    X = np.tile(binary.X_valid, (100, 1))[:9000]
    one, three = (replace(model, n_threads=n).predict(X) for n in (1, 3))
    assert len(one) == 9000
    np.testing.assert_array_equal(one, three)
    assert torch.get_num_threads() == n_threads


def test_reports_are_the_scores_of_the_epochs_and_the_best_epoch_is_kept(regression):
    seen = []
    model = fit(regression, Task.REGRESSION, lambda step, value: seen.append((step, value)))
    assert [step for step, _ in seen] == list(range(1, len(seen) + 1))
    scores = [value for _, value in seen]
    assert score(model, regression, RMSE) == pytest.approx(min(scores))
    assert scores != sorted(scores, reverse=True)  # of each epoch, and not the best so far


def test_what_each_epoch_predicts_is_logged_by_the_share_of_the_schedule(regression):
    seen = []
    model = fit(regression, Task.REGRESSION, lambda step, value: seen.append(value))
    (log,) = model.stages
    assert log.stages == pytest.approx(np.arange(1, 16) / 15)
    y = regression.y_valid
    rmse = [np.sqrt(np.mean((p - y) ** 2)) for p in log.predictions]
    assert rmse == pytest.approx(seen, rel=1e-5)


def test_accuracy_is_reported_but_log_loss_chooses_the_epoch(binary):
    seen = []
    model = fit(binary, Task.BINARY, lambda step, value: seen.append(value))
    (log,) = model.stages
    y = binary.y_valid
    accuracy = [np.mean(p.argmax(axis=1) == y) for p in log.predictions]
    assert accuracy == pytest.approx(seen)
    losses = [-np.log(p[np.arange(len(y)), y]).mean() for p in log.predictions]
    best = log.predictions[int(np.argmin(losses))]
    np.testing.assert_allclose(model.predict(binary.X_valid), best, atol=1e-5)


def test_validation_rows_that_are_too_few_choose_no_epoch(regression):
    few = replace(
        regression, X_valid=regression.X_valid[:19], y_valid=regression.y_valid[:19], memo={}
    )
    seen = []
    options = {"settings": {"max_epochs": 40}}
    model = fit(few, Task.REGRESSION, lambda step, value: seen.append(value), **options)
    assert len(seen) == 40
    assert model.stages == ()
    assert score(model, few, RMSE) == pytest.approx(seen[-1])
    assert seen[-1] > min(seen)


def test_the_levels_of_quantiles_have_one_log():
    table = synthetic_table(Task.QUANTILE, family=Mlp(), settings=FAST)
    params = Mlp().portfolio(table.problem())[0]
    fold = table.fold(Mlp().encoding(params, table.problem()))
    (log,) = Mlp().fit(params, fold, table.context(), silent).stages
    assert {prediction.shape for prediction in log.predictions} == {(60, 3)}


def test_a_fit_whose_worker_was_lost_has_the_log_of_one_that_was_not(binary, tmp_path, monkeypatch):
    always = property(lambda checkpoint: checkpoint.path is not None)
    monkeypatch.setattr("automl_plugins.torch.core.checkpoint.Checkpoint.is_due", always)

    def lost(step, value):
        if step == 9:
            raise KeyboardInterrupt

    options = {"settings": {"max_epochs": 60}}
    whole = fit(binary, Task.BINARY, **options)
    with pytest.raises(KeyboardInterrupt):
        fit(binary, Task.BINARY, lost, scratch_dir=tmp_path, **options)
    seen = []
    again = fit(
        binary, Task.BINARY, lambda step, _: seen.append(step), scratch_dir=tmp_path, **options
    )
    assert seen[0] == 9
    for one, other in zip(whole.stages, again.stages, strict=True):
        assert one.stages == other.stages
        np.testing.assert_array_equal(np.stack(one.predictions), np.stack(other.predictions))
    np.testing.assert_array_equal(whole.predict(binary.X_valid), again.predict(binary.X_valid))


def test_early_stopping_ends_a_fit_that_no_longer_gains(binary):
    seen = []
    fit(binary, Task.BINARY, lambda step, _: seen.append(step), settings={"max_epochs": 250})
    assert len(seen) < 250


def test_being_pruned_passes(binary):
    def prune(step, value):
        if step == 2:
            raise TrialPruned

    with pytest.raises(TrialPruned):
        fit(binary, Task.BINARY, prune)


@pytest.mark.parametrize("limit", ["time_limit_s", "deadline"])
def test_it_ends_within_its_time(multiclass, limit):
    clock = CountedClock(look_s=0.01)
    value = 3.0 if limit == "time_limit_s" else clock.now + 3.0
    slot = {"settings": {"max_epochs": 10_000}, "clock": clock, limit: value}
    model = fit(multiclass, Task.MULTICLASS, **slot)
    assert 200 < clock.n_looks <= 300
    assert score(model, multiclass, ACCURACY) > 0.9


def test_row_weights_move_the_predictions():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 2)), np.arange(400) % 2
    plain = fit(make_fold(X, y), Task.BINARY)
    weighted = fit(make_fold(X, y, weight=np.where(y == 1, 1.9, 0.1)), Task.BINARY)
    assert plain.predict(X)[:, 1].mean() == pytest.approx(0.5, abs=0.1)
    assert weighted.predict(X)[:, 1].mean() > 0.85


def test_encoded_rows_are_kept_for_the_next_trial_on_the_fold(binary):
    fold = replace(binary, memo={})
    fit(fold, Task.BINARY, settings={"max_epochs": 1})
    (kept,) = fold.memo.values()
    fit(fold, Task.BINARY, settings={"max_epochs": 1})
    assert next(iter(fold.memo.values())) is kept


@pytest.mark.parametrize(
    ("fold_name", "task"), [("mixed", Task.BINARY), ("regression", Task.REGRESSION)]
)
@pytest.mark.parametrize("entry", [0, 1, 2])
def test_a_loaded_model_predicts_the_same_bits(request, tmp_path, fold_name, task, entry):
    fold = request.getfixturevalue(fold_name)
    model = fit(fold, task, entry=entry, settings={"max_epochs": 2})
    Mlp().save(model, tmp_path)
    loaded = Mlp().load(tmp_path)
    assert np.array_equal(loaded.predict(fold.X_valid), model.predict(fold.X_valid))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.json", "weights.safetensors"]


def test_weights_that_do_not_fit_the_description_are_refused(binary, tmp_path):
    Mlp().save(fit(binary, Task.BINARY, settings={"max_epochs": 1}), tmp_path)
    description = json.loads((tmp_path / "net.json").read_text())
    description["net"]["width"] = 300_000
    (tmp_path / "net.json").write_text(json.dumps(description))
    with pytest.raises(ValueError, match=r"does not fit net\.json: .* expected \(1, 1, 300000"):
        Mlp().load(tmp_path)


def test_a_damaged_description_is_refused(binary, tmp_path):
    Mlp().save(fit(binary, Task.BINARY, settings={"max_epochs": 1}), tmp_path)
    (tmp_path / "net.json").write_text('{"net": {}}')
    with pytest.raises(ValueError, match="does not describe a net"):
        Mlp().load(tmp_path)


def test_a_matrix_of_another_width_is_refused(binary):
    model = fit(binary, Task.BINARY, settings={"max_epochs": 1})
    with pytest.raises(ValueError, match="29 columns; the net needs 30"):
        model.predict(binary.X_valid[:, 1:])


def test_no_rows_give_no_predictions(binary, regression):
    assert fit(binary, Task.BINARY).predict(binary.X_valid[:0]).shape == (0, 2)
    assert fit(regression, Task.REGRESSION).predict(regression.X_valid[:0]).shape == (0,)


def test_data_without_time_for_one_epoch_is_refused_with_a_reason_and_a_gpu_is_not():
    problem = ProblemInfo(
        Task.BINARY, ACCURACY, 10_000_000, 100, n_classes=2, n_cpus=2, time_s=60.0
    )
    reason = Mlp().unsupported_reason(problem)
    assert reason is not None
    assert "10,000,000 rows x 100 columns" in reason
    assert Mlp().unsupported_reason(replace(problem, n_gpus=1)) is None
    assert Mlp().unsupported_reason(replace(problem, time_s=None)) is None
    assert Mlp().unsupported_reason(replace(problem, n_rows=20_000)) is None


def test_many_numeric_columns_are_not_embedded():
    problem = ProblemInfo(Task.BINARY, ACCURACY, 1000, 2000, n_classes=2)
    assert {p["embedding"] for p in Mlp().portfolio(problem)} == {"none"}


def test_a_share_of_a_gpu_is_asked_for_only_where_there_is_one():
    problem = ProblemInfo(Task.BINARY, ACCURACY, 1000, 10, n_classes=2)
    assert Mlp().resources(problem).n_gpus == 0
    assert Mlp().resources(replace(problem, n_gpus=2)).n_gpus == 0.25


def test_importing_the_family_does_not_import_torch():
    code = "import sys, automl_plugins.torch.tabular.mlp; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_missing_torch_is_an_import_error_that_names_it(binary, monkeypatch):
    heavy = tuple(f"automl_plugins.torch.{name}." for name in ("core", "tabular.training"))
    for name in [n for n in sys.modules if n.startswith(heavy)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError) as error:
        fit(binary, Task.BINARY)
    assert error.value.name == "torch"


def test_a_fit_on_the_cpu_makes_no_cuda_context(binary):
    import torch

    fit(binary, Task.BINARY, settings={"max_epochs": 1})
    assert not torch.cuda.is_initialized()


@pytest.mark.gpu
def test_on_a_gpu_it_learns_and_comes_back_to_the_cpu(multiclass, tmp_path):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    model = fit(replace(multiclass, memo={}), Task.MULTICLASS, device="cuda:0")
    assert score(model, multiclass, ACCURACY) > 0.94
    Mlp().save(model, tmp_path)
    loaded = Mlp().load(tmp_path)
    assert np.array_equal(loaded.predict(multiclass.X_valid), model.predict(multiclass.X_valid))
