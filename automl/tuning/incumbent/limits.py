"""The last look at a predictor: what it takes in truth, and a cheaper one if that is too much."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from automl.config.schema import LimitsConfig, SearchConfig
from automl.data.folds.encoder_store import EncoderStore
from automl.ensemble import Ensemble, Predictor
from automl.errors import AutoMLError
from automl.trial.latency import best_ms, table_batch
from automl.tuning.incumbent.ensemble_tracker import Standing
from automl.tuning.incumbent.predictor_cost import Forecast
from automl.tuning.trials.trial import Trial

__all__ = ["is_timed", "look_at_predictor", "look_s"]

MAX_SELECTIONS = 3
ENOUGH_MS = 300.0  # of measuring the ensemble; a member alone is measured more shortly
LOADING_S = 2.0  # libraries and models, which the controller has not loaded until then
N_PREDICTIONS = 4


def look_at_predictor(
    standing: Standing, config: SearchConfig, clock: Callable[[], float] = time.perf_counter
) -> Iterator[str]:
    """Measures the saved predictor, and selects cheaper ones until the limit of time is kept.

    The figures of trials come from workers, each fold model by itself; what counts is the time
    of all of them in one process.

    Args:
        standing: Has selected for the last time.
        config: The configuration.
        clock: Gives the seconds.

    Yields:
        What a person should know.
    """
    if standing.current is None:
        return
    limits = config.limits
    if is_timed(config):
        try:
            yield from _keep_time(standing, limits, _Stopwatch(standing, clock))
        except AutoMLError as error:
            yield f"how long predicting takes was not measured: {error}"
    yield from _what_is_broken(standing, limits)


def is_timed(config: SearchConfig) -> bool:
    """Whether the time of the predictor is measured: it is an objective or has a limit."""
    return config.limits.predict_ms is not None or "predict_ms" in config.search.objectives


def look_s(standing: Standing, config: SearchConfig) -> float:
    """Seconds that the last look is expected to take, where there is one."""
    predict_s = standing.cost.predict_ms / 1000.0
    return (LOADING_S + N_PREDICTIONS * predict_s) * is_timed(config)


def _keep_time(standing: Standing, limits: LimitsConfig, stopwatch: _Stopwatch) -> Iterator[str]:
    for _ in range(MAX_SELECTIONS):
        standing.measured(stopwatch.ensemble_ms())
        too_long = standing.cost.predict_ms > (limits.predict_ms or math.inf)
        if not too_long or standing.evidence.forecast.excess(standing.members):
            return
        yield (
            f"the ensemble takes {standing.cost.predict_ms:.3g} ms for 1,000 rows, beyond "
            f"limits.predict_ms={limits.predict_ms:g}: a cheaper one is selected"
        )
        stopwatch.correct(standing.evidence.forecast)
        standing.finish()
    standing.measured(stopwatch.ensemble_ms())


class _Stopwatch:
    """Measures in how many milliseconds members, and all together, predict 1,000 rows.

    Models and encoders are loaded once, also those that the next ensemble has in common with it.

    Args:
        standing: Has the ensemble.
        clock: Gives the seconds.
    """

    def __init__(self, standing: Standing, clock: Callable[[], float]) -> None:
        run, dataset = standing.evidence.run, standing.evidence.dataset
        store = EncoderStore(run.views, standing.seed, standing.evidence.plan.digest)
        self._standing, self._clock = standing, clock
        self._predictor = Predictor(
            run,
            self._ensemble,
            {name: family for name, (family, _) in standing.families.items()},
            store.encoder,
            offset=dataset.target.offset,
        )
        self._batch = table_batch(dataset.table)
        self._timed: dict[str, tuple[Trial, float]] = {}

    @property
    def _ensemble(self) -> Ensemble:
        assert self._standing.current is not None
        return self._standing.current

    def ensemble_ms(self) -> float:
        """Milliseconds of the ensemble on disk."""
        self._predictor.ensemble = self._ensemble
        self._predictor.predict(self._batch)  # loads
        return best_ms(lambda: self._predictor.predict(self._batch), ENOUGH_MS, self._clock)

    def correct(self, forecast: Forecast) -> None:
        """Measures each member alone, and corrects what is expected of it and of others."""
        members = {member.trial: member for member in self._ensemble.members}
        for trial in self._standing.members:
            alone = replace(members[trial.spec.trial_id], weight=1.0)
            self._predictor.ensemble = replace(self._ensemble, members=(alone,))
            milliseconds = best_ms(lambda: self._predictor.predict(self._batch), clock=self._clock)
            self._timed[trial.spec.trial_id] = (trial, milliseconds)
        trials = [trial for trial, _ in self._timed.values()]
        forecast.correct(trials, {name: ms for name, (_, ms) in self._timed.items()})


def _what_is_broken(standing: Standing, limits: LimitsConfig) -> Iterator[str]:
    """Says which limits do not hold, and why there is no better predictor."""
    broken = [name for name, excess in standing.cost.excesses(limits).items() if excess > 0]
    if not broken:
        return
    told = " and ".join(
        f"limits.{name}={getattr(limits, name):g} is not kept: the predictor has "
        f"{getattr(standing.cost, name):.3g}"
        for name in broken
    )
    if standing.evidence.forecast.excess(standing.members):
        nearest = standing.members[0].spec.trial_id
        told += f"; no complete trial keeps the limits, and {nearest} comes nearest to them"
    yield told
