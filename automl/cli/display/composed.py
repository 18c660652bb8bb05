"""``automl search --cfg``: the composed configuration, without passwords."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["print_config"]


def print_config(options: Mapping[str, Any], overrides: Sequence[str]) -> int:
    """Prints the configuration that a search would have, and where each value comes from.

    Args:
        options: Options of the command line that were given, by key.
        overrides: Settings as ``key=value``.

    Returns:
        The exit status.

    Raises:
        ConfigError: The configuration does not fit.
    """
    from automl.config import compose_with_plugins, render_config
    from automl.redact import hide, sources_in, without_passwords

    composed, registry = compose_with_plugins(overrides, options)
    registry.tell_remarks()
    data = composed.config.data
    data.sql = None if data.sql is None else without_passwords(data.sql)
    text = hide(render_config(composed), sources_in(overrides))
    sys.stdout.write(text.rstrip("\n") + "\n")
    return 0
