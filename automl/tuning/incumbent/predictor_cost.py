"""What a predictor of some trials will cost, and how that stands to the limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from automl.config.schema import LimitsConfig
from automl.trial.inference_cost import Cost
from automl.tuning.trials.trial import Trial

__all__ = ["Forecast"]


@dataclass(slots=True)
class Forecast:
    """Adds up what trials cost, by the figures of their workers or by better ones.

    Attributes:
        limits: What the predictor may cost.
    """

    limits: LimitsConfig = field(default_factory=LimitsConfig)
    _known_ms: dict[str, float] = field(default_factory=dict)
    _slowness: float = 1.0

    def cost(self, trials: Sequence[Trial]) -> Cost:
        """Of predicting with all of these trials."""
        return Cost(
            sum(self._predict_ms(trial) for trial in trials),
            sum(trial.cost.size_mb for trial in trials),
        )

    def excess(self, trials: Sequence[Trial]) -> float:
        """By what share of it these trials exceed the limit they break most; 0 when all hold."""
        return self.cost(trials).excess(self.limits)

    def shares(self, trial: Trial) -> list[float]:
        """What share of each limit that is set a trial takes up."""
        return list(self.cost([trial]).shares(self.limits).values())

    def keeping(self, trials: Sequence[Trial]) -> list[Trial]:
        """Those that keep the limits by themselves, or the one that comes nearest to them."""
        nearest = min(trials, key=lambda t: self.excess([t]))
        return [t for t in trials if not self.excess([t])] or [nearest]

    def correct(self, trials: Sequence[Trial], measured_ms: Mapping[str, float]) -> None:
        """Takes measured milliseconds in place of figures of workers.

        Trials that were not measured count as slower, or faster, than their figures by as much
        as those that were.

        Args:
            trials: All that were measured.
            measured_ms: For 1,000 rows, by trial.
        """
        self._known_ms |= measured_ms
        figures = sum(t.cost.predict_ms for t in trials)
        self._slowness = sum(self._known_ms[t.spec.trial_id] for t in trials) / figures

    def _predict_ms(self, trial: Trial) -> float:
        known = self._known_ms.get(trial.spec.trial_id)
        return self._slowness * trial.cost.predict_ms if known is None else known
