"""Rules for early stopping: pure functions of losses, within one family.

A trial is judged between folds by the losses of its finished folds, and inside a fit by its
reports. It is compared with complete trials of the same family on the same folds: reports with
reports up to the same step, folds with folds. Three things hold for every rule:

- nothing stops before the family has ``startup_trials`` complete trials, and at least three;
- nothing stops between folds before its second fold is done;
- the difference must exceed the noise among equal trials. That noise is estimated from the
  complete trials, as the residuals of an additive model of trial and fold; the threshold allows
  for the number of trials and of looks (Bonferroni), so that a trial as good as all others is
  stopped in at most 5 % of cases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from automl.config.schema import PrunerConfig
from automl.errors import ConfigError, did_you_mean
from automl.tuning.trials.trial import TrialLosses

__all__ = [
    "PRUNERS",
    "fit_prune_reason",
    "has_too_few_folds",
    "may_stop_fit",
    "signed_rank_p",
    "trial_prune_reason",
]

HALVING_ETA = 3
N_BRACKETS = 3
WILCOXON_P = 0.1
MIN_WILCOXON_FOLDS = 4
MIN_PEERS = 3
MIN_FOLDS = 2  # one fold's loss depends more on the fold than on the trial
CHANCE = 0.05  # of stopping a trial as good as those it is compared with


def trial_prune_reason(
    config: PrunerConfig, trial: TrialLosses, peers: Sequence[TrialLosses]
) -> str | None:
    """Reason not to give a trial another fold; None to continue.

    Args:
        config: Configuration of the pruner.
        trial: The trial; its ``folds`` are the finished ones.
        peers: Complete trials of the same family.

    Raises:
        ConfigError: There is no such rule.
    """
    rule = _rule(config)
    if rule is None or len(peers) < _startup(config) or has_too_few_folds(len(trial.folds)):
        return None
    folds = sorted(trial.folds)
    comparable = [p for p in peers if all(f in p.folds for f in folds)]
    verdict = rule(trial, comparable) if len(comparable) >= MIN_PEERS else None
    if verdict is None:
        return None
    rival, why = verdict
    excess = _mean(trial.folds, folds) - rival
    return why if excess > _noise_margin([p.folds for p in comparable], len(folds)) else None


def has_too_few_folds(n_folds: int) -> bool:
    """Whether the finished folds are too few to stop a trial."""
    return n_folds < MIN_FOLDS


def may_stop_fit(config: PrunerConfig, n_reports: int) -> bool:
    """Whether a fit with this many reports may be stopped at all, whatever its peers did.

    Raises:
        ConfigError: There is no such rule.
    """
    return _rule(config) is not None and n_reports > config.warmup_steps


def fit_prune_reason(
    config: PrunerConfig, trial: TrialLosses, fold: int, peers: Sequence[TrialLosses]
) -> str | None:
    """Reason to stop a running fit; None to continue.

    A fit is stopped after at least as many steps as the median peer used on the same fold in
    total, if its best report is still worse than the best report of every peer up to that
    step. Reports are compared with reports: the score of a finished fit may be better.
    """
    reports = trial.steps.get(fold, ())
    if not may_stop_fit(config, len(reports)) or len(peers) < _startup(config):
        return None
    finished = [p for p in peers if fold in p.folds and p.steps.get(fold)]
    if len(finished) < _startup(config):
        return None
    step = reports[-1][0]
    if step < float(np.median([p.steps[fold][-1][0] for p in finished])):
        return None
    best_so_far = min(loss for _, loss in reports)
    so_far = [{f: _best_until(p.steps[f], step) for f in p.steps} for p in finished]
    worst = max(best[fold] for best in so_far)
    if best_so_far > worst and best_so_far - worst > _noise_margin(so_far, 1):
        return f"at step {step} of fold {fold} still worse than every complete trial of the family"
    return None


def _best_until(reports: Sequence[tuple[int, float]], step: int) -> float:
    """The lowest loss up to a step; the first loss if all are later."""
    return min((loss for s, loss in reports if s <= step), default=reports[0][1])


def _startup(config: PrunerConfig) -> int:
    return max(config.startup_trials, MIN_PEERS)


def _noise_margin(peers: Sequence[Mapping[int, float]], n_folds: int) -> float:
    """Largest excess of a trial's mean loss over an equal peer's that chance explains.

    The noise of a fold is estimated from the better half of the peers, at least three: hopeless
    trials vary more, and would hide that others are losing. A trial's mean is independent of its
    residuals, so this choice does not bias the noise. With one fold there are no residuals, and
    the spread of the peers is used.

    Args:
        peers: Loss by fold of each complete trial.
        n_folds: Number of compared folds.
    """
    from scipy.special import stdtrit

    folds = sorted(set.intersection(*(set(p) for p in peers)))
    losses = np.array([[p[f] for f in folds] for p in peers])
    n_best = max(MIN_PEERS, (len(peers) + 1) // 2)
    best = losses[np.argsort(losses.mean(axis=1), kind="stable")[:n_best]]
    residuals = best - best.mean(axis=0)
    freedom = len(best) - 1
    if len(folds) > 1:
        residuals = residuals - residuals.mean(axis=1, keepdims=True)
        freedom *= len(folds) - 1
    noise = float(np.sqrt((residuals**2).sum() / freedom))
    looks = len(peers) * max(1, len(folds) - 1)
    quantile = float(stdtrit(freedom, 1.0 - CHANCE / looks))
    return quantile * noise * float(np.sqrt(2.0 / n_folds))


Verdict = tuple[float, str]  # the mean loss of the better trials on these folds, and the reason
Rule = Callable[[TrialLosses, Sequence[TrialLosses]], Verdict | None]


def _rule(config: PrunerConfig) -> Rule | None:
    if config.name not in PRUNERS:
        choices = ", ".join(PRUNERS)
        near = did_you_mean(config.name, PRUNERS)
        raise ConfigError(f"pruner.name={config.name}: choose one of {choices}{near}")
    return PRUNERS[config.name]


def _mean(losses: Mapping[int, float], folds: Sequence[int]) -> float:
    return float(np.mean([losses[f] for f in folds]))


def _forgiving(trial: TrialLosses, peers: Sequence[TrialLosses]) -> Verdict | None:
    """Stops trials worse than the worst fold of the incumbent (arXiv 2405.03389, "forgiving")."""
    folds = sorted(trial.folds)
    incumbent = min(peers, key=lambda p: (_mean(p.folds, sorted(p.folds)), p.number))
    if _mean(trial.folds, folds) <= max(incumbent.folds.values()):
        return None
    why = f"after {len(folds)} folds worse than the worst fold of trial {incumbent.number}"
    return _mean(incumbent.folds, folds), why


def _median(trial: TrialLosses, peers: Sequence[TrialLosses]) -> Verdict | None:
    """Stops trials worse than the median of the peers on the same folds."""
    folds = sorted(trial.folds)
    median = float(np.median([_mean(p.folds, folds) for p in peers]))
    return median, f"after {len(folds)} folds worse than the median of {len(peers)} trials"


def _wilcoxon(trial: TrialLosses, peers: Sequence[TrialLosses]) -> Verdict | None:
    """Stops trials worse than the incumbent by a one-sided signed-rank test on paired folds."""
    folds = sorted(trial.folds)
    if len(folds) < MIN_WILCOXON_FOLDS:
        return None
    incumbent = min(peers, key=lambda p: (_mean(p.folds, folds), p.number))
    p_value = signed_rank_p([trial.folds[f] - incumbent.folds[f] for f in folds])
    if p_value >= WILCOXON_P:
        return None
    why = (
        f"after {len(folds)} folds worse than trial {incumbent.number} "
        f"(Wilcoxon signed-rank, p = {p_value:.3f})"
    )
    return _mean(incumbent.folds, folds), why


def signed_rank_p(differences: Sequence[float]) -> float:
    """Exact P(rank sum of positive differences >= the observed one) under symmetry; drops zeros.

    Ties share the mean of their ranks. The distribution of the sum is built rank by rank, with
    doubled ranks so that they are whole.
    """
    values = np.array([d for d in differences if d != 0.0])
    _, place, counts = np.unique(np.abs(values), return_inverse=True, return_counts=True)
    doubled = (2 * counts.cumsum() - counts + 1)[place]
    seen = int(doubled[values > 0].sum())
    ways = np.ones(1)
    for rank in doubled:
        ways = np.pad(ways, (0, rank)) + np.pad(ways, (rank, 0))
    return float(ways[seen:].sum() / ways.sum())


def _halving(
    trial: TrialLosses, peers: Sequence[TrialLosses], first_rung: int = MIN_FOLDS
) -> Verdict | None:
    """Asynchronous successive halving over folds: at 2, 6, 18, ... folds keep the best third."""
    folds = sorted(trial.folds)
    if len(folds) not in {first_rung * HALVING_ETA**k for k in range(8)}:
        return None
    losses = sorted(_mean(p.folds, folds) for p in peers)
    keep = max(1, (len(losses) + 1) // HALVING_ETA)
    why = f"after {len(folds)} folds not among the best third of {len(losses) + 1} trials"
    return losses[keep - 1], why


def _hyperband(trial: TrialLosses, peers: Sequence[TrialLosses]) -> Verdict | None:
    """Successive halving whose first rung depends on the trial: brackets by number modulo three."""
    bracket = trial.number % N_BRACKETS
    same = [p for p in peers if p.number % N_BRACKETS == bracket]
    return _halving(trial, same, first_rung=bracket + MIN_FOLDS) if same else None


PRUNERS: Mapping[str, Rule | None] = {
    "forgiving": _forgiving,
    "median": _median,
    "wilcoxon": _wilcoxon,
    "halving": _halving,
    "hyperband": _hyperband,
    "none": None,
}
"""The rules by name, as in ``pruner.name``."""
