"""Calls the hooks of one plugin and validates their results."""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pluggy

from automl.errors import did_you_mean
from automl.plugin import ColumnKind, ConfigurableFamily, ExecutorFactory, Metric, ModelFamily, Task
from automl.plugin.executor import BUILT_IN_EXECUTORS
from automl.plugin.hookspecs import PROJECT_NAME

__all__ = ["RESERVED_SETTINGS", "Contribution", "HookError", "collect"]

RESERVED_SETTINGS = ("fixed", "max_trials")
"""Settings that every family has; a family must not define them."""

_T = TypeVar("_T")

_PLAIN_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HOOK_PREFIX = f"{PROJECT_NAME}_"


class HookError(Exception):
    """A plugin implements a hook incorrectly; the text says how to fix it."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """The families, metrics, executors and config groups of one plugin.

    Attributes:
        families: Its families.
        metrics: Its metrics.
        executors: Its executors.
        search_paths: Search paths of its config groups.
    """

    families: tuple[ModelFamily, ...] = ()
    metrics: tuple[Metric, ...] = ()
    executors: tuple[ExecutorFactory, ...] = ()
    search_paths: tuple[str, ...] = ()


def collect(manager: pluggy.PluginManager, plugin: object) -> Contribution:
    """Calls the hooks of one registered plugin.

    Raises:
        HookError: A hook is unknown or returns an invalid value.
        Exception: Any error of an implementation.
    """
    _check_hook_names(manager, plugin)
    answers: dict[str, list[Any]] = {}
    for caller in manager.get_hookcallers(plugin) or ():
        for implementation in caller.get_hookimpls():
            if implementation.plugin is plugin and caller.has_spec():
                if implementation.wrapper or implementation.hookwrapper:
                    raise HookError(f"{caller.name} is a wrapper: hooks are called one by one")
                answers.setdefault(caller.name, []).append(implementation.function())
    # mypy forbids an abstract class as a value, but only isinstance uses it
    kind: type[ModelFamily] = ModelFamily  # type: ignore[type-abstract]
    families = tuple(_each(answers, "automl_model_families", kind))
    metrics = tuple(_each(answers, "automl_metrics", Metric))
    executors = tuple(_each(answers, "automl_executors", ExecutorFactory))
    for family in families:
        _check_family(family)
    for executor in executors:
        _check_executor(executor)
    _check_unique("family", [f.name for f in families])
    _check_unique("metric", [m.name for m in metrics])
    _check_unique("executor", [e.name for e in executors])
    paths = [p for p in answers.get("automl_config_search_path", []) if p is not None]
    for path in paths:
        _check_search_path(path)
    return Contribution(families, metrics, executors, tuple(paths))


def _check_hook_names(manager: pluggy.PluginManager, plugin: object) -> None:
    # the closest one alone is suggested below, as their common prefix makes all of them close
    known = [name for name, caller in vars(manager.hook).items() if _has_spec(caller)]
    for caller in manager.get_hookcallers(plugin) or ():
        required = any(i.plugin is plugin and not i.optionalhook for i in caller.get_hookimpls())
        if required and not caller.has_spec():
            raise HookError(
                f"unknown hook {caller.name!r}{did_you_mean(caller.name, known, n=1)} "
                f"(hooks: {', '.join(sorted(known))})"
            )
    implemented = {
        i.function for c in manager.get_hookcallers(plugin) or () for i in c.get_hookimpls()
    }
    for name, function in inspect.getmembers(plugin, inspect.isroutine):
        # an imported function is not meant as a hook
        own = getattr(function, "__module__", None) == getattr(plugin, "__name__", None)
        if name.startswith(_HOOK_PREFIX) and own and function not in implemented:
            nearest = "" if name in known else did_you_mean(name, known, n=1)
            raise HookError(f"{name} looks like a hook but is not marked @hookimpl{nearest}")


def _has_spec(caller: object) -> bool:
    return isinstance(caller, pluggy.HookCaller) and caller.has_spec()


def _each(answers: Mapping[str, list[Any]], hook: str, kind: type[_T]) -> Iterator[_T]:
    for answer in answers.get(hook, []):
        if isinstance(answer, (str, Mapping)) or not isinstance(answer, Iterable):
            raise HookError(
                f"{hook} must return a list of {kind.__name__}, not {type(answer).__name__}"
            )
        for item in answer:
            if isinstance(item, type) and issubclass(item, kind):
                raise HookError(
                    f"{hook} returns the class {item.__name__}: write {item.__name__}()"
                )
            if not isinstance(item, kind):
                raise HookError(f"{hook} returns {item!r}, which is not of type {kind.__name__}")
            yield item


def _check_unique(what: str, names: list[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise HookError(f"{what} {repeated[0]!r} is defined twice")


def _check_family(family: ModelFamily) -> None:
    where = f"family {type(family).__name__}"
    name = getattr(family, "name", None)
    if not isinstance(name, str) or not _PLAIN_NAME.fullmatch(name):
        raise HookError(f"{where} has the name {name!r}: use lower-case letters, digits and _")
    where = f"family {name!r}"
    if not family.tasks or not family.tasks <= frozenset(Task):
        raise HookError(f"{where}: tasks must be a set of Task, not {family.tasks!r}")
    if not family.kinds or not family.kinds <= frozenset(ColumnKind):
        raise HookError(f"{where}: kinds must be a set of ColumnKind, not {family.kinds!r}")
    _check_capabilities(family, where)
    if isinstance(family, ConfigurableFamily):
        _check_settings(family, where)


def _check_capabilities(family: ModelFamily, where: str) -> None:
    """Rejects members that would be ignored because the family lacks their base class."""
    for kind in ModelFamily.__subclasses__():
        if isinstance(family, kind) or not kind.__module__.startswith("automl.plugin."):
            continue
        own = {*vars(kind), *kind.__annotations__} - {*vars(ModelFamily)}
        found = sorted(n for n in own if not n.startswith("_") and hasattr(family, n))
        if found:
            raise HookError(
                f"{where} has {found[0]!r}, which only a {kind.__name__} may have: "
                f"inherit automl.plugin.{kind.__name__}"
            )


def _check_settings(family: ConfigurableFamily, where: str) -> None:
    for key, value in family.settings.items():
        if not isinstance(key, str) or not _SETTING_NAME.fullmatch(key):
            raise HookError(f"{where}: the setting {key!r} is not a plain name")
        if key in RESERVED_SETTINGS:
            raise HookError(f"{where}: the setting {key!r} is reserved: every family has it")
        if not _is_plain(value):
            raise HookError(f"{where}: the default of the setting {key!r} is not a YAML value")
    unknown = sorted(family.setting_ranges.keys() - family.settings.keys())
    if unknown:
        raise HookError(f"{where}: setting_ranges names {unknown[0]!r}, which is not a setting")


def _check_executor(executor: ExecutorFactory) -> None:
    name = executor.name
    if not isinstance(name, str) or not _PLAIN_NAME.fullmatch(name):
        raise HookError(f"an executor has the name {name!r}: use lower-case letters, digits and _")
    if name in BUILT_IN_EXECUTORS:
        raise HookError(f"executor {name!r} is built in: choose another name")
    if not callable(executor.make):
        raise HookError(f"executor {name!r}: make must be a function, not {executor.make!r}")


def _is_plain(value: object) -> bool:
    """Whether YAML can represent a value."""
    if isinstance(value, Mapping):
        return all(isinstance(k, str) and _is_plain(v) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))


def _check_search_path(path: object) -> None:
    if not isinstance(path, str) or not path.startswith(("pkg://", "file://")):
        hint = "automl_config_search_path must return a string such as 'pkg://my_package.conf'"
        raise HookError(f"{hint}, not {path!r}")
    kind, _, place = path.partition("://")
    if kind == "pkg" and importlib.util.find_spec(place) is None:
        raise HookError(f"the config search path {path!r} is not a package")
    if kind == "file" and not Path(place).is_dir():
        raise HookError(f"the config search path {path!r} is not a folder")
