"""Composes schema, families, groups, plugins' groups and preset with Hydra."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from hydra import compose, initialize_config_module
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.default_element import ResultDefault
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from hydra.version import VersionBase
from omegaconf import DictConfig, OmegaConf, SCMode
from omegaconf.errors import OmegaConfBaseException

from automl.config.assign import by_leaf
from automl.config.fields import family_node
from automl.config.groups import CORE_PATH, find_groups
from automl.config.overrides import KnownKeys
from automl.config.provenance import DEFAULT
from automl.config.schema import SearchConfig
from automl.errors import ConfigError

__all__ = ["compose_layers"]

_CORE_MODULE = CORE_PATH.removeprefix("pkg://")
_SCHEMA, _FAMILIES, _ROOT = "automl_schema", "automl_families", "automl_search"
_PRESET = "preset"

_lock = threading.Lock()
_paths: ContextVar[tuple[tuple[str, str], ...]] = ContextVar("_paths", default=())


class _PluginPaths(SearchPathPlugin):
    """Adds plugins' config groups, only while a configuration of automl is composed."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Appends each plugin's path under the name of its distribution."""
        for distribution, path in _paths.get():
            search_path.append(provider=distribution, path=path)


def compose_layers(
    choices: Mapping[str, str], paths: Sequence[tuple[str, str]], keys: KnownKeys
) -> tuple[DictConfig, dict[str, str]]:
    """Composes all layers below single values.

    Args:
        choices: Chosen option by group.
        paths: ``(distribution, path)`` of config groups besides automl's own.
        keys: Known keys and groups.

    Returns:
        The typed, closed configuration, and the origin of each key as text.

    Raises:
        ConfigError: A group of a plugin does not fit the schema.
    """
    overrides = [f"{group}={option}" for group, option in choices.items()]
    with _lock, _own_hydra(paths):
        _store(keys)
        try:
            with initialize_config_module(_CORE_MODULE, version_base="1.3"):
                return compose(_ROOT, overrides), _origins(overrides, keys)
        except (HydraException, OmegaConfBaseException) as error:
            reason = " ".join(str(error.__cause__ or error).split())
            chosen = "".join(_guests(choices, paths))
            raise ConfigError(f"the configuration groups do not fit: {reason}{chosen}") from None


def _guests(choices: Mapping[str, str], paths: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Names the distributions of the chosen options that are not automl's."""
    for distribution, path in paths:
        groups = find_groups([path])
        for group, option in choices.items():
            if option in groups.get(group, ()):
                yield f" ({group}={option} comes from {distribution})"


@contextmanager
def _own_hydra(paths: Sequence[tuple[str, str]]) -> Iterator[None]:
    """Isolates Hydra's global state from a Hydra application that may call automl."""
    Plugins.instance().register(_PluginPaths)
    version = VersionBase.instance()
    outer, outer_version = GlobalHydra.instance().hydra, version.version_base
    GlobalHydra.instance().clear()
    token = _paths.set(tuple(paths))
    try:
        yield
    finally:
        _paths.reset(token)
        GlobalHydra.instance().hydra = outer
        version.version_base = outer_version


def _store(keys: KnownKeys) -> None:
    store = ConfigStore.instance()
    families = keys.registry.families
    store.store(name=_SCHEMA, node=SearchConfig)
    # one node for all: Hydra composes an element of its own for each entry of the defaults
    nodes = {name: family_node(entry.family) for name, entry in families.items()}
    store.store(name=_FAMILIES, node={"model": nodes})
    core = find_groups([CORE_PATH])
    defaults: list[Any] = [_SCHEMA, _FAMILIES, "config"]
    # a plugin's model/<family>.yaml replaces defaults of that family's settings
    tuned = [name for name in keys.groups.get("model", ()) if name in families]
    defaults += [{f"model@model.{name}": name} for name in tuned]
    for group, options in keys.groups.items():
        if group not in core and group != "model":
            defaults.append({group: "default" if "default" in options else None})
    defaults += [{_PRESET: SearchConfig.preset}, "_self_"]
    store.store(name=_ROOT, node={"defaults": defaults})


def _origins(overrides: list[str], keys: KnownKeys) -> dict[str, str]:
    loader: Any = GlobalHydra.instance().config_loader()
    chain = loader.compute_defaults_list(_ROOT, overrides, RunMode.RUN).defaults
    origins = dict.fromkeys(keys.config_keys, DEFAULT)
    for name, family in keys.registry.families.items():
        own = [key for key in origins if key.startswith(f"model.{name}.")]
        origins |= dict.fromkeys(own, f"settings of {family.distribution}")
    for entry in chain:
        path = entry.config_path or ""
        if path in (_SCHEMA, _FAMILIES, _ROOT) or path.startswith("hydra/") or path == "hydra":
            continue
        layer = loader.repository.load_config(path)
        content = OmegaConf.to_container(layer.config, structured_config_mode=SCMode.DICT)
        if isinstance(content, Mapping):
            package = "" if entry.package == "_global_" else entry.package or ""
            found = [key for key, _ in by_leaf(package, content, keys) if key in origins]
            origins |= dict.fromkeys(found, _in_words(entry, layer.provider))
    return origins


def _in_words(entry: ResultDefault, provider: str) -> str:
    group, _, option = (entry.config_path or "").rpartition("/")
    return f"{group}={option}" if provider == "main" else f"{group}={option} of {provider}"
