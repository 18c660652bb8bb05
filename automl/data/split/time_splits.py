"""Splits rows in order of time, with an optional gap and a limited training window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

import numpy as np

from automl.data.split.split_plan import Split
from automl.data.split.splitters import move_time_cuts
from automl.data.table import BoolArray, Dataset, IntArray
from automl.errors import ConfigError, DataError
from automl.surface import named

__all__ = ["Forward", "Span", "forward"]

Span: TypeAlias = int | timedelta
"""A time span: a number of distinct times, or a duration if times are dates."""

UNITS = (("d", 86_400_000_000), ("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000))
MICROSECOND = timedelta(microseconds=1)


def forward(
    dataset: Dataset, time: IntArray, gap: Span | None = None, window: Span | None = None
) -> Forward:
    """Prepares the splits of a data set in order of time.

    Args:
        dataset: The data.
        time: Rank of each row in time, ``(n_rows,)``.
        gap: Span left out between training and validation rows; None for none.
        window: How far back the training rows of a fold reach; None for all earlier rows.

    Raises:
        ConfigError: A span is a duration, but the times are plain numbers.
    """
    for key, span in (("search.gap", gap), ("search.window", window)):
        if isinstance(span, timedelta) and dataset.moments is None:
            raise ConfigError(
                f"{key}={_text(span)} is a duration, but column {dataset.time_name!r} holds "
                f"plain numbers, not dates: give a number of distinct times, such as {key}=7"
            )
    distinct, rank = np.unique(time, return_inverse=True)
    moments = np.arange(len(distinct)) if dataset.moments is None else np.unique(dataset.moments)
    return Forward(rank.astype(np.int64), dataset.group, moments, dataset.time_name, gap, window)


@dataclass(frozen=True, slots=True)
class Forward:
    """Rows in order of time; see ``forward``.

    Attributes:
        time: Rank of each row, ``(n_rows,)``.
        group: Group of each row, ``(n_rows,)``, or None: no group is on both sides.
        moments: Time of each rank, ascending, ``(n_ranks,)``: microseconds, or the rank itself.
        name: Name of the time column.
        gap, window: See ``forward``.
    """

    time: IntArray
    group: IntArray | None
    moments: IntArray
    name: str
    gap: Span | None = None
    window: Span | None = None

    @property
    def first_start(self) -> int:
        """First rank at which validation may begin, with a training row before its gap.

        Equals the number of ranks if there is none.
        """
        if isinstance(self.gap, timedelta):
            reach = self.moments[0] + self.gap // MICROSECOND
            return max(1, int(np.searchsorted(self.moments, reach, side="right")))
        return min((self.gap or 0) + 1, len(self.moments))

    @property
    def n_starts(self) -> int:
        """Number of ranks at which validation may begin.

        Raises:
            DataError: There is none, because the gap is as long as the data.
        """
        found = len(self.moments) - self.first_start
        if found < 1 and self.gap is not None:
            raise DataError(
                f"{named('search.gap', _text(self.gap))} leaves no row to validate: column "
                f"{self.name!r} has {self._extent}. Give a shorter one"
            )
        return found

    @property
    def _extent(self) -> str:
        """Number and extent of the times, as text."""
        n_times = f"{len(self.moments):,} distinct times"
        if not isinstance(self.gap, timedelta) and not isinstance(self.window, timedelta):
            return n_times
        whole = timedelta(microseconds=int(self.moments[-1] - self.moments[0]))
        return f"{n_times} in {_text(whole)}"

    @property
    def gap_text(self) -> str:
        """The gap as text."""
        return _counted(self.gap)

    @property
    def window_text(self) -> str:
        """The training rows of a fold as text."""
        return "all rows" if self.window is None else f"the last {_counted(self.window)}"

    def starts(self, n_folds: int, n_valid: int) -> IntArray:
        """Ranks at which the validation rows of the folds begin, ``(n_folds,)``, ascending.

        They cut the rows into blocks of about equal size. The first block is for training only;
        the rows in the gap of the first fold belong to no block.

        Args:
            n_folds: Number of folds, at most ``n_starts``.
            n_valid: Number of validation rows of a single fold.
        """
        able = self.time[self.time >= self.first_start - 1]
        n_rows = len(able)
        if n_folds == 1:
            wanted = np.array([max(n_rows - n_valid, 1)], dtype=np.float64)
        else:
            wanted = np.arange(1, n_folds + 1) * n_rows / (n_folds + 1)
        return move_time_cuts(able, wanted)

    def splits(self, starts: IntArray) -> Iterator[Split]:
        """Yields the folds, which validate from each start to the next.

        Raises:
            DataError: The window of a fold holds no training row.
        """
        for fold, (start, end) in enumerate(zip(starts, [*starts[1:], None], strict=True)):
            valid = self.time >= start if end is None else (self.time >= start) & (self.time < end)
            train = self._before(int(start))
            if self.window is not None and not train.any():
                raise DataError(
                    f"search.window={_text(self.window)} leaves fold {fold} no training rows: "
                    f"column {self.name!r} has {self._extent}. Give a longer window"
                )
            if self.group is not None:
                train &= ~np.isin(self.group, np.unique(self.group[valid]))
            yield Split(np.flatnonzero(train), np.flatnonzero(valid))

    def newest(self) -> IntArray | None:
        """Rows of the last window, ascending; None for all rows."""
        window = self.window
        if window is None:
            return None
        if isinstance(window, timedelta):
            since = self.moments[-1] - window // MICROSECOND
            first = int(np.searchsorted(self.moments, since, side="right"))
        else:
            first = max(0, len(self.moments) - window)
        return np.flatnonzero(self.time >= first)

    def _before(self, start: int) -> BoolArray:
        """Mask of the training rows of a fold that validates from this rank on, ``(n_rows,)``."""
        gap, window, end, until = self.gap, self.window, start, self.moments[start]
        if isinstance(gap, timedelta):
            until = until - gap // MICROSECOND
            end = min(start, int(np.searchsorted(self.moments, until, side="left")))
        elif gap is not None:
            end = start - gap
            until = self.moments[end]
        first = 0
        if isinstance(window, timedelta):
            first = int(np.searchsorted(self.moments, until - window // MICROSECOND, side="left"))
        elif window is not None:
            first = max(0, end - window)
        return (self.time >= first) & (self.time < end)


def _counted(span: Span | None) -> str:
    """A span as text for the user."""
    if span is None or isinstance(span, timedelta):
        return "nothing" if span is None else _text(span)
    return f"{span} distinct time{'s' * (span != 1)}"


def _text(span: Span) -> str:
    """A span in the notation of settings, such as ``7d`` or ``5``."""
    if not isinstance(span, timedelta):
        return str(span)
    length = span // MICROSECOND
    for unit, size in UNITS:
        if length >= size and length % size == 0:
            return f"{length // size}{unit}"
    return f"{length / UNITS[-1][1]:g}s"
