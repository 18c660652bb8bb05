"""Saves and loads a configuration as YAML."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from automl.config.schema import SearchConfig
from automl.errors import RunError
from automl.redact import without_passwords
from automl.store.files import write_atomic

if TYPE_CHECKING:
    from omegaconf import DictConfig, ListConfig

__all__ = ["config_of", "load_config", "save_config"]

END = "...\n"
"""YAML's end of document: a file without it was not written completely."""


def save_config(config: SearchConfig, path: Path) -> None:
    """Writes a configuration atomically, without passwords in its query."""
    import yaml

    values = asdict(config)
    if config.data.sql is not None:
        values["data"]["sql"] = without_passwords(config.data.sql)
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    if yaml.safe_load(text) != values:  # PyYAML does not escape some line-ending characters
        text = yaml.safe_dump(values, sort_keys=False)
    write_atomic(path, lambda file: file.write((text + END).encode()))


def load_config(path: Path) -> SearchConfig:
    """Reads a configuration written by ``save_config``.

    Raises:
        RunError: The file is missing, incomplete, not YAML, or does not fit the schema.
    """
    import yaml
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    from automl.config.assign import escaped

    try:
        text = path.read_bytes()
        values = yaml.safe_load(text)
        if not isinstance(values, dict):
            raise RunError(f"{path} is damaged: it holds no configuration")
        if not text.decode().endswith(END):
            raise RunError(f"{path} is damaged: its end is missing")
        return config_of(OmegaConf.merge(OmegaConf.structured(SearchConfig), escaped(values)))
    except FileNotFoundError:
        raise RunError(f"{path} is missing: the run is not complete") from None
    except (yaml.YAMLError, UnicodeDecodeError, OmegaConfBaseException) as error:
        raise RunError(f"{path} is damaged: {' '.join(str(error).split())}") from None


def config_of(composed: DictConfig | ListConfig) -> SearchConfig:
    """Converts a composed configuration to plain Python values.

    Raises:
        ConfigError: A reference such as ``${oc.env:HOME}`` cannot be resolved.
    """
    from omegaconf import OmegaConf, SCMode
    from omegaconf.errors import OmegaConfBaseException

    from automl.errors import ConfigError

    try:
        config: Any = OmegaConf.to_object(composed)
        config.model = OmegaConf.to_container(
            composed.model, resolve=True, structured_config_mode=SCMode.DICT
        )
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key}: {str(error).splitlines()[0]}") from None
    return cast(SearchConfig, config)
