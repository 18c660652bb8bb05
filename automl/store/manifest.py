"""Writes ``manifest.json``: versions, data, settings and status of a run."""

from __future__ import annotations

import contextlib
import platform
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from automl.store.files import read_json, write_json
from automl.store.run_dir import RunDir
from automl.version import __version__

__all__ = ["DISTRIBUTION", "new_manifest", "update_manifest", "write_manifest"]

SCHEMA = 1
DISTRIBUTION = "automl-search"
"""The distribution of automl itself, with the plugins that ship with it."""

REQUIREMENT_NAME = re.compile(r"[A-Za-z0-9._-]+")


def new_manifest(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Makes the manifest of a run that starts now.

    Args:
        facts: Facts of the run: data, target, task, metric, split, seed, families, budget.
    """
    return {
        "schema": SCHEMA,
        "automl": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": _package_versions(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "status": "running",
        **facts,
    }


def _package_versions() -> dict[str, str]:
    """Versions of the installed requirements of this distribution, including extras."""
    try:
        requirements = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return {}
    versions = {}
    for requirement in requirements:
        found = REQUIREMENT_NAME.match(requirement)
        if found is not None:
            with contextlib.suppress(metadata.PackageNotFoundError):
                versions[found.group()] = metadata.version(found.group())
    return dict(sorted(versions.items()))


def write_manifest(run: RunDir, manifest: Mapping[str, Any]) -> None:
    """Writes the manifest atomically."""
    write_json(run.manifest, manifest)


def update_manifest(run: RunDir, **facts: Any) -> None:
    """Changes some facts of a manifest.

    Raises:
        RunError: The manifest is missing or damaged.
    """
    write_manifest(run, {**read_json(run.manifest), **facts})
