"""Which families take the data, and what folds of theirs take at least."""

import pytest

from automl.errors import PluginError
from automl.metrics import get_metric
from automl.plugin import ColumnKind, ProblemInfo, Task
from automl.scheduling.devices.capacity import Capacity, Gpu, Node
from automl.tuning.problem.families import min_cv_s, select_families

SHAPE = ProblemInfo(Task.BINARY, get_metric("log_loss", Task.BINARY, {}), 100, 3, n_classes=2)


def machine(n_cpus, gpus=()):
    return Capacity((Node("here", n_cpus, gpus),))


@pytest.fixture
def offers(make_family):
    """Families by what a useful fit of theirs takes, as (family, shape) by name."""

    def make(**min_useful_fit_s):
        found = {}
        for name, seconds in min_useful_fit_s.items():
            family = make_family(name)
            family.min_useful_fit_s = lambda shape, seconds=seconds: seconds
            found[name] = (family, SHAPE)
        return found

    return make


def test_folds_take_what_the_quickest_family_takes(offers):
    shapes = offers(slow=30.0, quick=8.0)
    assert min_cv_s(shapes, machine(2)) == 5 * 8.0 / 2
    assert min_cv_s(shapes, machine(16)) == 8.0
    assert min_cv_s(shapes, machine(16, (Gpu(0),))) == 5 * 8.0


def test_a_family_that_need_not_be_asked_makes_folds_affordable(offers):
    assert min_cv_s(offers(slow=1e6, table=None), machine(2)) == 0.0
    assert min_cv_s({}, machine(2)) == 0.0


def test_a_family_whose_columns_are_not_there_is_no_news_unless_it_was_named(offers):
    shapes = offers(good=1.0, texts=1.0, odd=1.0)
    shapes["texts"][0].needs = (frozenset({ColumnKind.TEXT}), frozenset({ColumnKind.NUMERIC}))
    shapes["texts"][0].unsupported_reason = lambda shape: "it reads texts"
    shapes["odd"][0].unsupported_reason = lambda shape: "too few rows"
    numbers, both = {ColumnKind.NUMERIC}, {ColumnKind.NUMERIC, ColumnKind.TEXT}
    assert select_families(shapes, False, numbers)[1] == ["odd skipped: too few rows"]
    assert "texts skipped: it reads texts" in select_families(shapes, False, both)[1]
    assert "texts skipped: it reads texts" in select_families(shapes, True, numbers)[1]


def test_families_that_fail_when_they_are_asked_are_left_out_and_named(offers):
    shapes = offers(good=1.0, bad=1.0)
    shapes["bad"][0].min_useful_fit_s = lambda shape: 1 / 0
    taking, notes = select_families(shapes)
    assert list(taking) == ["good"]
    assert "bad skipped: its check of this data fails with ZeroDiv" in notes[0]
    del shapes["good"]
    with pytest.raises(PluginError, match="no family supports this data"):
        select_families(shapes)
