"""Tracks trials that wait for devices, and decides when to report it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from automl.scheduling.devices.pool import BlockingResource

__all__ = ["StalledTrials"]

NOTE_AFTER_S = 60.0
NOTE_EVERY_S = 60.0


@dataclass(slots=True)
class StalledTrials:
    """Tracks since when each ready trial waits for devices.

    Each trial is reported once per resource, and each resource at most once a minute.
    """

    _since: dict[str, tuple[BlockingResource, float]] = field(default_factory=dict)
    _told: set[tuple[str, BlockingResource]] = field(default_factory=set)
    _last: dict[BlockingResource, float] = field(default_factory=dict)

    def update(self, waiting: Mapping[str, BlockingResource], now_s: float) -> None:
        """Updates the trials that wait now.

        Args:
            waiting: Missing resource, by trial id.
            now_s: Seconds since the start of the run.
        """
        before = self._since
        self._since = {}
        for trial, shortage in waiting.items():
            known, since_s = before.get(trial, (shortage, now_s))
            self._since[trial] = (shortage, since_s if known is shortage else now_s)

    def due(self, now_s: float) -> list[tuple[str, BlockingResource]]:
        """Trials to report now, each with its missing resource; each pair is returned once."""
        due = []
        for trial, (shortage, since_s) in self._since.items():
            spoken_s = self._last.get(shortage, -NOTE_EVERY_S)
            patient = now_s - since_s < NOTE_AFTER_S or now_s - spoken_s < NOTE_EVERY_S
            if not patient and (trial, shortage) not in self._told:
                self._told.add((trial, shortage))
                self._last[shortage] = now_s
                due.append((trial, shortage))
        return due
