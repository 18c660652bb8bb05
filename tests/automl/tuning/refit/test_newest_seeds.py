"""How often nets are fitted on the newest rows, without fitting any."""

from types import SimpleNamespace

import pytest

from automl.config.schema import LimitsConfig
from automl.ensemble import Member
from automl.plugin import Encoding, IterativeFamily, RefittableFamily
from automl.trial.spec import FoldResult
from automl.tuning.refit.newest_seeds import fit_more_seeds
from automl.tuning.refit.refit import returned


class Trees(IterativeFamily):
    """Learns round by round."""

    fidelity = "rounds"

    def search_space(self, suggest, problem):
        raise NotImplementedError

    def fit(self, params, fold, context, report):
        raise NotImplementedError

    def save(self, model, path):
        raise NotImplementedError

    def load(self, path):
        raise NotImplementedError


class Net(Trees):
    """Learns epoch by epoch."""

    fidelity = "epochs"


class Solver(Net, RefittableFamily):
    """Has a way of its own to fit all rows."""

    def refit(self, params, fold, context, models):
        raise NotImplementedError


FAMILIES = {cls.__name__: (cls(), None) for cls in (Net, Solver, Trees)}


def result(fold, predict_ms=10.0):
    return FoldResult(fold, 0.0, fit_s=1.0, predict_s=0.0, encode_s=0.0, predict_ms=predict_ms)


class Refitter:
    """Notes what is fitted, for so many fits."""

    def __init__(self, members, most=99):
        self.fitted = {m.trial: [result(-1)] for m in members}
        self.records = {m.trial: SimpleNamespace(folds=(result(0), result(1))) for m in members}
        self.most = most

    def refit(self, members, fold):
        for member in members:
            if self.most > 0:
                self.most -= 1
                self.fitted[member.trial].append(result(fold))
        yield


def members(*families):
    encoding = Encoding()
    return [Member(f"{f}-0", f, 1 / len(families), (1,), encoding, frozenset()) for f in families]


def fit(chosen, most=99, **limits):
    problem = SimpleNamespace(
        families=FAMILIES, config=SimpleNamespace(limits=LimitsConfig(**limits))
    )
    refitter = Refitter(chosen, most)
    return returned(fit_more_seeds(problem, chosen, refitter)), refitter.fitted


def test_what_begins_with_random_weights_is_fitted_three_times_and_nothing_else():
    note, fitted = fit(members("Net", "Solver", "Trees"))
    assert [r.fold for r in fitted["Net-0"]] == [-1, -2, -3]
    assert len(fitted["Solver-0"]) == len(fitted["Trees-0"]) == 1
    assert "1 of 3 members" in note
    assert fit(members("Trees", "Solver"))[0] == ""


@pytest.mark.parametrize(("predict_ms", "n_fits"), [(25.0, 1), (35.0, 2), (45.0, 3)])
def test_no_fit_is_made_that_breaks_a_limit(predict_ms, n_fits):
    _, fitted = fit(members("Net", "Trees"), predict_ms=predict_ms)
    assert len(fitted["Net-0"]) == n_fits


def test_a_fit_for_which_there_is_no_time_is_left_out():
    note, fitted = fit(members("Net"), most=1)
    assert [r.fold for r in fitted["Net-0"]] == [-1, -2]
    assert "mean of 2 fits" in note
    assert fit(members("Net"), most=0)[0] == ""


def test_a_member_that_was_not_fitted_stays_as_it_is():
    (net,) = members("Net")
    problem = SimpleNamespace(families=FAMILIES, config=SimpleNamespace(limits=LimitsConfig()))
    refitter = Refitter([net])
    refitter.fitted.clear()
    assert returned(fit_more_seeds(problem, [net], refitter)) == ""
    assert refitter.fitted == {}
