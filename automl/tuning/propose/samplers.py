"""Makes Optuna's samplers by name, as in ``sampler.name``."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from automl.config.schema import SamplerConfig
from automl.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    import optuna

__all__ = ["make_sampler"]


def make_sampler(config: SamplerConfig, seed: int) -> optuna.samplers.BaseSampler:
    """A new sampler for each proposal, so that it depends only on history and seed."""
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if config.name == "tpe":
            return optuna.samplers.TPESampler(seed=seed, n_startup_trials=config.startup_trials)
        if config.name == "random":
            return optuna.samplers.RandomSampler(seed=seed)
        if config.name == "gp":
            _need("torch", "gp")
            return optuna.samplers.GPSampler(seed=seed, n_startup_trials=config.startup_trials)
        if config.name == "cmaes":
            _need("cmaes", "cmaes")
            return optuna.samplers.CmaEsSampler(seed=seed, n_startup_trials=config.startup_trials)
    raise ConfigError(f"sampler.name={config.name}: choose one of tpe, random, gp, cmaes")


def _need(module: str, extra: str) -> None:
    import importlib.util

    if importlib.util.find_spec(module) is None:
        raise MissingExtraError(f"sampler.name={extra}", module, extra)
