"""Settings of the installed families: what none of them can use is refused before a run exists."""

import subprocess
import sys

import pytest

from automl.config.compose import compose_config
from automl.errors import ConfigError
from automl.plugin.configurable import default_settings
from automl.registry import load_registry

REGISTRY = load_registry()
SETTINGS = [
    (name, setting, default)
    for name, entry in REGISTRY.families.items()
    for setting, default in default_settings(entry.family).items()
]
NUMBERS = [case for case in SETTINGS if type(case[2]) in (int, float)]
TEXTS = [case for case in SETTINGS if isinstance(case[2], str) and case[1] != "architecture"]


def refused(key, value):
    with pytest.raises(ConfigError) as error:
        compose_config([], {}, REGISTRY, {key: value})
    return str(error.value)


def test_there_are_settings_to_check():
    assert {"max_rounds", "max_bin", "trees", "max_epochs"} <= {case[1] for case in NUMBERS}
    assert {"solver", "weights", "model"} <= {case[1] for case in TEXTS}


@pytest.mark.parametrize("value", [-5, 0, float("nan"), float("inf"), 10**12], ids=str)
@pytest.mark.parametrize(("name", "setting", "default"), NUMBERS)
def test_a_number_that_no_fit_can_use_is_refused(name, setting, default, value):
    said = refused(f"model.{name}.{setting}", value)
    assert f"model.{name}.{setting}=" in said
    assert "expected" in said


@pytest.mark.parametrize(("name", "setting", "default"), TEXTS)
def test_a_word_that_means_nothing_is_refused(name, setting, default):
    assert f"model.{name}.{setting}='nonsense'" in refused(f"model.{name}.{setting}", "nonsense")


def test_the_command_line_exits_with_2_and_leaves_no_run_directory(tmp_path):
    data, out = tmp_path / "data.csv", tmp_path / "run"
    data.write_text("a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(20)), encoding="utf-8")
    words = ["search", str(data), "--target", "y", "--out", str(out), "model.linear.solver=exakt"]
    done = subprocess.run(
        [sys.executable, "-m", "automl", *words], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "model.linear.solver=exakt: expected one of 'auto', 'exact', 'sgd'" in done.stderr
    assert "did you mean 'exact'" in done.stderr
    assert not out.exists()
