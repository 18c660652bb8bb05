"""Runs one search in a process of its own and notes which fits run when.

    python -P benchmarks/hardware/searcher.py JOB.json

It imports nothing of the benchmarks: the checkout that is measured may be an older one.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

STARTED = time.monotonic()

__all__ = ["main"]


def main(job: dict[str, Any]) -> None:
    """Searches, with the budget counted from the start of this process.

    Raises:
        SystemExit: The automl that is imported is not that of the checkout.
    """
    import automl

    found = Path(automl.__file__).resolve().parents[1]
    if found != Path(job["tree"]).resolve():
        raise SystemExit(f"automl comes from {found}, not from {job['tree']}")
    with Path(job["activity"]).open("w", encoding="utf-8") as file:

        def note(event: Any) -> None:
            if hasattr(event, "running"):
                line = [round(event.elapsed_s, 3), list(event.running), event.stage]
                file.write(json.dumps(line) + "\n")

        automl.search(
            job["train"],
            job["target"],
            task=job["task"],
            metric=job["metric"],
            time_s=job["time_s"],
            seed=job["seed"],
            out=job["out"],
            overrides=job["overrides"],
            on_event=note,
            verbosity=0,
            started=STARTED,
        )


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text("utf-8")))
