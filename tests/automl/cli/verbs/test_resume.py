"""What ``automl resume`` passes on, with the interface behind it replaced."""

import sys
import types

import pytest

import automl
from automl.cli.app import main
from automl.cli.verbs.resume import parser
from automl.errors import RunError


@pytest.fixture
def calls(monkeypatch):
    """Notes what the interface is asked for, which then refuses."""
    seen = []

    def resume(path, **given):
        given.pop("on_event"), given.pop("started")
        seen.append((path, given))
        raise RunError("in use by the search with process id 7")

    module = types.ModuleType("automl.api")
    module.resume = resume
    monkeypatch.setitem(sys.modules, "automl.api", module)
    monkeypatch.setattr(automl, "api", module, raising=False)
    return seen


def test_budgets_are_passed_on_and_errors_told(calls, capsys):
    assert main(["resume", "runs/x", "--time", "20m", "--trials", "40"]) == 2
    assert calls == [("runs/x", {"metric": None, "time_s": 1200.0, "trials": 40, "verbosity": 0})]
    assert "process id 7" in capsys.readouterr().err


def test_what_is_not_given_stays_as_it_is_in_the_run(calls):
    main(["resume", "-q", "runs/x"])
    assert calls == [("runs/x", {"metric": None, "time_s": None, "trials": None, "verbosity": 0})]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("resume", "RUN"),
        ("resume a b", "b"),
        ("resume a --trials x", "--trials"),
        ("resume a -q -v", "contradict"),
        ("search data.csv --resume", "--resume needs --out"),
    ],
)
def test_a_mistake_is_named(calls, capsys, line, says):
    assert main(line.split()) == 2
    assert says in capsys.readouterr().err
    assert calls == []


def test_the_help_has_examples_and_says_that_budgets_are_totals():
    text = parser().format_help()
    assert "automl resume runs/first --time 1h" in text
    assert "totals" in text
