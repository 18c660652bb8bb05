"""Makes the executor that ``scheduler=<name>`` chooses."""

from __future__ import annotations

from automl.config.schema import SchedulerConfig
from automl.errors import AutoMLError, PluginError, did_you_mean
from automl.plugin.executor import BUILT_IN_EXECUTORS
from automl.registry import Registry
from automl.scheduling.devices.machine import make_pool
from automl.scheduling.early_start import EarlyStart, start_early
from automl.scheduling.executor import Executor

__all__ = ["make_executor"]


def make_executor(
    scheduler: SchedulerConfig, registry: Registry, early: EarlyStart | None = None
) -> Executor:
    """Makes the executor of a search; close it at the end.

    Args:
        scheduler: ``scheduler.*`` of the configuration, with the name of the executor.
        registry: The plugins, for their executors.
        early: From ``start_early``; ``local`` takes it over, any other executor closes it.

    Raises:
        PluginError: There is no such executor, or a plugin's cannot be made.
        ConfigError: It does not support a setting.

    Example:
        >>> executor = make_executor(SchedulerConfig(name="inline", cpus=4), Registry())
        >>> executor.capacity().n_cpus
        4
        >>> executor.close()
    """
    if scheduler.name == "local":
        from automl.scheduling.local.executor import LocalExecutor

        return LocalExecutor(make_pool(scheduler), start_early() if early is None else early)
    if early is not None:
        early.close()
    if scheduler.name == "inline":
        from automl.scheduling.inline import make_inline

        return make_inline(scheduler)
    return _of_plugin(scheduler, registry)


def _of_plugin(scheduler: SchedulerConfig, registry: Registry) -> Executor:
    name, known = scheduler.name, sorted({*BUILT_IN_EXECUTORS, *registry.executors})
    if name not in registry.executors:
        message = (
            f"unknown executor {name!r}{did_you_mean(name, known)} (known: {', '.join(known)})"
        )
        raise PluginError("; ".join([message, *map(str, registry.broken)]))
    try:
        executor = registry.executors[name].make(scheduler)
    except AutoMLError:
        raise
    except Exception as error:  # the code of a plugin may raise anything
        reason = f"{type(error).__name__}: {error}"
        raise PluginError(f"executor {name!r} cannot be started: {reason}") from error
    if not isinstance(executor, Executor):
        raise PluginError(
            f"executor {name!r}: its plugin made {executor!r}, which is not an "
            "automl.scheduling.executor.Executor"
        )
    return executor
