import os
import subprocess
import sys
from typing import ClassVar

from hypothesis import given
from hypothesis import strategies as st

from automl.plugin import ColumnKind, ConfigurableFamily, ModelFamily, Task, TrialContext
from automl.trial.setup import derive_seed, problem_info


class Family(ModelFamily):
    name = "all"

    def search_space(self, suggest, problem):
        return {}

    def fit(self, params, fold, context, report):
        raise NotImplementedError

    save = load = fit


class NumbersOnly(Family):
    name = "numbers"
    kinds = frozenset({ColumnKind.NUMERIC})


class NoText(Family):
    name = "no_text"
    kinds = frozenset({ColumnKind.NUMERIC, ColumnKind.CATEGORICAL})


def problem_for(bench, family):
    return problem_info(bench.setup, bench.dataset, bench.metric, family)


def test_a_family_that_takes_all_kinds_sees_all_columns(open_bench):
    problem = problem_for(open_bench(), Family())
    assert (problem.n_numeric, problem.n_categorical, problem.n_text) == (2, 1, 1)
    assert problem.n_categories == (3,)
    assert len(problem.text_bytes) == 1
    assert problem.text_bytes[0] > 1


def test_a_family_sees_only_columns_of_kinds_it_takes(open_bench):
    bench = open_bench()
    problem = problem_for(bench, NumbersOnly())
    assert (problem.n_numeric, problem.n_categorical, problem.n_text) == (2, 0, 0)
    assert problem.n_columns == 2
    assert problem.n_categories == ()
    assert problem_for(bench, NoText()).n_columns == 3
    assert problem_for(bench, NoText()).text_bytes == ()


def test_the_shape_tells_the_problem_and_the_resources_of_the_run(open_bench):
    problem = problem_for(open_bench(n_cpus=4, n_gpus=1, time_s=90.0), Family())
    assert (problem.task, problem.metric.name) == (Task.BINARY, "log_loss")
    assert (problem.n_rows, problem.n_classes, problem.n_folds) == (60, 2, 3)
    assert (problem.n_cpus, problem.n_gpus, problem.time_s) == (4, 1, 90.0)


def test_a_setting_that_the_user_did_not_give_has_its_default(open_bench):
    class Tuned(Family, ConfigurableFamily):
        settings: ClassVar = {"depth": 1, "width": 2}

    bench = open_bench(settings={"all": {"depth": 3}})
    problem = problem_for(bench, Tuned())
    assert problem.settings == TrialContext(problem, seed=0).settings == {"depth": 3, "width": 2}


def test_a_family_sees_its_own_settings_only(open_bench):
    bench = open_bench(settings={"all": {"depth": 3}, "numbers": {"depth": 5}})
    assert problem_for(bench, Family()).settings == {"depth": 3}
    assert problem_for(bench, NoText()).settings == {}


parts = st.tuples(st.integers(0, 100), st.sampled_from(["svm", "tree"]), st.integers(0, 50))


@given(st.lists(parts, min_size=2, max_size=30, unique=True))
def test_a_seed_depends_on_every_part(many):
    assert len({derive_seed(*p) for p in many}) == len(many)


@given(parts)
def test_a_seed_fits_what_every_library_takes(some):
    assert 0 <= derive_seed(*some) < 2**31


def test_a_seed_is_the_same_in_every_process():
    code = "from automl.trial.setup import derive_seed; print(derive_seed(7, 'svm', 3, -1))"
    seeds = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for hash_seed in ("0", "1")
    }
    assert seeds == {str(derive_seed(7, "svm", 3, -1))}
