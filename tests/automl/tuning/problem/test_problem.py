"""The problem of a search: the table, its folds, its metric, and the families that take it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from automl.config.read_options import read_options
from automl.config.schema import SearchConfig
from automl.errors import ConfigError, DataError, PluginError
from automl.plugin import ColumnKind, Resources, Task
from automl.registry import load_registry
from automl.scheduling.devices.capacity import Gpu
from automl.scheduling.devices.machine import capacity_of, make_pool
from automl.store.run_dir import RunDir
from automl.trial.setup import setup_of_run
from automl.tuning.problem.problem import read_problem


def here(config):
    return capacity_of(make_pool(config.scheduler))


@pytest.fixture(scope="module")
def registry():
    return load_registry()


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    n = 120
    return pd.DataFrame(
        {
            "number": rng.normal(size=n),
            "same": 1.0,
            "colour": np.array(["red", "blue"])[rng.integers(0, 2, n)],
            "y": np.array(["no", "yes"])[rng.integers(0, 2, n)],
        }
    )


@pytest.fixture
def read(registry, frame, tmp_path):
    """Reads the problem of a table, or of the usual one."""

    def read(data=frame, families=("baseline", "linear", "lightgbm"), **settings):
        config = SearchConfig(family=list(families), **settings)
        config.scheduler.cpus = 1
        config.scheduler.gpus = []
        return read_problem(data, config, registry, RunDir(tmp_path / "run"), here(config))

    return read


def test_families_come_in_the_order_of_their_priority(read, registry):
    families = [family for family, _ in read().families.values()]
    assert [f.name for f in families] == list(read().families)
    order = [(-f.priority, f.name) for f in families]
    assert order == sorted(order)


def test_reading_writes_nothing(read, tmp_path):
    assert not read().run.path.exists()


def test_the_shape_is_that_of_the_table(read):
    problem = read(time_s=60.0)
    _, info = problem.families["linear"]
    assert info.task is Task.BINARY
    assert info.metric.name == problem.metric.name
    assert (info.n_rows, info.n_numeric, info.n_categorical) == (120, 1, 1)
    assert (info.n_classes, info.n_categories, info.time_s) == (2, (2,), 60.0)
    assert info.n_folds == problem.plan.n_folds == 5


def test_columns_and_rows_that_are_left_out_are_named(read, frame):
    data = frame.copy()
    data.loc[:9, "y"] = None
    notes = read(data).notes
    assert any("'same' ignored" in note for note in notes)
    assert any("10 rows ignored: no target" in note for note in notes)


def test_many_useless_columns_are_one_line_with_a_count_and_three_names(read, frame):
    useless = {f"c{i}": "same" for i in range(110)}
    copies = {f"d{i}": frame["colour" if i else "number"] for i in range(5)}
    notes = [n for n in read(frame.assign(**useless, **copies)).notes if "ignored" in n]
    assert notes == [
        "111 columns ignored, such as 'same', 'c0', 'c1': constant: all rows have the same "
        "value; `automl inspect` lists them",
        "5 columns ignored, such as 'd0', 'd1', 'd2': duplicated; `automl inspect` lists them",
    ]


def test_lost_values_of_many_columns_are_one_line(read, frame):
    odd = frame["number"].astype(str).where(frame.index != 3, "n.k.")
    notes = read(frame.assign(**{f"m{i}": odd + str(i) for i in range(5)})).notes
    lost = [n for n in notes if "count as missing" in n]
    assert len(lost) == 1
    assert lost[0].startswith("5 values of 5 columns do not fit and count as missing, such as")


def test_what_is_missing_is_told_last_and_only_where_it_would_have_helped(frame, tmp_path):
    registry = load_registry()
    known = registry.families["linear"]
    absent = dict.fromkeys(("preload",), ("no_such_library",))

    def lacking(name, kinds):
        attributes = {**absent, "name": name, "kinds": frozenset(kinds), "extra": ""}
        family = type(name, (type(known.family),), attributes)()
        return replace(known, family=family)

    families = {
        "linear": known,
        "trees": lacking("trees", {ColumnKind.NUMERIC}),
        "photos": lacking("photos", {ColumnKind.IMAGE}),
    }
    registry = replace(registry, families=families, broken=())

    def notes(names):
        config = SearchConfig(family=names)
        return read_problem(frame, config, registry, RunDir(tmp_path / "run"), here(config)).notes

    assert "trees" in notes(None)[-1]
    assert not any("photos" in note for note in notes(None))
    assert not any("trees" in note for note in notes(["linear"]))


def test_the_note_on_a_number_that_looks_like_an_id_names_the_setting_that_uses_it(read, frame):
    notes = read(frame.assign(rank=np.arange(len(frame)))).notes
    assert any("'rank' ignored" in note and "{rank: numeric}" in note for note in notes)


def test_a_family_that_does_not_take_the_data_is_left_out_with_its_reason(frame, tmp_path):
    registry = load_registry()
    linear = registry.families["linear"].family
    original = type(linear).kinds
    try:
        type(linear).kinds = frozenset({ColumnKind.TEXT})
        config = SearchConfig(family=["linear", "baseline"])
        problem = read_problem(frame, config, registry, RunDir(tmp_path / "run"), here(config))
        alone = SearchConfig(family=["linear"])
        with pytest.raises(PluginError, match=r"no family supports this data.*no column of a kind"):
            read_problem(frame, alone, registry, RunDir(tmp_path / "run"), here(alone))
    finally:
        type(linear).kinds = original
    assert set(problem.families) == {"baseline"}
    assert "linear skipped: no column of a kind that it supports" in problem.notes


def test_families_that_are_left_out_for_one_reason_are_told_together(frame, tmp_path):
    config = SearchConfig(family=["rnn", "baseline", "rocket"])
    problem = read_problem(frame, config, load_registry(), RunDir(tmp_path / "run"), here(config))
    assert "rocket, rnn skipped: no column of a kind that it supports" in problem.notes


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"target": "z"}, DataError, "'z'"),
        ({"families": ["lightbgm"]}, PluginError, "did you mean 'lightgbm'"),
        ({"metric": "rmse"}, DataError, "not numeric"),
        ({"task": "binary", "metric": "rmse"}, ConfigError, "rmse"),
    ],
)
def test_what_does_not_fit_is_named(read, settings, error, said):
    with pytest.raises(error, match=said) as raised:
        read(**settings)
    assert raised.value.exit_status == 2


def test_a_given_metric_is_what_the_run_is_judged_by(read):
    problem = read(metric="accuracy")
    assert problem.metric.name == problem.setup.metric == "accuracy"


def test_workers_are_told_all_that_the_configuration_says_of_fits(read):
    config = SearchConfig(seed=7, time_s=30.0, model={"linear": {"fixed": {"C": 1.0}}})
    config.plugins.modules, config.plugins.block = ["one"], ["two"]
    problem = read()
    setup = setup_of_run(problem.run, config, problem.plan.n_folds, "accuracy")
    assert (setup.seed, setup.time_s, setup.n_folds) == (7, 30.0, problem.plan.n_folds)
    assert setup.settings == {"linear": {"fixed": {"C": 1.0}}}
    assert (setup.modules, setup.block) == (("one",), ("two",))
    assert setup.run == str(problem.run.path.resolve())


def test_read_options_are_those_of_the_configuration():
    config = SearchConfig()
    config.data.kinds, config.data.drop = {"zip": "categorical"}, ["id"]
    config.data.delimiter, config.data.missing, config.data.sql = ";", ["?"], "select 1"
    options = read_options(config)
    assert options.kinds == {"zip": "categorical"}
    assert (options.drop, options.missing) == (("id",), ("?",))
    assert (options.delimiter, options.sql) == (";", "select 1")


def test_a_family_that_fails_when_asked_is_left_out_with_its_error(read, registry, monkeypatch):
    def resources(self, problem):
        raise ZeroDivisionError("nothing to divide")

    monkeypatch.setattr(type(registry.get("linear")), "resources", resources)
    problem = read()

    assert "linear" not in problem.families
    (note,) = [note for note in problem.notes if "linear" in note]
    assert "ZeroDivisionError: nothing to divide" in note


def test_fits_share_four_fifths_of_the_memory_that_is_available(read, monkeypatch):
    monkeypatch.setattr("automl.scheduling.devices.machine.available_gib", lambda: 20.0)
    (node,) = read().capacity.nodes
    assert node.memory_gib == 16.0
    assert node.limit_gib(1) == 16.0  # one core: one fit at a time


def test_memory_can_be_given(registry, frame, tmp_path):
    config = SearchConfig(family=["baseline"])
    config.scheduler.cpus, config.scheduler.gpus = 4, []
    config.scheduler.memory_gib = 32.0
    (node,) = read_problem(
        frame, config, registry, RunDir(tmp_path / "run"), here(config)
    ).capacity.nodes
    assert (node.memory_gib, node.limit_gib(1)) == (32.0, 8.0)
    config.scheduler.fit_memory_gib = 0.5
    (node,) = read_problem(
        frame, config, registry, RunDir(tmp_path / "run"), here(config)
    ).capacity.nodes
    assert (node.memory_gib, node.limit_gib(1)) == (32.0, 0.5)


def test_where_nobody_says_what_is_available_there_is_no_limit(read, monkeypatch):
    monkeypatch.setattr("automl.scheduling.devices.machine.available_gib", lambda: None)
    monkeypatch.setattr("automl.scheduling.devices.machine.can_measure", lambda: False)
    problem = read()
    assert problem.capacity.limit_gib(1) == float("inf")
    assert [n for n in problem.notes if "memory of fits is not limited" in n]


def test_a_family_that_expects_to_need_too_much_memory_is_tried_and_that_is_said_once(
    read, registry, monkeypatch
):
    monkeypatch.setattr("automl.scheduling.devices.machine.available_gib", lambda: 5.0)
    linear = type(registry.get("linear"))
    monkeypatch.setattr(linear, "resources", lambda self, shape: Resources(ram_gib=9.4))
    problem = read()
    assert "linear" in problem.families
    (note,) = [n for n in problem.notes if "memory" in n]
    assert "family linear expects a fit to take 9.4 GiB" in note
    assert "4.0 GiB" in note
    assert "scheduler.fit_memory_gib" in note


def test_more_cores_than_there_are_can_be_given_and_that_is_said(registry, frame, tmp_path):
    config = SearchConfig(family=["baseline"])
    config.scheduler.cpus, config.scheduler.gpus = 4096, []
    problem = read_problem(frame, config, registry, RunDir(tmp_path / "run"), here(config))
    assert problem.capacity.n_cpus == 4096
    (note,) = [n for n in problem.notes if "scheduler.cpus=4096" in n]
    assert "this process may use" in note


def test_a_family_that_expects_more_than_any_gpu_has_is_tried_and_that_is_said(
    read, registry, monkeypatch
):
    gpus = (Gpu(0, "A", 8.0), Gpu(1, "B", 16.0))
    monkeypatch.setattr("automl.scheduling.devices.machine.find_gpus", lambda wanted: gpus)
    linear = type(registry.get("linear"))
    need = Resources(n_gpus=0.5, vram_gib=40.0)
    monkeypatch.setattr(linear, "resources", lambda self, shape: need)
    problem = read()
    assert "linear" in problem.families
    (note,) = [n for n in problem.notes if "GPU" in n]
    assert "family linear expects a fit to take 40.0 GiB of GPU memory" in note
    assert "16.0 GiB" in note


@pytest.mark.parametrize(
    ("values", "metric", "task"),
    [
        ([1, 2, 3, 4, 5] * 12, "rmse", "regression"),
        ([0, 1] * 30, "mae", "regression"),
        ([*range(30)] * 2, "accuracy", "multiclass"),
        ([*range(30)] * 2, "r2", "regression"),
        ([0.0, 1.0] * 30, "roc_auc", "binary"),
        ([1, 2, 3] * 20, None, "multiclass"),
    ],
)
def test_a_metric_for_one_kind_of_task_decides_it(read, values, metric, task):
    problem = read(pd.DataFrame({"x": np.arange(60.0), "y": values}), metric=metric)
    assert problem.dataset.target.task == task


def test_values_that_are_lost_or_in_doubt_are_named(read):
    odd = [f"{i}.5" for i in range(58)] + ["<0.1", "5*"]
    either = [f"{i},{j}" for i, j in zip(range(1, 61), [123, 456] * 30, strict=True)]
    frame = pd.DataFrame({"odd": odd, "either": either, "y": [0, 1] * 30})
    notes = read(frame).notes
    assert (
        "column 'odd': 2 values are not numbers and count as missing, such as '<0.1', '5*'" in notes
    )
    assert (
        "column 'either': '1,123' is read with a decimal point; data.decimal=comma makes it 1.123"
        in notes
    )


def test_classes_that_look_alike_are_named(read):
    labels = ["yes", "Yes", "no", "caf\u00e9", "cafe", "New  York", "new york"] * 10
    notes = read(pd.DataFrame({"x": np.arange(70.0), "y": labels})).notes
    alike = [note for note in notes if "which may be one" in note]
    assert alike == [
        "the target 'y' has the classes 'New  York' and 'new york', which may be one",
        "the target 'y' has the classes 'Yes' and 'yes', which may be one",
        "the target 'y' has the classes 'cafe' and 'caf\u00e9', which may be one",
    ]
    assert not any("may be one" in note for note in read().notes)
