"""Fits of a family trained together: each as if it were alone, whatever the others are."""

from dataclasses import replace

import numpy as np
import pytest

from automl.plugin import PackFit, Task, TrialPruned
from automl.testing import CountedClock
from automl.testing.tables import synthetic_table
from automl_plugins.torch.tabular.mlp import Mlp
from automl_plugins.torch.tabular.realmlp import RealMlp
from automl_plugins.torch.tabular.resnet import ResNet
from automl_plugins.torch.tabular.tabm import TabM

FAMILIES = {family.name: family for family in (Mlp(), RealMlp(), ResNet(), TabM())}
SMALL = {"width": 64, "batch_size": 64}
each_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


def silent(step, score):
    """A report that nobody reads."""


def table_of(task, max_epochs=2):
    return synthetic_table(task, family=Mlp(), settings={"max_epochs": max_epochs})


def folds_of(family, table, params, n=3):
    view, rows = family.encoding(params, table.problem()), np.arange(len(table.y))
    return [table.fold(view, valid=rows % n == i) for i in range(n)]


def params_of(family, table, **changes):
    return {**family.portfolio(table.problem())[0], **SMALL, **changes}


def alone(family, member, table):
    return family.fit(member.params, member.fold, table.context(member.seed), member.report)


@each_family
def test_params_times_folds_become_what_they_become_alone(family):
    table = table_of(Task.REGRESSION)
    choices = [params_of(family, table), params_of(family, table, lr=0.004, dropout=0.4)]
    folds = folds_of(family, table, choices[0], n=2)
    members = [
        PackFit(params, fold, seed, silent)
        for seed, (params, fold) in enumerate((p, f) for p in choices for f in folds)
    ]
    together = family.fit_pack(members, table.context())
    for member, model in zip(members, together, strict=True):
        expected = alone(family, member, table).predict(member.fold.X_valid)
        np.testing.assert_allclose(model.predict(member.fold.X_valid), expected, atol=2e-3)


@pytest.mark.parametrize(("task", "n_ends"), [(Task.BINARY, 2), (Task.QUANTILE, 1)])
def test_each_member_logs_what_it_would_log_alone(task, n_ends):
    """One stops early where there are classes; two have too few validation rows to."""
    table = table_of(task, max_epochs=30)
    choices = [params_of(Mlp(), table), params_of(Mlp(), table, lr=2.0)]
    fold, other = folds_of(Mlp(), table, choices[0], n=2)
    few = replace(other, X_valid=other.X_valid[:15], y_valid=other.y_valid[:15], memo={})
    members = [
        PackFit(params, part, seed, silent)
        for seed, (params, part) in enumerate((p, f) for p in choices for f in (fold, few))
    ]
    together = Mlp().fit_pack(members, table.context())
    ends = set()
    for member, model in zip(members, together, strict=True):
        logs, expected = model.stages, alone(Mlp(), member, table).stages
        assert len(logs) == len(expected) == (member.fold is fold)
        for log, own in zip(logs, expected, strict=True):
            common = sorted(set(log.stages) & set(own.stages))[:8]  # rounding grows later on
            for stage in common:
                one, two = (each.predictions[each.stages.index(stage)] for each in (log, own))
                np.testing.assert_allclose(one, two, atol=5e-3)
            assert len(common) == 8
            ends.add(log.stages[-1])
    assert len(ends) == n_ends


def test_what_is_logged_does_not_depend_on_the_size_of_the_pack(monkeypatch):
    monkeypatch.setattr("automl_plugins.torch.core.validation.MOST_LOG_BYTES", 8_000)
    table = table_of(Task.REGRESSION, max_epochs=12)
    params = params_of(Mlp(), table)
    folds = folds_of(Mlp(), table, params)
    members = [PackFit(params, fold, 0, silent) for fold in folds]
    logs = [model.stages[0] for model in Mlp().fit_pack(members, table.context())]
    alone_ = [alone(Mlp(), member, table).stages[0] for member in members]
    assert [log.stages for log in logs] == [log.stages for log in alone_]
    assert all(2 <= len(log.stages) <= 5 for log in logs)


def test_params_times_folds_are_one_program(monkeypatch):
    from automl_plugins.torch.tabular.training import fit as _fit

    sizes, train_pack = [], _fit.train_pack

    def noted(pack, *rest):
        sizes.append(pack.n_members)
        return train_pack(pack, *rest)

    monkeypatch.setattr(_fit, "train_pack", noted)
    table = table_of(Task.REGRESSION, max_epochs=1)
    choices = [params_of(Mlp(), table, lr=lr) for lr in (0.1, 0.2)]
    folds = folds_of(Mlp(), table, choices[0])
    members = [PackFit(p, fold, 0, silent) for p in choices for fold in folds]
    Mlp().fit_pack(members, table.context())
    assert sizes == [6]


def test_folds_with_other_columns_and_params_of_other_shapes_may_be_given_together():
    """They are trained in packs of their own."""
    table = table_of(Task.BINARY)
    params = params_of(Mlp(), table)
    (fold, *_) = folds_of(Mlp(), table, params)
    narrow = replace(
        fold,
        X_train=fold.X_train[:, 1:],
        X_valid=fold.X_valid[:, 1:],
        features=replace(fold.features, names=fold.features.names[1:], categorical=(2,)),
        memo={},
    )
    deep = {**params, "n_layers": 4}
    members = [PackFit(*one, 0, silent) for one in ((params, fold), (params, narrow), (deep, fold))]
    models = Mlp().fit_pack(members, table.context())
    for member, model in zip(members, models, strict=True):
        expected = alone(Mlp(), member, table).predict(member.fold.X_valid)
        np.testing.assert_allclose(model.predict(member.fold.X_valid), expected, atol=1e-4)


def test_a_member_that_is_pruned_ends_alone():
    def prune(step, score):
        if step == 2:
            raise TrialPruned

    table = table_of(Task.MULTICLASS, max_epochs=4)
    params = params_of(Mlp(), table)
    (fold, *_) = folds_of(Mlp(), table, params)
    seen = []
    members = [
        PackFit(params, fold, 0, prune),
        PackFit(params, fold, 1, lambda step, score: seen.append(step)),
    ]
    first, second = Mlp().fit_pack(members, table.context())
    assert isinstance(first, TrialPruned)
    assert seen == [1, 2, 3, 4]
    assert second.predict(fold.X_valid).shape == (len(fold.y_valid), 4)


def test_all_packs_together_end_within_their_time():
    table = table_of(Task.REGRESSION, max_epochs=100_000)
    params = params_of(Mlp(), table)
    (fold, *_) = folds_of(Mlp(), table, params)
    members = [PackFit({**params, "n_layers": n}, fold, n, silent) for n in (1, 2, 3)]
    clock = CountedClock(look_s=0.01)
    models = Mlp().fit_pack(members, table.context(time_limit_s=3.0, clock=clock))
    assert 200 < clock.n_looks <= 300
    assert all(np.isfinite(model.predict(fold.X_valid)).all() for model in models)


@each_family
def test_params_of_one_shape_are_packed_whatever_their_rates(family):
    problem = replace(table_of(Task.BINARY).problem(), n_gpus=1, n_folds=4)
    params = dict(family.portfolio(problem)[0])
    others = [{**params, "lr": 0.003}, {**params, "dropout": 0.0}, {**params, "n_layers": 1}]
    assert family.split_into_packs([params, *others], problem) == [[0, 1, 2], [3]]


def test_a_pack_fills_the_cache_of_a_core_or_a_gpu():
    problem = replace(table_of(Task.REGRESSION).problem(), n_folds=4, n_rows=20_000)
    params = Mlp().portfolio(problem)[0]
    assert Mlp().max_pack_size(params, problem) == 2  # 8 nets of 256 x 256 values
    assert Mlp().max_pack_size(params, replace(problem, n_gpus=1)) == 16
    assert Mlp().max_pack_size({**params, "width": 512, "batch_size": 1024}, problem) == 1


def test_with_several_threads_packs_are_trained_side_by_side_and_give_the_same():
    import threading

    table = table_of(Task.REGRESSION, max_epochs=4)
    params = params_of(Mlp(), table)
    folds, inside, seen = folds_of(Mlp(), table, params), [], set()

    def report(step, score):
        assert not inside  # two at once would mix what they send
        inside.append(step)
        seen.add(threading.get_ident())
        inside.clear()

    members = [PackFit(params, fold, seed, report) for seed in (1, 2) for fold in folds]
    one, two = (Mlp().fit_pack(members, table.context(n_threads=n)) for n in (1, 2))
    assert len(seen) > 1
    for member, first, second in zip(members, one, two, strict=True):
        X = member.fold.X_valid
        np.testing.assert_allclose(first.predict(X), second.predict(X), atol=2e-3)


def test_a_pack_has_all_cores_or_a_whole_gpu():
    problem = replace(table_of(Task.REGRESSION).problem(), n_cpus=4, n_folds=5)
    assert Mlp().pack_resources(10, problem).n_cpus == 4
    assert Mlp().pack_resources(3, problem).n_cpus == 3
    on_gpu = Mlp().pack_resources(10, replace(problem, n_gpus=1))
    assert (on_gpu.n_cpus, on_gpu.n_gpus) == (1, 1.0)
