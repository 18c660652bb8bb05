"""A configuration on disk, as YAML."""

from __future__ import annotations

from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from automl.config.schema import SearchConfig
from automl.errors import RunError
from automl.redact import without_passwords
from automl.store.files import write_whole

if TYPE_CHECKING:
    from omegaconf import DictConfig, ListConfig

__all__ = ["config_of", "load_config", "save_config"]

END = "...\n"
"""How YAML marks the end of a document: a file without it was torn."""


def save_config(config: SearchConfig, path: Path) -> None:
    """Writes a configuration whole, without what looks like a password in its query."""
    import yaml

    values = asdict(config)
    if config.data.sql is not None:
        values["data"]["sql"] = without_passwords(config.data.sql)
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    if yaml.safe_load(text) != values:  # PyYAML writes some characters plainly that end a line
        text = yaml.safe_dump(values, sort_keys=False)
    write_whole(path, lambda file: file.write((text + END).encode()))


def load_config(path: Path) -> SearchConfig:
    """Reads what ``save_config`` wrote.

    Raises:
        RunError: The file is missing or torn, holds no YAML, or does not fit the schema.
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
    """The typed configuration as plain Python values.

    Raises:
        ConfigError: A reference such as ``${oc.env:HOME}`` leads nowhere.
    """
    from omegaconf import OmegaConf, SCMode
    from omegaconf.errors import OmegaConfBaseException

    from automl.errors import ConfigError

    try:
        values = OmegaConf.to_container(composed, resolve=True, structured_config_mode=SCMode.DICT)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key}: {str(error).splitlines()[0]}") from None
    config: SearchConfig = _build(SearchConfig, values)
    return config


def _build(kind: type, values: Any) -> Any:
    hints = get_type_hints(kind)
    return kind(
        **{
            f.name: _build(hints[f.name], values[f.name])
            if is_dataclass(hints[f.name])
            else values[f.name]
            for f in fields(kind)
        }
    )
