"""When the storage of the studies is told what has become of trials: when nobody waits for it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from automl.tuning.propose.study import FamilyStudy
from automl.tuning.trials.ledger import Ledger

__all__ = ["Archive"]

BUSY_SHARE = 0.1  # of the time may go into it though answers of workers wait


@dataclass(slots=True)
class Archive:
    """Lets the storage of a run follow its studies.

    It takes milliseconds a trial, as long as a device would wait, and nothing rests on it: what
    it does not have yet when a search is killed comes from the records.

    Attributes:
        studies: The study of each family.
        ledger: All trials.
    """

    studies: Mapping[str, FamilyStudy]
    ledger: Ledger
    _spent_s: float = 0.0

    def may_delay(self, elapsed_s: float) -> bool:
        """Whether answers may wait for it: it would fall behind for good where some always do."""
        return self._spent_s < BUSY_SHARE * elapsed_s

    def add_one(self) -> bool:
        """Tells what has become of one trial; False when all is told.

        Raises:
            StorageError: The disk is full, read-only or closed to us.
        """
        started = time.monotonic()
        last = {name: trials[-1] for name in self.studies if (trials := self.ledger.of(name))}
        found = any(self.studies[name].store_one(t.spec.number + 1) for name, t in last.items())
        self._spent_s += time.monotonic() - started
        return found

    def complete(self, time_left_s: float | None) -> None:
        """Tells what is left; where time is limited, what goes in.

        Raises:
            StorageError: The disk is full, read-only or closed to us.
        """
        due = float("inf") if time_left_s is None else time.monotonic() + time_left_s
        while self.add_one() and time.monotonic() < due:
            pass
