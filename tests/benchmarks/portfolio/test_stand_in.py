"""Families that propose what was measured, and are themselves in all else."""

import json

import pytest

from automl.metrics import get_metric
from automl.plugin import OutOfBagFamily, PackedFamily, Task
from benchmarks.portfolio.recorded import FOLDER, read_store
from benchmarks.portfolio.replay import installed, make_config
from benchmarks.portfolio.stand_in import KEY, dataset_of, families_of, plan_of


class Draws:
    """Suggests the given draw, and the first of all choices."""

    def __init__(self, draw):
        self.draw = draw

    def suggest_int(self, name, low, high, log=False):
        return self.draw

    def suggest_categorical(self, name, choices):
        return choices[0]


@pytest.fixture(scope="module")
def table():
    (found,) = read_store(FOLDER, ["keel_pima"])
    return found


@pytest.fixture(scope="module")
def families(table):
    metric = get_metric(table.metric, Task(table.task))
    return families_of(table, plan_of(table), installed(), make_config(60.0, 4), metric, n_gpus=1)


def test_folds_and_targets_are_those_of_the_record(table):
    plan, dataset = plan_of(table), dataset_of(table)
    assert plan.n_folds == 5
    assert sorted(row for split in plan.splits for row in split.valid) == list(range(len(table.y)))
    assert dataset.y.tolist() == table.y.tolist()


def test_families_keep_their_kind_and_priority(families):
    assert isinstance(families["forest"][0], OutOfBagFamily)
    assert isinstance(families["mlp"][0], PackedFamily)
    known = installed()
    assert {n: f.priority for n, (f, _) in families.items()} == {
        name: known[name].priority for name in families
    }


def test_nets_ask_for_the_gpu(families):
    family, problem = families["mlp"]
    assert family.resources(problem).n_gpus > 0


def test_recorded_entries_of_the_portfolio_come_first(table, families):
    family, problem = families["lightgbm"]
    wanted = [
        json.dumps(dict(p), sort_keys=True) for p in installed()["lightgbm"].portfolio(problem)
    ]
    known = {json.dumps(m.params, sort_keys=True): m.name for m in table.candidates.values()}
    expected = [known[text] for text in wanted if text in known]
    assert expected
    proposed = [
        family.search_space(Draws(entry["draw"]), problem)[KEY]
        for entry in family.portfolio(problem)
    ]
    assert proposed == expected


def test_further_trials_are_answered_by_recorded_params(table, families):
    family, problem = families["lightgbm"]
    for draw in range(1000, 1020):
        params = family.search_space(Draws(draw), problem)
        measured = {**table.candidates, **table.variants}[params[KEY]]
        assert measured.family == "lightgbm"
        assert measured.params.items() <= params.items()


def test_a_draw_has_one_answer(families):
    family, problem = families["svm"]
    first = family.search_space(Draws(77), problem)
    family.search_space(Draws(78), problem)
    assert family.search_space(Draws(77), problem) == first


def test_a_family_without_params_proposes_one_point(families):
    family, problem = families["baseline"]
    assert family.search_space(Draws(5), problem) == family.search_space(Draws(6), problem)
