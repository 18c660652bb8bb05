"""Measures the final predictor's latency; selects a cheaper ensemble if it exceeds `limits`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from automl.config.schema import LimitsConfig, SearchConfig
from automl.data.folds.encoder_store import EncoderStore
from automl.ensemble import Ensemble, Predictor
from automl.errors import AutoMLError
from automl.trial.latency import min_time_ms, sample_batch
from automl.tuning.incumbent.ensemble_tracker import EnsembleTracker
from automl.tuning.incumbent.predictor_cost import PredictorCost
from automl.tuning.trials.trial import Trial

__all__ = ["check_latency", "check_latency_s", "measures_latency"]

MAX_SELECTIONS = 3
ENOUGH_MS = 300.0  # of measuring the ensemble; single members are measured for less time
LOADING_S = 2.0  # of libraries and models, which the controller loads only here
N_PREDICTIONS = 4


def check_latency(
    incumbent: EnsembleTracker, config: SearchConfig, clock: Callable[[], float] = time.perf_counter
) -> Iterator[str]:
    """Measures the saved predictor, and selects cheaper ones until it is within the time limit.

    Workers measured each fold's model by itself; the limit is for all of them in one process.

    Args:
        incumbent: The tracker, after its last selection.
        config: The configuration.
        clock: Returns seconds.

    Yields:
        Notes for the user.
    """
    if incumbent.current is None:
        return
    limits = config.limits
    if measures_latency(config):
        try:
            yield from _keep_time(incumbent, limits, _Stopwatch(incumbent, clock))
        except AutoMLError as error:
            yield f"prediction time was not measured: {error}"
    yield from _what_is_broken(incumbent, limits)


def measures_latency(config: SearchConfig) -> bool:
    """Whether the predictor's latency is measured: it is an objective or has a limit."""
    return config.limits.predict_ms is not None or "predict_ms" in config.search.objectives


def check_latency_s(incumbent: EnsembleTracker, config: SearchConfig) -> float:
    """Expected seconds of ``check_latency``; 0 if nothing is measured."""
    predict_s = incumbent.cost.predict_ms / 1000.0
    return (LOADING_S + N_PREDICTIONS * predict_s) * measures_latency(config)


def _keep_time(
    incumbent: EnsembleTracker, limits: LimitsConfig, stopwatch: _Stopwatch
) -> Iterator[str]:
    for _ in range(MAX_SELECTIONS):
        incumbent.set_latency(stopwatch.ensemble_ms())
        too_long = incumbent.cost.predict_ms > (limits.predict_ms or math.inf)
        if not too_long or incumbent.oof.predictor_cost.max_excess(incumbent.members):
            return
        yield (
            f"the ensemble takes {incumbent.cost.predict_ms:.3g} ms for 1,000 rows, beyond "
            f"limits.predict_ms={limits.predict_ms:g}: selecting a cheaper one"
        )
        stopwatch.correct(incumbent.oof.predictor_cost)
        incumbent.finish()
    incumbent.set_latency(stopwatch.ensemble_ms())


class _Stopwatch:
    """Measures the milliseconds per 1,000 rows of single members and of the ensemble.

    Models and encoders are loaded once, also if the next ensemble uses them again.

    Args:
        incumbent: Has the ensemble.
        clock: Returns seconds.
    """

    def __init__(self, incumbent: EnsembleTracker, clock: Callable[[], float]) -> None:
        run, dataset = incumbent.oof.run, incumbent.oof.dataset
        store = EncoderStore(run.encodings, incumbent.seed, incumbent.oof.plan.digest)
        self._incumbent, self._clock = incumbent, clock
        self._predictor = Predictor(
            run,
            self._ensemble,
            {name: family for name, (family, _) in incumbent.families.items()},
            store.encoder,
            offset=dataset.target.offset,
        )
        self._batch = sample_batch(dataset.table)
        self._timed: dict[str, tuple[Trial, float]] = {}

    @property
    def _ensemble(self) -> Ensemble:
        assert self._incumbent.current is not None
        return self._incumbent.current

    def ensemble_ms(self) -> float:
        """Milliseconds per 1,000 rows of the ensemble on disk."""
        self._predictor.ensemble = self._ensemble
        self._predictor.predict(self._batch)  # loads
        return min_time_ms(lambda: self._predictor.predict(self._batch), ENOUGH_MS, self._clock)

    def correct(self, predictor_cost: PredictorCost) -> None:
        """Measures each member alone, and corrects the expected cost of all trials by it."""
        members = {member.trial: member for member in self._ensemble.members}
        for trial in self._incumbent.members:
            alone = replace(members[trial.spec.trial_id], weight=1.0)
            self._predictor.ensemble = replace(self._ensemble, members=(alone,))
            milliseconds = min_time_ms(
                lambda: self._predictor.predict(self._batch), clock=self._clock
            )
            self._timed[trial.spec.trial_id] = (trial, milliseconds)
        trials = [trial for trial, _ in self._timed.values()]
        predictor_cost.correct(trials, {name: ms for name, (_, ms) in self._timed.items()})


def _what_is_broken(incumbent: EnsembleTracker, limits: LimitsConfig) -> Iterator[str]:
    """Yields a note on the limits that the predictor exceeds, and why it was chosen."""
    broken = [name for name, excess in incumbent.cost.excess_by_limit(limits).items() if excess > 0]
    if not broken:
        return
    told = " and ".join(
        f"limits.{name}={getattr(limits, name):g} is exceeded: the predictor has "
        f"{getattr(incumbent.cost, name):.3g}"
        for name in broken
    )
    if incumbent.oof.predictor_cost.max_excess(incumbent.members):
        nearest = incumbent.members[0].spec.trial_id
        told += f"; no complete trial is within the limits, and {nearest} is closest to them"
    yield told
