from __future__ import annotations

from dataclasses import replace

import pytest

from automl.plugin import Encoding, ProblemInfo, Task
from automl.testing import RandomSuggest, RecordingReport, real_table
from automl_plugins.common.generated_columns import (
    available_choice,
    generated_view,
    suggest_generated,
)
from automl_plugins.lightgbm.family import LightGBM


class AllChoices:
    """Says what there was to choose from."""

    def suggest_categorical(self, name: str, choices: tuple[str, ...]) -> tuple[str, ...]:
        return choices


def shape(task: Task, n_numeric: int, n_categorical: int) -> ProblemInfo:
    made = real_table(task).problem()
    return replace(made, n_numeric=n_numeric, n_categorical=n_categorical)


@pytest.mark.parametrize(
    ("task", "n_numeric", "n_categorical", "expected"),
    [
        (Task.BINARY, 5, 3, ("none", "numbers", "categories", "all")),
        (Task.REGRESSION, 5, 0, ("none", "numbers")),
        (Task.REGRESSION, 1, 2, ("none", "categories")),
        (Task.MULTICLASS, 2, 2, ("none", "numbers")),
        (Task.BINARY, 1, 0, ("none",)),
    ],
)
def test_what_can_be_generated_depends_on_the_columns(
    task: Task, n_numeric: int, n_categorical: int, expected: tuple[str, ...]
) -> None:
    data = shape(task, n_numeric, n_categorical)
    offered = suggest_generated(AllChoices(), data)
    assert offered.get("generated", ("none",)) == expected
    assert available_choice("all", data) == expected[-1]
    assert available_choice("numbers", data) == ("numbers" if "numbers" in expected else "none")


def test_params_of_older_trials_mean_plain_columns() -> None:
    assert generated_view({}) == generated_view({"generated": "none"}) == Encoding()


@pytest.mark.parametrize("n_rows", [500, 5_000, 50_000, 500_000])
def test_the_default_sees_plain_columns_and_one_to_three_others_generated_ones(n_rows: int) -> None:
    entries = LightGBM().portfolio(replace(shape(Task.BINARY, 5, 3), n_rows=n_rows))
    generated = [entry["generated"] for entry in entries]
    assert generated[0] == "none"
    assert 1 <= len(generated) - generated.count("none") <= 3


def test_a_sampled_point_says_what_to_generate_and_the_booster_does_not_hear_of_it() -> None:
    family, table = LightGBM(), real_table(Task.REGRESSION, family=LightGBM())
    params = family.search_space(RandomSuggest(), table.problem()) | {"generated": "numbers"}
    assert family.encoding(params, table.problem()).generated == ("arithmetic", "groups")
    fold = table.fold(Encoding())
    model, plain = (
        family.fit({**params, "generated": chosen}, fold, table.context(), RecordingReport())
        for chosen in ("numbers", "none")
    )
    assert model.text == plain.text
