"""Estimates the latency and size of a predictor from its trials, and compares with `limits`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from automl.config.schema import LimitsConfig
from automl.trial.inference_cost import InferenceCost
from automl.tuning.trials.trial import Trial

__all__ = ["PredictorCost"]


@dataclass(slots=True)
class PredictorCost:
    """Adds up the costs of trials, as measured by workers or, later, by the controller.

    Attributes:
        limits: Upper bounds for the predictor.
    """

    limits: LimitsConfig = field(default_factory=LimitsConfig)
    _known_ms: dict[str, float] = field(default_factory=dict)
    _slowness: float = 1.0

    def cost(self, trials: Sequence[Trial]) -> InferenceCost:
        """Cost of predicting with all of these trials."""
        return InferenceCost(
            sum(self._predict_ms(trial) for trial in trials),
            sum(trial.cost.size_mb for trial in trials),
        )

    def max_excess(self, trials: Sequence[Trial]) -> float:
        """Largest excess over a limit, as a share of it; 0 if these trials are within all."""
        return self.cost(trials).max_excess(self.limits)

    def shares(self, trial: Trial) -> list[float]:
        """Share of each set limit that a trial uses."""
        return list(self.cost([trial]).shares(self.limits).values())

    def within_limits(self, trials: Sequence[Trial]) -> list[Trial]:
        """Trials that are within the limits by themselves, or the one closest to them."""
        nearest = min(trials, key=lambda t: self.max_excess([t]))
        return [t for t in trials if not self.max_excess([t])] or [nearest]

    def correct(self, trials: Sequence[Trial], measured_ms: Mapping[str, float]) -> None:
        """Replaces the workers' figures by measured milliseconds.

        The figures of trials that were not measured are scaled by the same ratio.

        Args:
            trials: All measured trials.
            measured_ms: Milliseconds per 1,000 rows, by trial.
        """
        self._known_ms |= measured_ms
        figures = sum(t.cost.predict_ms for t in trials)
        self._slowness = sum(self._known_ms[t.spec.trial_id] for t in trials) / figures

    def _predict_ms(self, trial: Trial) -> float:
        known = self._known_ms.get(trial.spec.trial_id)
        return self._slowness * trial.cost.predict_ms if known is None else known
