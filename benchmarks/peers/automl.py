"""Our own search. The variant is settings with spaces between, such as ``preset=fast``.

``without=NAME`` takes a measure out of it; see ``benchmarks.ablation``.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

import pandas as pd

from benchmarks.ablation import leave_out
from benchmarks.peers.adapter import Peer, run

__all__ = ["AutoML"]


class AutoML(Peer):
    """``automl.search`` on the file, with everything as it is by default."""

    distribution = "automl-search"

    def prepare(self) -> None:
        """Imports it; the search reads the file itself."""
        import automl

        self.automl = automl

    def fit(self) -> None:
        """Searches."""
        job, began_at = self.job, time.monotonic()
        path = job.out / "run"
        settings = _settings(job.variant)
        presets = [s.removeprefix("preset=") for s in settings if s.startswith("preset=")]
        self.automl.search(
            job.train,
            job.target,
            task=job.task,
            metric=job.metric,
            time_s=job.time_s,
            seed=job.seed,
            out=path,
            preset=presets[-1] if presets else None,
            overrides=[s for s in settings if not s.startswith("preset=")],
        )
        events = [json.loads(line) for line in (path / "log.jsonl").read_text("utf-8").splitlines()]
        ready_s = [e["elapsed_s"] for e in events if e["event"] == "EnsembleUpdated"]
        self.first_model_at = began_at + ready_s[0] if ready_s else None
        self.detail = _trials(events)

    def load(self) -> None:
        """Opens the run as another process would."""
        self.run = self.automl.load_run(self.job.out / "run")

    def predict(self) -> pd.DataFrame:
        """Predicts the file, reading it included."""
        if self.job.is_classification:
            return self.run.predict_proba(self.job.test)
        return pd.DataFrame({"prediction": self.run.predict(self.job.test)})


def _settings(variant: str) -> list[str]:
    """The settings of a variant, those of measures that are left out included."""
    settings: list[str] = []
    for word in variant.split():
        name = word.removeprefix("without=")
        settings += [word] if name == word else leave_out(name)
    return settings


def _trials(events: list[dict[str, Any]]) -> dict[str, int]:
    """Number of trials by state."""
    return dict(Counter(str(e["state"]) for e in events if e["event"] == "TrialFinished"))


if __name__ == "__main__":
    run(AutoML)
