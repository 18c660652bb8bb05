"""Which trials are held up, and when to say why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from automl.scheduling.devices.pool import Shortage

__all__ = ["Waiting"]

NOTE_AFTER_S = 60.0
NOTE_EVERY_S = 60.0


@dataclass(slots=True)
class Waiting:
    """Notes since when each trial that could start waits for devices.

    Each trial is spoken of once for each thing it waits for, and each thing once a minute.
    """

    _since: dict[str, tuple[Shortage, float]] = field(default_factory=dict)
    _told: set[tuple[str, Shortage]] = field(default_factory=set)
    _last: dict[Shortage, float] = field(default_factory=dict)

    def update(self, waiting: Mapping[str, Shortage], now_s: float) -> None:
        """Takes in which trials wait now, and for what.

        Args:
            waiting: What each waits for, by the id of the trial.
            now_s: Seconds since the start of the run.
        """
        before = self._since
        self._since = {}
        for trial, shortage in waiting.items():
            known, since_s = before.get(trial, (shortage, now_s))
            self._since[trial] = (shortage, since_s if known is shortage else now_s)

    def due(self, now_s: float) -> list[tuple[str, Shortage]]:
        """Trials to speak of now, each with what it waits for; they are not due again."""
        due = []
        for trial, (shortage, since_s) in self._since.items():
            spoken_s = self._last.get(shortage, -NOTE_EVERY_S)
            patient = now_s - since_s < NOTE_AFTER_S or now_s - spoken_s < NOTE_EVERY_S
            if not patient and (trial, shortage) not in self._told:
                self._told.add((trial, shortage))
                self._last[shortage] = now_s
                due.append((trial, shortage))
        return due
