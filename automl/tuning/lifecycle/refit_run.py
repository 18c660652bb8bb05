"""Opens a finished run and refits its members on all rows."""

from __future__ import annotations

import math
from typing import Any

from automl.config.reopened import registry_of
from automl.config.saved import load_config
from automl.ensemble import read_ensemble
from automl.errors import RunError, did_you_mean
from automl.registry import Registry
from automl.store.files import read_json
from automl.store.lock import RunLock
from automl.store.run_dir import RunDir
from automl.tuning.lifecycle.build import open_search
from automl.tuning.refit.refit import RefitResult, refit_members, returned, take_folds

__all__ = ["refit_ensemble", "refit_run"]


def refit_run(run: RunDir, *, undo: bool = False, metric: Any = None) -> RefitResult:
    """Refits the members of a finished run; see ``refit_members``.

    Args:
        run: The run directory.
        undo: Whether to return to the models of the folds instead.
        metric: The metric of the run, if it is a Python object.

    Raises:
        ConfigError: The metric is a Python object and is not given.
        RunError: There is no ensemble, the run is in use, a family of it is not installed, or a
            file of it is damaged.
        PluginError: No family of the run is installed.
        StorageError: The disk is full or read-only, or writing is not permitted.
    """
    lock = RunLock(run.check())
    lock.acquire()
    try:
        return refit_ensemble(run, undo=undo, metric=metric)
    finally:
        lock.release()


def refit_ensemble(
    run: RunDir, *, time_left_s: float = math.inf, undo: bool = False, metric: Any = None
) -> RefitResult:
    """Opens a run that no other process uses, and refits its members; see ``refit_members``.

    Args:
        run: The run.
        time_left_s: Seconds the fits may take.
        undo: Whether to return to the models of the folds instead.
        metric: The metric of the run, if it is a Python object.

    Raises:
        ConfigError: The metric is a Python object and is not given.
        RunError: There is no ensemble, a family of it is not installed, or a file of the run is
            damaged.
        PluginError: No family of the run is installed.
        StorageError: The disk is full or read-only, or writing is not permitted.
    """
    config = load_config(run.config)
    registry = registry_of(run, config, metric, read_json(run.manifest)["families"])
    registry.tell_remarks()
    families = _check_installed(run, registry)
    with open_search(run, config, registry, families) as (problem, search):
        if undo:
            return take_folds(problem)
        return returned(refit_members(problem, search.runner, time_left_s=time_left_s))


def _check_installed(run: RunDir, registry: Registry) -> list[str]:
    """The families of a run's members; all must be installed."""
    members = read_ensemble(run).members
    for member in members:
        if member.family not in registry.families:
            raise RunError(
                f"the ensemble of {run.path} needs family {member.family!r} for trial "
                f"{member.trial}, and no installed plugin provides it"
                f"{did_you_mean(member.family, registry.families)}; install its plugin "
                "again (`automl plugins` lists those that load)"
            )
    return [member.family for member in members]
