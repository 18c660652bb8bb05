from dataclasses import dataclass, replace

import numpy as np
import pytest

from automl.plugin import Task
from automl.testing import CountedClock, synthetic_table
from automl_plugins.common.quantile_models import (
    QuantileModels,
    fit_levels,
    load_levels,
    save_levels,
)


@dataclass(frozen=True)
class Constant:
    value: float

    def predict(self, X):
        return np.full(len(X), self.value)


def slots_of(context, take_time=lambda: None):
    slots, left_s = [], []

    def fit(number, slot):
        slots.append(slot)
        left_s.append(slot.time_left_s)
        take_time()
        assert context.problem.quantiles[number : number + 1] == slot.problem.quantiles
        return Constant(slot.problem.quantiles[0])

    return fit_levels(fit, context), slots, left_s


def test_there_is_a_column_for_each_level():
    model, _, _ = slots_of(synthetic_table(Task.QUANTILE).context())
    assert model.predict(np.zeros((2, 1))).tolist() == [[0.1, 0.5, 0.9]] * 2


def test_each_level_is_judged_by_its_own_loss():
    _, slots, _ = slots_of(synthetic_table(Task.QUANTILE).context())
    y, prediction = np.array([1.0, 3.0]), np.array([2.0, 2.0])
    weight = np.array([1.0, 3.0])
    assert [s.problem.quantiles for s in slots] == [(0.1,), (0.5,), (0.9,)]
    scores = [s.metric.score(y, prediction, weight) for s in slots]
    assert scores == pytest.approx([(0.9 + 0.3) / 4, 0.5, (0.1 + 2.7) / 4])


def test_time_that_a_level_leaves_goes_to_the_later_ones():
    clock = CountedClock()
    slot = {"time_limit_s": 3.0, "deadline": clock.now + 6.0, "clock": clock}
    context = synthetic_table(Task.QUANTILE).context(**slot)
    _, slots, left_s = slots_of(context, lambda: clock.advance(0.6))
    assert [s.time_limit_s for s in slots] == pytest.approx([1.0, 1.2, 1.8])
    assert left_s == pytest.approx([2.0, 2.7, 4.8])
    unlimited = replace(context, time_limit_s=None, deadline=None)
    assert {(s.time_limit_s, s.deadline) for s in slots_of(unlimited)[1]} == {(None, None)}


def test_more_than_ten_levels_are_read_in_their_order(tmp_path):
    def save(one, folder):
        (folder / "value").write_text(str(one.value))

    def load(folder):
        return Constant(float((folder / "value").read_text()))

    assert load_levels(tmp_path, load) is None
    models = QuantileModels(tuple(Constant(float(i)) for i in range(12)))
    save_levels(models, tmp_path, save)
    assert load_levels(tmp_path, load) == models
