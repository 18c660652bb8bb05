"""Params that the user has fixed are applied, or refused before anything is written."""

import numpy as np
import pandas as pd
import pytest

from automl import search
from automl.config.schema import SearchConfig
from automl.data import load_dataset
from automl.errors import ConfigError
from automl.metrics import get_metric
from automl.plugin import ColumnKind, Param, ProblemInfo, Task
from automl.registry import load_registry
from automl.scheduling.devices.capacity import Capacity, Node
from automl.store.run_dir import RunDir
from automl.tuning.problem.fixed_params import check_fixed
from automl.tuning.problem.problem import read_problem

HERE = Capacity((Node("here", 2),))


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    n = 60
    return pd.DataFrame(
        {
            "age": rng.normal(size=n),
            "same": 1.0,
            "colour": np.array(["red", "blue"])[rng.integers(0, 2, n)],
            "y": rng.normal(size=n),
        }
    )


@pytest.fixture(scope="module")
def dataset(frame):
    return load_dataset(frame, target="y")


@pytest.fixture
def check(dataset, family):
    """check(fixed, extra): checks the toy family; returns the texts of what is wrong."""

    def check(fixed, extra=None, task=Task.REGRESSION, space=None):
        toy = family(space) if space else family()
        toy.extra_params = lambda problem: extra or {}
        metric = get_metric("rmse", Task.REGRESSION)
        problem = ProblemInfo(task, metric, 60, 1, 1, settings={"fixed": fixed})
        try:
            check_fixed({"toy": (toy, problem)}, dataset)
        except ConfigError as error:
            return str(error).split("\n")
        return []

    return check


def test_values_that_trials_can_have_are_taken(check):
    assert check({"rate": 1, "depth": 3, "kind": "dropout", "share": 0.5}) == []


@pytest.mark.parametrize(
    ("fixed", "said"),
    [
        ({"depht": 3}, "toy has no such param; did you mean 'depth'?"),
        ({"bogus": 3}, "toy has no such param (the search space has: depth, kind, rate, share)"),
        ({"rate": 2.0}, "fixed.rate=2.0: expected a number from 0.01 to 1"),
        ({"rate": "0.5"}, "fixed.rate='0.5': expected a number"),
        ({"rate": float("nan")}, "fixed.rate=nan: expected a number"),
        ({"depth": 2.0}, "fixed.depth=2.0: expected an integer from 1 to 9"),
        ({"depth": True}, "fixed.depth=True: expected an integer"),
        ({"depth": None}, "fixed.depth=null: expected an integer"),
        ({"depth": [2]}, "fixed.depth=[2]: expected an integer"),
        ({"depth": {"a": 2}}, "fixed.depth={'a': 2}: expected an integer"),
        ({"kind": "plian"}, "expected one of 'plain', 'dropout'; did you mean 'plain'?"),
        ({"kind": "plain", "share": 0.2}, "toy does not use it together with kind: 'plain'"),
    ],
)
def test_a_value_that_no_trial_can_have_is_refused(check, fixed, said):
    (text,) = check(fixed)
    assert text.startswith(f"model.toy.fixed.{list(fixed)[-1]}")
    assert said in text


def test_all_that_is_wrong_comes_at_once(check):
    assert len(check({"rate": 2.0, "depht": 3, "kind": 1})) == 3


def test_a_range_that_depends_on_a_fixed_param_is_that_of_its_value(check):
    def space(suggest):
        kind = suggest.suggest_categorical("kind", ["small", "large"])
        high = 10 if kind == "small" else 100
        return {"kind": kind, "size": suggest.suggest_int("size", 1, high)}

    assert check({"size": 50}, space=space) == []
    assert check({"size": 50, "kind": "large"}, space=space) == []
    (text,) = check({"size": 50, "kind": "small"}, space=space)
    assert "expected an integer from 1 to 10" in text


EXTRA = {
    "rate": Param("float", above=0),
    "eta": Param(alias_of="rate"),
    "seed": Param(refused="use --seed"),
    "grow": Param(choices=("leaf", None)),
    "leaves": Param("int", low=2, needs={"grow": ("leaf",)}),
    "mono": Param("int", low=-1, high=1, form="columns", columns=frozenset({ColumnKind.NUMERIC})),
    "mono_method": Param(choices=("basic", "advanced"), needs={"mono": ()}),
    "pairs": Param(form="groups"),
}


@pytest.mark.parametrize(
    "fixed",
    [
        {"rate": 7.5},  # beyond what trials vary
        {"grow": None},
        {"grow": "leaf", "leaves": 4},
        {"mono": {"age": -1}, "mono_method": "basic"},
        {"pairs": [["age", "colour"], ["colour"]]},
    ],
)
def test_what_a_family_lists_beyond_its_space_is_taken(check, fixed):
    assert check(fixed, EXTRA) == []


@pytest.mark.parametrize(
    ("fixed", "said"),
    [
        ({"rate": 0}, "model.toy.fixed.rate=0: expected a number above 0"),
        ({"eta": 0.1}, "model.toy.fixed.eta=0.1: use model.toy.fixed.rate"),
        ({"seed": 1}, "model.toy.fixed.seed=1: it cannot be set: use --seed"),
        ({"gro": "leaf"}, "did you mean 'grow'?"),
        ({"leaves": 4}, "it has an effect only if grow: 'leaf' is fixed as well"),
        ({"leaves": 4, "grow": None}, "only if grow: 'leaf' is fixed as well"),
        ({"mono_method": "basic"}, "only if mono is fixed as well"),
        ({"mono": [1, 0]}, "expected a mapping of columns such as {age: 1}"),
        ({"mono": {}}, "expected a mapping of columns"),
        ({"mono": {"age": 2}}, "fixed.mono.age=2: expected an integer from -1 to 1"),
        ({"mono": {"agee": 1}}, "there is no column 'agee'; did you mean 'age'?"),
        ({"mono": {"y": 1}}, "'y' is the target"),
        ({"mono": {"same": 1}}, "column 'same' is not used: "),
        ({"mono": {"colour": 1}}, "column 'colour' is categorical, and it must be numeric"),
        ({"pairs": ["age", "colour"]}, "expected a list of groups of columns"),
        ({"pairs": [["age", "age"]]}, "a group has the column 'age' twice"),
        ({"pairs": [["hue"]]}, "there is no column 'hue'"),
    ],
)
def test_what_does_not_fit_the_list_of_a_family_is_refused(check, fixed, said):
    (text,) = check(fixed, EXTRA)
    assert said in text


def test_a_column_whose_name_is_not_its_own_cannot_be_named(family):
    rng = np.random.default_rng(0)
    data = pd.DataFrame(rng.normal(size=(30, 3)), columns=["age", "age", "y"])
    toy = family()
    toy.extra_params = lambda problem: EXTRA
    problem = ProblemInfo(
        Task.REGRESSION,
        get_metric("rmse", Task.REGRESSION),
        30,
        2,
        settings={"fixed": {"mono": {"age": 1}}},
    )
    with pytest.raises(ConfigError, match="2 columns are called 'age'"):
        check_fixed({"toy": (toy, problem)}, load_dataset(data, target="y"))


@pytest.fixture
def read(frame, tmp_path):
    def read(model, families=("linear", "svm", "lightgbm")):
        config = SearchConfig(family=list(families), model=model)
        config.scheduler.cpus = 1
        config.scheduler.gpus = []
        return read_problem(frame, config, load_registry(), RunDir(tmp_path / "run"), HERE)

    return read


def test_a_param_of_another_family_is_said_to_be_its(read):
    with pytest.raises(ConfigError, match=r"linear\.fixed\.gamma=0\.1: linear has no .*svm has"):
        read({"linear": {"fixed": {"gamma": 0.1}}})


def test_a_param_for_other_data_is_said_to_be_for_them(frame, tmp_path):
    config = SearchConfig(family=["lightgbm"], model={"lightgbm": {"fixed": {"cat_l2": 1.0}}})
    config.scheduler.gpus = []
    numbers = frame.drop(columns="colour")
    with pytest.raises(ConfigError, match=r"cat_l2.*categor"):
        read_problem(numbers, config, load_registry(), RunDir(tmp_path / "run"), HERE)


def test_params_of_a_family_that_is_not_tried_are_said_to_have_no_effect(read):
    problem = read({"knn": {"fixed": {"n_neighbours": 3}}})
    assert "model.knn.fixed has no effect: knn is not tried" in problem.notes


def test_a_refused_param_leaves_no_run_directory(frame, tmp_path):
    out = tmp_path / "run"
    settings = {"family": ["linear"], "model.linear.fixed": {"CC": 1.0}}
    with pytest.raises(ConfigError, match="did you mean 'C'"):
        search(frame, "y", trials=1, out=out, settings=settings)
    assert not out.exists()


def test_a_constraint_is_said_to_bind_its_family_alone(read):
    fixed = {"lightgbm": {"fixed": {"monotone_constraints": {"age": 1}}}}
    (note,) = [n for n in read(fixed).notes if "monotone_constraints" in n]
    assert note == (
        "model.lightgbm.fixed.monotone_constraints applies only to lightgbm, and the ensemble may "
        "mix it with linear, svm: 'family=[lightgbm]' excludes them"
    )
    assert not [n for n in read(fixed, ("lightgbm",)).notes if "monotone" in n]
