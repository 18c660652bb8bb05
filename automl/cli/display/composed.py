"""Prints the composed configuration for ``automl search --cfg``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["print_config"]


def print_config(options: Mapping[str, Any], overrides: Sequence[str]) -> int:
    """Prints the configuration of a search with the origin of each value, without passwords.

    Args:
        options: Options given on the command line, by key.
        overrides: Settings as ``key=value``.

    Returns:
        The exit status.

    Raises:
        ConfigError: The configuration is invalid.
    """
    from automl.config import compose_with_plugins, render_config
    from automl.redact import hide, sources_in, without_passwords

    composed, registry = compose_with_plugins(overrides, options)
    registry.tell_remarks()
    data = composed.config.data
    data.sql = None if data.sql is None else without_passwords(data.sql)
    given = [*overrides, *map(str, options.values())]
    text = hide(render_config(composed), sources_in(given))
    sys.stdout.write(text.rstrip("\n") + "\n")
    return 0
