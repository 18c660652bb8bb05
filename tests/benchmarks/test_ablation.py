"""A measure that is left out is not there, and the table says what it brought."""

import subprocess
import sys
from pathlib import Path

import pytest

from automl.config.compose import compose_config
from automl.registry import load_registry
from benchmarks.ablation import MEASURES, changes, leave_out, main, to_markdown
from benchmarks.standings import comparisons

ROOT = Path(__file__).parents[2]
LEFT_OUT = """
from automl.ensemble import choice
from automl.ensemble.calibration import NO_CALIBRATION
from automl.plugin import Task
from automl.registry import load_registry
from automl.tuning.propose import allocator
from automl.tuning.propose.study import FamilyStudy
from automl.config.schema import SamplerConfig
from automl.testing import synthetic_table
from benchmarks.ablation import leave_out

families = load_registry().families
shape = synthetic_table(Task.BINARY, family=families["lightgbm"].family).problem()

def refusal(name):
    try:
        families[name].family.resources(shape)
    except ValueError as error:
        return str(error)

def lightgbm():
    return families["lightgbm"].family.portfolio(shape)

assert any(entry.get("generated", "none") != "none" for entry in lightgbm())
for name in ("libraries", "nets", "generated", "portfolio", "evidence", "corrections"):
    assert leave_out(name) == ()
for name in {"catboost", "xgboost", "ebm", "mlp", "realmlp"} & {*families}:
    assert refusal(name) == "it is left out", name
assert refusal("lightgbm") is None
assert {entry.get("generated", "none") for entry in lightgbm()} == {"none"}
study = FamilyStudy(families["lightgbm"].family, shape, SamplerConfig(), seed=0)
assert [study.ask().source for _ in range(2)] == ["portfolio", "sampler"]
far, near = (allocator.Arm("a", 1, 1, best_loss=loss, cost_s=1.0) for loss in (0.9, 0.1))
assert allocator._evidence(far, None) == allocator._evidence(near, None)
assert choice._learn(None, None) is NO_CALIBRATION
"""


def test_what_is_patched_out_is_not_there():
    command = [sys.executable, "-c", LEFT_OUT]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", [name for name, one in MEASURES.items() if not one.patch])
def test_what_a_setting_turns_off_is_a_setting(name):
    registry = load_registry()
    without, plain = (compose_config(o, {}, registry).config for o in (leave_out(name), ()))
    assert without != plain


def test_a_name_that_is_no_measure_is_refused():
    with pytest.raises(KeyError, match="luck"):
        leave_out("luck")


def test_the_table_tells_by_how_much_the_error_grows(result):
    (one,) = comparisons(
        [
            result("a", "automl", 0.9),
            result("a", "automl:without=racing", 0.88),
            result("a", "automl:without=nets", 0.9),
            result("b", "automl", 2.0, metric="rmse"),
            result("b", "automl:without=racing", 2.2, metric="rmse"),
            result("b", "automl:without=nets", None, metric="rmse"),
        ]
    )
    assert changes(one, "automl:without=racing") == pytest.approx({"a": 0.2, "b": 0.1})
    assert changes(one, "automl:without=nets") == {"a": 0.0}
    assert to_markdown(one).splitlines()[2:] == [
        "| races on the first fold | 2 | +15.0 % | +15.0 % | 2 | 0 |",
        "| nets | 1 | +0.0 % | +0.0 % | 0 | 0 |",
    ]


def test_the_systems_are_named_for_a_comparison(capsys):
    main(["systems"])
    assert capsys.readouterr().out.split() == [f"automl:without={name}" for name in MEASURES]
