"""Measures one unit in a process of its own, with the automl of the tree that is measured.

    python -P benchmarks/honesty/worker.py JOB.json

The job says the row, the key, the parts, the tree, and the files to work in and to write to. The
benchmarks are those beside this file, whatever the tree has.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import traceback
from pathlib import Path
from typing import Any

__all__ = ["main"]


def main(job: dict[str, Any]) -> None:
    """Measures the unit of a job and writes its parts.

    Raises:
        SystemExit: The automl that is imported is not that of the tree.
    """
    import automl
    from benchmarks.honesty.rows import ROWS

    found = Path(automl.__file__).resolve().parents[1]
    if found != Path(job["tree"]).resolve():
        raise SystemExit(f"automl comes from {found}, not from {job['tree']}")
    folder = Path(job["folder"])
    folder.mkdir()
    try:
        parts = ROWS[job["row"]].measure(job["key"], job["parts"], folder)
    except Exception as error:  # kept as the result of the unit
        traceback.print_exc()
        why = f"{type(error).__name__}: {error}"
        parts = {part: {"error": why} for part in job["parts"]}
    Path(job["out"]).write_text(json.dumps(parts), encoding="utf-8")


def _use_own_benchmarks() -> None:
    place = Path(__file__).resolve().parents[1]
    spec = importlib.util.spec_from_file_location(
        "benchmarks", place / "__init__.py", submodule_search_locations=[str(place)]
    )
    if spec is None or spec.loader is None:
        raise SystemExit(f"{place} is no package")
    module = importlib.util.module_from_spec(spec)
    sys.modules["benchmarks"] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    _use_own_benchmarks()
    main(json.loads(Path(sys.argv[1]).read_text("utf-8")))
