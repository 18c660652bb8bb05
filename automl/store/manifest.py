"""``manifest.json``: what a run is, readable without loading anything of it."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from automl import __version__
from automl.store.run_dir import RunDir, read_json, write_json

__all__ = ["new_manifest", "update_manifest", "write_manifest"]

SCHEMA = 1
PACKAGES = ("numpy", "scipy", "pandas", "pyarrow", "scikit-learn", "lightgbm", "optuna", "torch")


def new_manifest(facts: Mapping[str, Any], packages: Iterable[str] = PACKAGES) -> dict[str, Any]:
    """Makes the manifest of a run that starts now.

    Args:
        facts: What the caller knows: data, target, task, metric, split, seed, families, budget.
        packages: Distributions whose versions are kept, as far as they are installed.
    """
    return {
        "schema": SCHEMA,
        "automl": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: v for name in packages if (v := _version(name)) is not None},
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "status": "running",
        **facts,
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def write_manifest(run: RunDir, manifest: Mapping[str, Any]) -> None:
    """Writes the manifest whole."""
    write_json(run.manifest, manifest)


def update_manifest(run: RunDir, **facts: Any) -> None:
    """Changes some facts of a manifest.

    Raises:
        RunError: The manifest is missing or damaged.
    """
    write_manifest(run, {**read_json(run.manifest), **facts})
