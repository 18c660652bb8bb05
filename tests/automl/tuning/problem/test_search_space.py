import os
import subprocess
import sys

import optuna
import pytest

from automl.tuning.problem.search_space import FixedSuggest, describe_space


def float_space(low=0.0, high=1.0, log=False, name="x"):
    return lambda suggest: {name: suggest.suggest_float(name, low, high, log=log)}


def test_the_description_of_a_space_is_stable(family, shape):
    assert describe_space(family(), shape()) == describe_space(family(), shape())


def test_the_description_is_the_same_in_every_process():
    code = (
        "import json\n"
        "from automl.metrics import get_metric\n"
        "from automl.plugin import ProblemInfo, Task\n"
        "from automl.tuning.problem.search_space import describe_space\n"
        "class Family:\n"
        "    def search_space(self, suggest, problem):\n"
        "        return {n: suggest.suggest_float(n, 0, 1) for n in {'a', 'b', 'c', 'd', 'e'}}\n"
        "problem = ProblemInfo(Task.BINARY, get_metric('log_loss', Task.BINARY), 100, 4)\n"
        "print(json.dumps(describe_space(Family(), problem), sort_keys=True))\n"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "3")
    }
    assert len(texts) == 1


@pytest.mark.parametrize(
    "changed",
    [
        float_space(low=0.1),
        float_space(high=2.0),
        float_space(low=0.0, log=True),
        float_space(name="y"),
        lambda suggest: {"x": suggest.suggest_int("x", 0, 1)},
        lambda suggest: {"x": suggest.suggest_categorical("x", [0.0, 1.0])},
    ],
)
def test_the_description_changes_with_the_space(family, shape, changed):
    assert describe_space(family(changed), shape()) != describe_space(
        family(float_space()), shape()
    )


def test_the_description_changes_with_the_choices_and_their_order(family, shape):
    spaces = [
        lambda suggest, choices=choices: {"x": suggest.suggest_categorical("x", choices)}
        for choices in (["a", "b"], ["b", "a"], ["a", "b", "c"], ["a", None])
    ]
    assert len({str(describe_space(family(space), shape())) for space in spaces}) == 4


def test_the_description_sees_params_that_depend_on_others(family, shape):
    def space(high):
        def draw(suggest):
            params = {"kind": suggest.suggest_categorical("kind", ["a", "b", "c", "d"])}
            if params["kind"] == "d":
                params["x"] = suggest.suggest_float("x", 0.0, high)
            return params

        return draw

    assert describe_space(family(space(1.0)), shape()) != describe_space(
        family(space(2.0)), shape()
    )


def test_fixed_params_keep_their_value_and_their_type():
    inner = optuna.trial.FixedTrial({"free": 0.25})
    suggest = FixedSuggest(inner, {"rate": 1, "depth": 3.0, "kind": None})
    rate = suggest.suggest_float("rate", 0.0, 0.5)
    depth = suggest.suggest_int("depth", 1, 9)
    assert (rate, type(rate)) == (1.0, float)
    assert (depth, type(depth)) == (3, int)
    assert suggest.suggest_categorical("kind", ["a", "b"]) is None
    assert suggest.suggest_float("free", 0.0, 1.0) == 0.25
