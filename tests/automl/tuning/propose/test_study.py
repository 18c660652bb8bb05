import time

import optuna
import pytest

from automl.config.schema import SamplerConfig
from automl.errors import ConfigError
from automl.tuning.propose.study import FamilyStudy

PORTFOLIO = (
    {"rate": 0.5, "depth": 3, "kind": "plain"},
    {"rate": 0.1, "depth": 7, "kind": "dropout", "share": 0.25},
    {"rate": 0.02, "depth": 9, "kind": "plain"},
)


@pytest.fixture(autouse=True)
def _quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


@pytest.fixture
def study(family, shape):
    """study(...): a study in memory; settings of the family by keyword ``settings``."""

    def make(
        portfolio=(), sampler="random", seed=0, space=None, settings=None, startup=3, n_objectives=1
    ):
        toy = family(space, portfolio) if space else family(portfolio=portfolio)
        config = SamplerConfig(sampler, startup)
        own = shape(**(settings or {}))
        return FamilyStudy(toy, own, config, seed, n_objectives)

    return make


def loss(params):
    return (params["rate"] - 0.3) ** 2 + 0.01 * params["depth"]


def play(study, n):
    """Asks and tells one after another; returns the specs."""
    specs = []
    for _ in range(n):
        spec = study.ask()
        if spec is None:
            break
        specs.append(spec)
        study.tell_complete(spec, [loss(spec.params)])
    return specs


def test_the_portfolio_comes_first_and_in_its_order(study):
    specs = play(study(PORTFOLIO), 5)
    assert [s.params for s in specs[:3]] == list(PORTFOLIO)
    assert [s.source for s in specs] == ["portfolio"] * 3 + ["sampler"] * 2
    assert [s.number for s in specs] == [0, 1, 2, 3, 4]


def test_the_portfolio_can_be_asked_for_before_anything_is_told(study):
    open_study = study(PORTFOLIO)
    assert [open_study.ask().params for _ in range(3)] == list(PORTFOLIO)


def test_a_portfolio_entry_that_stands_there_twice_is_tried_once(study):
    specs = play(study([PORTFOLIO[0], PORTFOLIO[0], PORTFOLIO[1]]), 2)
    assert [s.params for s in specs] == [PORTFOLIO[0], PORTFOLIO[1]]


def test_a_portfolio_value_outside_the_space_is_used_as_it_is(study):
    spec = study([{"rate": 5.0, "depth": 3, "kind": "plain"}]).ask()
    assert spec.params["rate"] == 5.0


def small_space(suggest):
    return {"k": suggest.suggest_int("k", 0, 4)}


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_no_params_are_proposed_twice(study, sampler):
    s = study(space=small_space, sampler=sampler)
    seen = []
    while (spec := s.ask()) is not None:
        seen.append(spec.params["k"])
        s.tell_complete(spec, [float(spec.params["k"])])
    assert len(seen) == len(set(seen))
    assert len(seen) >= 3
    assert s.exhausted


def test_a_space_of_one_point_is_exhausted_after_one_trial(study):
    s = study(space=lambda suggest: {})
    assert s.ask().params == {}
    assert not s.exhausted
    assert s.ask() is None
    assert s.exhausted


def test_fixed_params_are_respected_by_portfolio_and_sampler(study):
    specs = play(study(PORTFOLIO, settings={"fixed": {"depth": 2}}), 6)
    assert {s.params["depth"] for s in specs} == {2}
    assert specs[0].params["rate"] == 0.5
    assert len({s.params["rate"] for s in specs}) > 3


def test_a_fixed_choice_steers_the_params_that_depend_on_it(study):
    specs = play(study(settings={"fixed": {"kind": "dropout"}}), 4)
    assert all("share" in s.params for s in specs)


@pytest.mark.parametrize("sampler", ["random", "tpe", "cmaes"])
def test_the_same_seed_and_history_give_the_same_params_whatever_the_clock_says(
    study, sampler, monkeypatch
):
    first = [s.params for s in play(study(PORTFOLIO[:1], sampler, seed=7), 8)]
    started = time.time()
    monkeypatch.setattr(time, "time", lambda: started + 1e6)
    second = [s.params for s in play(study(PORTFOLIO[:1], sampler, seed=7), 8)]
    assert first == second
    third = [s.params for s in play(study(PORTFOLIO[:1], sampler, seed=8), 8)]
    assert third != first
    assert third[0] == first[0]


def test_params_do_not_repeat_after_each_other_though_each_sampler_is_new(study):
    specs = play(study(sampler="tpe"), 10)
    assert len({s.params["rate"] for s in specs}) == 10


@pytest.mark.parametrize(
    "sampler", ["random", "tpe", "cmaes", pytest.param("gp", marks=pytest.mark.slow)]
)
def test_every_sampler_proposes_inside_the_space(study, sampler):
    if sampler == "gp":
        pytest.importorskip("torch")
    if sampler == "cmaes":
        pytest.importorskip("cmaes")
    specs = play(study(sampler=sampler), 7)
    assert len(specs) == 7
    for spec in specs:
        assert 0.01 <= spec.params["rate"] <= 1.0
        assert 1 <= spec.params["depth"] <= 9
        assert ("share" in spec.params) == (spec.params["kind"] == "dropout")


def test_tpe_learns_where_random_search_does_not(study):
    def near(suggest):
        return {"rate": suggest.suggest_float("rate", 0.0, 1.0), "depth": 0}

    def mean_loss(sampler):
        specs = play(study(space=near, sampler=sampler, startup=8), 40)
        return sum(loss(s.params) for s in specs[20:]) / 20

    assert mean_loss("tpe") < 0.5 * mean_loss("random")


def test_an_unknown_sampler_is_a_wrong_setting_with_its_choices(study):
    with pytest.raises(ConfigError, match=r"sampler\.name=annealing: choose one of tpe"):
        study(sampler="annealing").ask()


def test_pruned_and_failed_trials_can_be_told_and_the_search_goes_on(study):
    s = study(PORTFOLIO, sampler="tpe")
    first, second, third = (s.ask() for _ in range(3))
    s.tell_failed(second)
    s.tell_pruned(first)
    s.tell_complete(third, [0.25])
    states = [t.state.name for t in s.study.trials]
    assert states == ["PRUNED", "FAIL", "COMPLETE"]
    assert s.study.best_value == 0.25
    assert len(play(s, 3)) == 3


def test_a_trial_is_told_once(study):
    s = study(PORTFOLIO)
    spec = s.ask()
    s.tell_complete(spec, [0.1])
    with pytest.raises(ValueError, match="COMPLETE"):
        s.tell_complete(spec, [0.1])


def climb(study, tell, n=40):
    """Losses fall towards the middle, and beyond it there is no memory; returns what was asked."""
    asked = []
    for _ in range(n):
        spec = study.ask()
        x = spec.params["x"]
        asked.append(x)
        if x > 0.5:
            tell(study, spec)
        else:
            study.tell_complete(spec, [1.0 - x])
    return asked


def line(suggest):
    return {"x": suggest.suggest_float("x", 0.0, 1.0)}


def test_the_sampler_keeps_away_from_where_memory_ran_out(study):
    def falls(tell):
        runs = (climb(study(space=line, sampler="tpe", seed=seed), tell) for seed in range(3))
        return sum(x > 0.5 for asked in runs for x in asked)

    told = falls(lambda s, spec: s.tell_out_of_memory(spec))
    left_out = falls(lambda s, spec: s.tell_failed(spec))
    assert told < 0.6 * left_out


def states_of(study):
    return [(t.state.name, t.value) for t in study.study.trials]


def test_a_trial_out_of_memory_has_the_worst_loss_there_was(study):
    s = study()
    for value in (0.3, 0.9, 0.5):
        s.tell_complete(s.ask(), [value])
    s.tell_out_of_memory(s.ask())
    assert states_of(s)[-1] == ("COMPLETE", 0.9)


def test_a_trial_out_of_memory_before_any_loss_is_ranked_behind_all(study):
    s = study()
    s.tell_out_of_memory(s.ask())
    assert states_of(s) == [("PRUNED", None)]


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_several_objectives_are_told_together_with_pruned_and_failed_trials(study, sampler):
    s = study(sampler=sampler, n_objectives=2)
    for n in range(16):
        spec = s.ask()
        if n % 4 == 1:
            s.tell_pruned(spec)
        elif n % 4 == 2:
            s.tell_failed(spec)
        else:
            s.tell_complete(spec, [loss(spec.params), spec.params["depth"]])
    assert len(s.study.directions) == 2
    assert {t.state.name for t in s.study.best_trials} == {"COMPLETE"}


def test_several_objectives_have_a_worst_loss_each_where_memory_ran_out(study):
    s = study(n_objectives=2)
    for losses in ([0.3, 5.0], [0.9, 1.0]):
        s.tell_complete(s.ask(), losses)
    s.tell_out_of_memory(s.ask())
    assert s.study.trials[-1].values == [0.9, 5.0]


def test_the_sampler_looks_where_limits_hold(study):
    """The loss falls to the right, and beyond the middle a limit is broken."""

    def broken(tells_limits):
        n = 0
        for seed in range(3):
            s = study(space=line, sampler="tpe", seed=seed)
            for _ in range(40):
                spec = s.ask()
                x = spec.params["x"]
                n += x > 0.5
                s.tell_complete(spec, [1.0 - x], {"size_mb": x - 0.5} if tells_limits else {})
        return n

    assert broken(tells_limits=True) < 0.5 * broken(tells_limits=False)


@pytest.mark.parametrize("sampler", ["random", "tpe", "cmaes"])
def test_a_study_goes_on_from_the_records_alone(study, sampler):
    if sampler == "cmaes":
        pytest.importorskip("cmaes")
    first = study(PORTFOLIO[:1], sampler)
    specs = play(first, 14)
    rest = [spec.params for spec in play(first, 6)]
    again = study(PORTFOLIO[:1], sampler)
    again.restore(specs)
    for spec in specs:
        again.tell_complete(spec, [loss(spec.params)])
    assert [spec.params for spec in play(again, 6)] == rest


def test_params_can_be_asked_for_again_between_those_of_the_portfolio(study):
    specs = play(asked := study(PORTFOLIO), 1)
    specs.append(asked.ask_again(specs[0].params))
    asked.tell_complete(specs[-1], [loss(specs[-1].params)])
    specs += play(asked, 1)
    assert [s.params for s in specs] == [PORTFOLIO[0], PORTFOLIO[0], PORTFOLIO[1]]
    assert [s.source for s in specs] == ["portfolio", "longer", "portfolio"]
    rest = [spec.params for spec in play(asked, 3)]
    again = study(PORTFOLIO)
    again.restore(specs)
    for spec in specs:
        again.tell_complete(spec, [loss(spec.params)])
    assert [spec.params for spec in play(again, 3)] == rest


def test_params_can_be_asked_for_that_keep_some_values(study):
    asked = study(portfolio=PORTFOLIO[:1])
    like = {"depth": 4, "kind": "plain"}
    assert asked.ask(like).params == PORTFOLIO[0]  # the portfolio comes as it is
    found = [asked.ask(like).params for _ in range(5)]
    assert all(like.items() <= params.items() for params in found)
    assert len({params["rate"] for params in found}) == 5


def test_a_part_of_the_space_that_is_used_up_leaves_the_rest(study):
    asked = study()
    like = {"rate": 0.3, "depth": 4, "kind": "plain"}
    assert asked.ask(like).params == like
    assert asked.ask(like) is None
    assert not asked.exhausted
    assert asked.ask() is not None


def test_a_fixed_param_that_no_trial_asks_for_is_in_the_params_of_every_trial(study):
    specs = play(study(PORTFOLIO, settings={"fixed": {"constraints": {"age": 1}}}), 5)
    assert [s.params["constraints"] for s in specs] == [{"age": 1}] * 5


def test_portfolio_entries_that_a_fixed_param_makes_equal_are_proposed_once(study):
    same = [{"rate": rate, "depth": 3, "kind": "plain"} for rate in (0.5, 0.2, 0.1)]
    specs = play(study([*same, PORTFOLIO[1]], settings={"fixed": {"rate": 0.25}}), 3)
    assert [(s.number, s.source) for s in specs] == [
        (0, "portfolio"),
        (1, "portfolio"),
        (2, "sampler"),
    ]
    assert [s.params["kind"] for s in specs[:2]] == ["plain", "dropout"]
