"""The executor that a name chooses."""

import types

import pytest

from automl.config.schema import SchedulerConfig
from automl.errors import ConfigError, PluginError
from automl.plugin import ExecutorFactory
from automl.registry import BrokenPlugin, Registry
from automl.scheduling.factory import make_executor
from automl.scheduling.inline import InlineExecutor
from automl.scheduling.local.executor import LocalExecutor


class Early:
    """What was started before the name was known."""

    modules = frozenset()
    n_closed = 0

    def close(self):
        self.n_closed += 1


def registry_with(make):
    return Registry(executors={"mine": ExecutorFactory("mine", make)})


def make_mine(make, early=None):
    return make_executor(SchedulerConfig(name="mine", cpus=3), registry_with(make), early)


def test_local_takes_over_what_was_started_early():
    early = Early()
    executor = make_executor(SchedulerConfig(cpus=2, gpus=[]), Registry(), early)
    assert isinstance(executor, LocalExecutor)
    assert early.n_closed == 0
    executor.close()
    assert early.n_closed == 1


@pytest.mark.parametrize("name", ["inline", "mine"])
def test_for_any_other_it_is_ended_at_once(name):
    early, registry = Early(), registry_with(lambda scheduler: InlineExecutor(1))
    executor = make_executor(SchedulerConfig(name=name), registry, early)
    assert isinstance(executor, InlineExecutor)
    assert early.n_closed == 1


def test_a_plugin_makes_it_of_the_settings():
    assert make_mine(lambda scheduler: InlineExecutor(scheduler.cpus)).capacity().n_cpus == 3


def test_an_unknown_name_is_told_with_the_known_ones_and_what_is_broken():
    broken = BrokenPlugin("ray", "automl-ray", "1.0", "ModuleNotFoundError: No module named 'ray'")
    registry = Registry(executors={"mine": ExecutorFactory("mine", print)}, broken=(broken,))
    with pytest.raises(PluginError) as caught:
        make_executor(SchedulerConfig(name="inlin"), registry)
    text = str(caught.value)
    assert "unknown executor 'inlin'; did you mean 'inline'?" in text
    assert "(known: inline, local, mine)" in text
    assert "plugin 'ray' of automl-ray is broken" in text


def test_one_that_cannot_be_made_is_named():
    def make(scheduler):
        raise ConnectionError("no cluster at 10.0.0.1")

    message = "executor 'mine' cannot be started: ConnectionError: no cluster at 10.0.0.1"
    with pytest.raises(PluginError, match=message):
        make_mine(make)


def test_its_own_error_for_the_user_passes():
    def make(scheduler):
        raise ConfigError("scheduler.cpus=3: give 4")

    with pytest.raises(ConfigError, match="give 4"):
        make_mine(make)


def test_what_is_no_executor_is_refused():
    with pytest.raises(
        PluginError, match=r"which is not an automl\.scheduling\.executor\.Executor"
    ):
        make_mine(lambda scheduler: types.SimpleNamespace())
