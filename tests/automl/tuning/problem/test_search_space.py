import os
import subprocess
import sys

import optuna
import pytest

from automl.tuning.problem.search_space import FixedSuggest, space_hash


def float_space(low=0.0, high=1.0, log=False, name="x"):
    return lambda suggest: {name: suggest.suggest_float(name, low, high, log=log)}


def test_the_hash_of_a_space_is_stable(family, shape):
    assert space_hash(family(), shape()) == space_hash(family(), shape())
    assert len(space_hash(family(), shape())) == 8


def test_the_hash_is_the_same_in_every_process():
    code = (
        "from automl.metrics import get_metric\n"
        "from automl.plugin import Shape, Task\n"
        "from automl.tuning.problem.search_space import space_hash\n"
        "class Family:\n"
        "    def search_space(self, suggest, shape):\n"
        "        return {n: suggest.suggest_float(n, 0, 1) for n in {'a', 'b', 'c', 'd', 'e'}}\n"
        "shape = Shape(Task.BINARY, get_metric('log_loss', Task.BINARY), 100, 4)\n"
        "print(space_hash(Family(), shape))\n"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "3")
    }
    assert len(hashes) == 1


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
def test_the_hash_changes_with_the_space(family, shape, changed):
    assert space_hash(family(changed), shape()) != space_hash(family(float_space()), shape())


def test_the_hash_changes_with_the_choices_and_their_order(family, shape):
    spaces = [
        lambda suggest, choices=choices: {"x": suggest.suggest_categorical("x", choices)}
        for choices in (["a", "b"], ["b", "a"], ["a", "b", "c"], ["a", None])
    ]
    assert len({space_hash(family(space), shape()) for space in spaces}) == 4


def test_the_hash_sees_params_that_depend_on_others(family, shape):
    def space(high):
        def draw(suggest):
            params = {"kind": suggest.suggest_categorical("kind", ["a", "b", "c", "d"])}
            if params["kind"] == "d":
                params["x"] = suggest.suggest_float("x", 0.0, high)
            return params

        return draw

    assert space_hash(family(space(1.0)), shape()) != space_hash(family(space(2.0)), shape())


def test_fixed_params_keep_their_value_and_their_type():
    inner = optuna.trial.FixedTrial({"free": 0.25})
    suggest = FixedSuggest(inner, {"rate": 1, "depth": 3.0, "kind": None})
    rate = suggest.suggest_float("rate", 0.0, 0.5)
    depth = suggest.suggest_int("depth", 1, 9)
    assert (rate, type(rate)) == (1.0, float)
    assert (depth, type(depth)) == (3, int)
    assert suggest.suggest_categorical("kind", ["a", "b"]) is None
    assert suggest.suggest_float("free", 0.0, 1.0) == 0.25
