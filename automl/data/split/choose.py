"""Chooses the split plan of a run before its first fit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from automl.data.columns.roles import ALWAYS_TRAINS
from automl.data.split.split_plan import (
    ALL_ROWS,
    Split,
    SplitPlan,
    load_split_plan,
    save_split_plan,
)
from automl.data.split.splitters import (
    group_holdout,
    group_labels,
    strata_of,
    stratified_holdout,
    stratified_labels,
)
from automl.data.split.time_splits import Span, forward
from automl.data.table import BoolArray, Dataset, IntArray
from automl.errors import ConfigError, DataError
from automl.surface import named

__all__ = [
    "ALL_ROWS",
    "SHORT_FOLDS",
    "Split",
    "SplitPlan",
    "load_split_plan",
    "make_split_plan",
    "save_split_plan",
]

SHORT_FOLDS = 5  # for a short budget
TRIAL_SHARE = 0.5  # of the budget; a holdout if one cross-validated trial would take more
MAX_GIVEN_FOLDS = 200
MAX_HOLDOUT_ROWS = 100_000
# So short a slot raises the learning rate of boosters, which predict numbers best: see decision 27.
HASTY_S, HASTY_ROWS, HASTY_SHARE = 20.0, 2_000, 0.2


@dataclass(frozen=True, slots=True)
class _Request:
    """The settings of a split, given or chosen; ``folds`` 1 is a holdout of ``n_valid`` rows."""

    folds: int
    repeats: int
    n_valid: int
    asked: bool
    why: str


def make_split_plan(
    dataset: Dataset,
    *,
    seed: int,
    folds: int | None = None,
    repeats: int | None = None,
    holdout_share: float | None = None,
    time_s: float | None = None,
    folds_s: float = 0.0,
    gap: Span | None = None,
    window: Span | None = None,
) -> SplitPlan:
    """Chooses and builds the folds of a run; the same arguments give the same plan.

    Given folds take precedence, then time, then groups; otherwise rows are stratified by class,
    or by quantile bin of the target.

    Args:
        dataset: The data with its group, time and fold columns.
        seed: Seed of every random choice.
        folds: Number of folds; 1 is a holdout; None chooses by rows and budget.
        repeats: Number of repeats; None chooses.
        holdout_share: Share of rows held out if ``folds`` is 1 or None; None chooses.
        time_s: Wall-clock budget of the run in seconds; None without one.
        folds_s: Shortest useful time of one trial on ``SHORT_FOLDS`` folds, in seconds.
        gap: Time plan: span left out between training and validation rows.
        window: Time plan: how far back training rows reach; None for all.

    Raises:
        ConfigError: A setting is out of its range, or does not fit the time column.
        DataError: The data does not allow the split: too few rows, groups or times, or a group on
            both sides of given folds.
    """
    n_rows = len(dataset.y)
    _check_settings(folds, repeats, holdout_share)
    if n_rows < 2:
        raise DataError(f"the data has {n_rows} row(s) with a target: at least 2 are needed")
    if dataset.time is not None and repeats is None:
        repeats = 1  # a repeat in order of time would have the same folds
    request = _choose(dataset, folds, repeats, holdout_share, time_s, folds_s)
    if dataset.fold is not None:
        plan = _given_plan(dataset, dataset.fold, folds, repeats)
    elif dataset.time is not None:
        plan = _time_plan(dataset, dataset.time, request, (gap, window))
    else:
        plan = _random_plan(dataset, request, seed)
    _check_plan(plan, dataset)
    return plan


def _check_settings(folds: int | None, repeats: int | None, share: float | None) -> None:
    if folds is not None and folds < 1:
        raise ConfigError(f"search.folds={folds}: give 1 for a holdout, or 2 folds or more")
    if repeats is not None and repeats < 1:
        raise ConfigError(f"search.repeats={repeats}: give 1 or more")
    if share is not None and not 0 < share < 1:
        raise ConfigError(f"search.holdout_share={share}: give a share between 0 and 1")


def _choose(
    dataset: Dataset,
    folds: int | None,
    repeats: int | None,
    share: float | None,
    time_s: float | None,
    folds_s: float,
) -> _Request:
    """Applies the defaults: a holdout for many rows, fewer folds for a short budget."""
    asked, n_rows = folds is not None, len(dataset.y)
    if folds is not None:
        why = "as set" if share is None or folds == 1 else "as set; holdout_share is not used"
    elif share is not None:
        folds, why = 1, "holdout_share is set"
    elif n_rows >= 1_000_000:
        folds, why = 1, f"{n_rows:,} rows are enough for a single split"
    elif n_rows >= 200_000 and time_s is not None and time_s <= 300:
        folds, why = 1, f"{n_rows:,} rows are too many for several folds in {time_s:g} s"
    elif time_s is not None and folds_s > TRIAL_SHARE * time_s:
        folds, why = 1, f"{SHORT_FOLDS} folds would take about {folds_s:.0f} s of {time_s:g} s"
    elif time_s is not None and time_s <= HASTY_S and _is_plain_regression(dataset):
        folds, share = 1, HASTY_SHARE
        why = f"{time_s:g} s are too short for the folds of a regression"
    elif time_s is not None and time_s < 120:
        folds, why = SHORT_FOLDS, f"the budget of {time_s:g} s is under 120 s"
    else:
        folds, why = 8, "the default"
    if repeats is None:
        small = folds > 1 and not asked and n_rows < 500 and (time_s is None or time_s >= 300)
        repeats = 2 if small else 1
        why += f"; repeated because {n_rows} rows are few" if small else ""
    wanted = share * n_rows if share is not None else min(0.1 * n_rows, MAX_HOLDOUT_ROWS)
    return _Request(folds, repeats, min(max(round(wanted), 1), n_rows - 1), asked, why)


def _is_plain_regression(dataset: Dataset) -> bool:
    """Whether numbers are predicted for many rows in no particular order."""
    ordered = dataset.group is not None or dataset.time is not None
    is_class = dataset.target.task.is_classification
    return not is_class and not ordered and len(dataset.y) >= HASTY_ROWS


def _limit(request: _Request, available: int, what: str) -> _Request:
    """Lowers a chosen number of folds to what the data allows.

    Raises:
        DataError: The user set more folds than the data allows, or it allows fewer than two.
    """
    needed = max(request.folds, 2)
    if available >= needed:
        return request
    if request.asked or available < 2:
        raise DataError(
            f"{needed} folds need at least {needed} {what}, the data has {available}: "
            + (f"set search.folds to {available} or less" if available >= 2 else "use other rows")
        )
    why = f"the data has only {available} {what}"
    return replace(request, folds=available, why=why)


def _given_plan(
    dataset: Dataset, fold: IntArray, folds: int | None, repeats: int | None
) -> SplitPlan:
    if dataset.time is not None:
        raise DataError(
            "given folds and a time column contradict each other: leave out "
            f"{named('folds_column')} or {named('time_column')}"
        )
    n_training = int((fold == ALWAYS_TRAINS).sum())
    values = np.unique(fold[fold != ALWAYS_TRAINS])
    if not (1 if n_training else 2) <= len(values) <= MAX_GIVEN_FOLDS:
        raise DataError(
            f"the folds column has {len(values)} distinct value(s): it needs 2 to "
            f"{MAX_GIVEN_FOLDS}, one per fold"
        )
    noun = "fold" if len(values) == 1 else "folds"
    reason = f"{len(values)} {noun}, as given by the folds column"
    if n_training:
        rows = "1 row" if n_training == 1 else f"{n_training:,} rows"
        reason += f"; {rows} of fold {ALWAYS_TRAINS}: for training only, never scored"
    if folds not in (None, len(values)):
        reason += f" (search.folds={folds} is not used)"
    if repeats not in (None, 1):
        reason += f" (search.repeats={repeats} is not used)"
    masks = [fold == value for value in values]
    return SplitPlan("given", _divisions(masks), reason, len(fold))


def _time_plan(
    dataset: Dataset, time: IntArray, request: _Request, spans: tuple[Span | None, Span | None]
) -> SplitPlan:
    """A plan in which each fold validates on the next period and trains on rows before it."""
    order = forward(dataset, time, *spans)
    gap = "" if order.gap is None else f" beyond a gap of {order.gap_text}"
    if request.folds == 1:
        _limit(request, order.n_starts + 1, f"distinct times{gap}")
        name = "the last rows in time are held out, trained on"
    else:
        request = _limit(request, order.n_starts, f"changes of time{gap}")
        name = f"{request.folds} folds in order of time, each trained on"
    name = f"{name} {order.window_text} before"
    name += "" if order.gap is None else f" a gap of {order.gap_text}"
    divisions = tuple(order.splits(order.starts(request.folds, request.n_valid)))
    note = "; repeats would be the same split" if request.repeats > 1 else ""
    reason = f"{name} ({request.why}){note}"
    return SplitPlan("time", divisions, reason, len(time), order.newest())


def _random_plan(dataset: Dataset, request: _Request, seed: int) -> SplitPlan:
    n_rows, group = len(dataset.y), dataset.group
    n_groups = 0 if group is None else len(np.unique(group))
    request = _limit(request, n_groups or n_rows, "rows" if group is None else "groups")
    masks: list[BoolArray] = []
    for repeat in range(request.repeats):
        masks += _random_masks(dataset, request, np.random.default_rng([seed, repeat]))
    name = f"{request.folds} folds" if request.folds > 1 else "a holdout"
    if group is not None:
        kind, name = "group", f"{name} of whole groups, {n_groups} groups"
    elif request.folds == 1:
        kind, name = "holdout", f"{name} of {int(masks[0].sum()):,} rows"
    elif dataset.target.task.is_classification:
        kind, name = "stratified", f"{name} stratified by class"
    else:
        kind, name = "plain", f"{name} balanced by target value"
    times = f", {request.repeats} times" if request.repeats > 1 else ""
    return SplitPlan(kind, _divisions(masks), f"{name}{times} ({request.why})", n_rows)


def _random_masks(dataset: Dataset, request: _Request, rng: np.random.Generator) -> list[BoolArray]:
    """Masks of the validation rows of one repeat."""
    group, n_folds, n_valid = dataset.group, request.folds, request.n_valid
    is_class = dataset.target.task.is_classification
    strata = strata_of(dataset.y, is_class, max(n_folds, 2))
    if group is None:
        if n_folds == 1:
            return [stratified_holdout(strata, n_valid, rng)]
        labels = stratified_labels(strata, n_folds, rng)
    else:
        if n_folds == 1:
            return [group_holdout(group, n_valid, rng)]
        labels = group_labels(strata, group, n_folds, rng)
    return [labels == k for k in range(n_folds)]


def _divisions(valid_masks: list[BoolArray]) -> tuple[Split, ...]:
    return tuple(Split(np.flatnonzero(~m), np.flatnonzero(m)) for m in valid_masks)


def _check_plan(plan: SplitPlan, dataset: Dataset) -> None:
    """Checks that every fold of a plan is valid.

    Raises:
        DataError: A part is empty, a group is on both sides, or a training row is later than a
            validation row.
    """
    for k, division in enumerate(plan.splits):
        train, valid = division.train, division.valid
        if len(train) == 0 or len(valid) == 0:
            part = "training" if len(train) == 0 else "validation"
            raise DataError(f"fold {k} has no {part} rows: set search.folds to a lower number")
        if dataset.group is not None:
            common = np.intersect1d(dataset.group[train], dataset.group[valid])
            if len(common):
                raise DataError(
                    f"fold {k} of the {plan.kind} split has {len(common)} group(s) on both sides: "
                    f"give each group one fold, or leave out {named('group')} or "
                    f"{named('folds_column')}"
                )
        if dataset.time is not None and dataset.time[train].max() >= dataset.time[valid].min():
            raise DataError(f"fold {k} would train on rows later than its validation rows")
