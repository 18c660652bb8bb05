"""When a trial stops early. Pure rules on losses; a trial is compared within its family only.

A trial is judged between folds by the losses of its finished folds, and inside a fit by its
reports. It is compared with complete trials of the same family on the same folds, and never
before the family has ``startup_trials`` of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from automl.config.schema import PrunerConfig
from automl.errors import ConfigError, did_you_mean

__all__ = ["PRUNERS", "Curve", "should_stop_fit", "should_stop_trial"]

HALVING_ETA = 3
N_BRACKETS = 3
WILCOXON_P = 0.1
MIN_WILCOXON_FOLDS = 4


@dataclass(frozen=True, slots=True)
class Curve:
    """The losses of one trial.

    Attributes:
        number: Number of the trial within its family.
        folds: Loss of each finished fold.
        steps: For each fold, the reported losses as (step, loss) in the order of the steps.
    """

    number: int
    folds: Mapping[int, float]
    steps: Mapping[int, Sequence[tuple[int, float]]]


def should_stop_trial(config: PrunerConfig, trial: Curve, peers: Sequence[Curve]) -> str | None:
    """Says why a trial should not be given another fold; None when it should.

    Args:
        config: Which rule.
        trial: The trial; its ``folds`` are the finished ones.
        peers: Complete trials of the same family.

    Raises:
        ConfigError: There is no such rule.
    """
    rule = _rule(config)
    if rule is None or len(peers) < config.startup_trials or not trial.folds:
        return None
    return rule(trial, peers)


def should_stop_fit(
    config: PrunerConfig, trial: Curve, fold: int, peers: Sequence[Curve]
) -> str | None:
    """Says why a running fit should stop; None when it should go on.

    A fit is stopped when it has used at least as many steps as the median peer on the same fold
    in total, and its best loss is still worse than the worst final loss of all peers there.
    """
    if _rule(config) is None or len(peers) < config.startup_trials:
        return None
    reports = trial.steps.get(fold, ())
    if len(reports) <= config.warmup_steps:
        return None
    finished = [p for p in peers if fold in p.folds and p.steps.get(fold)]
    if len(finished) < config.startup_trials:
        return None
    typical_steps = float(np.median([p.steps[fold][-1][0] for p in finished]))
    worst = max(p.folds[fold] for p in finished)
    best_so_far = min(loss for _, loss in reports)
    step = reports[-1][0]
    if step >= typical_steps and best_so_far > worst:
        return f"at step {step} of fold {fold} still worse than every complete trial of the family"
    return None


Rule = Callable[[Curve, Sequence[Curve]], str | None]


def _rule(config: PrunerConfig) -> Rule | None:
    if config.name not in PRUNERS:
        choices = ", ".join(PRUNERS)
        near = did_you_mean(config.name, PRUNERS)
        raise ConfigError(f"pruner.name={config.name}: choose one of {choices}{near}")
    return PRUNERS[config.name]


def _mean(losses: Mapping[int, float], folds: Sequence[int]) -> float:
    return float(np.mean([losses[f] for f in folds]))


def _comparable(trial: Curve, peers: Sequence[Curve]) -> tuple[list[int], list[Curve]]:
    """The finished folds of the trial, and the peers that have all of them."""
    folds = sorted(trial.folds)
    return folds, [p for p in peers if all(f in p.folds for f in folds)]


def _forgiving(trial: Curve, peers: Sequence[Curve]) -> str | None:
    """Stops what is worse than the worst fold of the incumbent (arXiv 2405.03389, "forgiving")."""
    folds, peers = _comparable(trial, peers)
    if not peers:
        return None
    incumbent = min(peers, key=lambda p: (_mean(p.folds, sorted(p.folds)), p.number))
    worst = max(incumbent.folds.values())
    if _mean(trial.folds, folds) > worst:
        return f"after {_count(folds)} worse than the worst fold of trial {incumbent.number}"
    return None


def _median(trial: Curve, peers: Sequence[Curve]) -> str | None:
    """Stops what is worse than the median of the peers on the same folds."""
    folds, peers = _comparable(trial, peers)
    if peers and _mean(trial.folds, folds) > np.median([_mean(p.folds, folds) for p in peers]):
        return f"after {_count(folds)} worse than the median of {len(peers)} trials"
    return None


def _wilcoxon(trial: Curve, peers: Sequence[Curve]) -> str | None:
    """Stops what is worse than the incumbent by a one-sided signed-rank test on paired folds."""
    folds, peers = _comparable(trial, peers)
    if not peers or len(folds) < MIN_WILCOXON_FOLDS:
        return None
    incumbent = min(peers, key=lambda p: (_mean(p.folds, folds), p.number))
    differences = [trial.folds[f] - incumbent.folds[f] for f in folds]
    p_value = _signed_rank_p(differences)
    if p_value < WILCOXON_P:
        return (
            f"after {_count(folds)} worse than trial {incumbent.number} "
            f"(Wilcoxon signed-rank, p = {p_value:.3f})"
        )
    return None


def _signed_rank_p(differences: Sequence[float]) -> float:
    """Exact P(rank sum of positive differences >= the one seen) under symmetry; zeros dropped.

    Ties share the mean of their ranks. The distribution of the sum is built rank by rank, with
    ranks doubled to be whole.
    """
    values = np.array([d for d in differences if d != 0.0])
    _, place, counts = np.unique(np.abs(values), return_inverse=True, return_counts=True)
    doubled = (2 * counts.cumsum() - counts + 1)[place]
    seen = int(doubled[values > 0].sum())
    ways = np.ones(1)
    for rank in doubled:
        ways = np.pad(ways, (0, rank)) + np.pad(ways, (rank, 0))
    return float(ways[seen:].sum() / ways.sum())


def _halving(trial: Curve, peers: Sequence[Curve], first_rung: int = 1) -> str | None:
    """Asynchronous successive halving over folds: at 1, 3, 9, ... folds keep the best third."""
    folds, peers = _comparable(trial, peers)
    rungs = {first_rung * HALVING_ETA**k for k in range(8)}
    if len(folds) not in rungs:
        return None
    losses = sorted(_mean(p.folds, folds) for p in peers)
    keep = max(1, (len(losses) + 1) // HALVING_ETA)
    if len(losses) >= keep and _mean(trial.folds, folds) > losses[keep - 1]:
        return f"after {_count(folds)} not among the best third of {len(losses) + 1} trials"
    return None


def _hyperband(trial: Curve, peers: Sequence[Curve]) -> str | None:
    """Successive halving whose first rung depends on the trial: brackets by number modulo three."""
    bracket = trial.number % N_BRACKETS
    same = [p for p in peers if p.number % N_BRACKETS == bracket]
    return _halving(trial, same, first_rung=bracket + 1) if same else None


def _count(folds: Sequence[int]) -> str:
    return f"{len(folds)} fold{'s' if len(folds) > 1 else ''}"


PRUNERS: Mapping[str, Rule | None] = {
    "forgiving": _forgiving,
    "median": _median,
    "wilcoxon": _wilcoxon,
    "halving": _halving,
    "hyperband": _hyperband,
    "none": None,
}
"""The rules by name, as in ``pruner.name``."""
