"""Finds plugins and loads each in isolation."""

from __future__ import annotations

import importlib
import re
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

import pluggy

from automl.metrics import CATALOG
from automl.plugin import ExecutorFactory, Metric, hookspecs
from automl.plugin.executor import BUILT_IN_EXECUTORS
from automl.plugin.hookspecs import ENTRY_POINT_GROUP, PROJECT_NAME
from automl.registry.containment import contained
from automl.registry.contribution import Contribution, HookError, collect
from automl.registry.registry import FROM_CONFIG, BrokenPlugin, RegisteredFamily, Registry
from automl.store.manifest import DISTRIBUTION

__all__ = ["load_plugins_for", "load_registry"]


MAX_PRINTED = 200
_Named = TypeVar("_Named", Metric, ExecutorFactory)


@dataclass(frozen=True, slots=True)
class _Source:
    """A plugin that is not loaded yet."""

    plugin: str
    distribution: str
    version: str
    module: str
    load: Callable[[], object]

    def __str__(self) -> str:
        return f"plugin {self.plugin!r} of {self.distribution}"


def load_plugins_for(
    families: Collection[str],
    metric: str | None,
    modules: Sequence[str] = (),
    block: Sequence[str] = (),
    executor: str = "local",
) -> Registry:
    """Loads only the plugins of some families, a metric and an executor.

    Their entry points are found by name. If that misses any of them, all plugins are loaded.

    Args:
        families: Names of families.
        metric: Name of a metric, or ``module:function``; None if no plugin's metric is needed.
        modules: As for ``load_registry``.
        block: As for ``load_registry``.
        executor: Name of the executor.
    """
    some = load_registry(modules, block, {*families, metric or "", executor})
    runs = executor in BUILT_IN_EXECUTORS or executor in some.executors
    if runs and some.has_metric(metric) and all(name in some.families for name in families):
        return some
    return load_registry(modules, block)


def load_registry(
    modules: Sequence[str] = (), block: Sequence[str] = (), only: Collection[str] | None = None
) -> Registry:
    """Loads plugins; a broken one is recorded and does not affect the others.

    Args:
        modules: Importable modules to register besides the entry points.
        block: Names of distributions whose plugins are not loaded.
        only: Names or modules of the entry points to load; None for all.
    """
    manager = pluggy.PluginManager(PROJECT_NAME)
    manager.add_hookspecs(hookspecs)
    broken: list[BrokenPlugin] = []
    good: list[tuple[_Source, Contribution]] = []
    claimed: dict[tuple[str, str], str] = {}
    printed: list[str] = []
    seen: set[str] = set()
    for source in (*_installed(block, only), *_named(modules)):
        if source.distribution == FROM_CONFIG and source.module in seen:
            continue  # both installed and named in the configuration
        seen.add(source.module)
        is_own = source.distribution == DISTRIBUTION
        with nullcontext(list[str]()) if is_own else contained() as output:
            found = _load(manager, source, claimed)
        printed += [f"{source} printed while it was imported: {_line(o)}" for o in output]
        if isinstance(found, BrokenPlugin):
            broken.append(found)
        else:
            good.append((source, found))
    families, conflicts = _by_name(good)
    return Registry(
        families=families,
        broken=tuple(broken),
        metrics=_sorted(metric for _, c in good for metric in c.metrics),
        executors=_sorted(executor for _, c in good for executor in c.executors),
        config_search_paths=tuple((s.distribution, p) for s, c in good for p in c.search_paths),
        conflicts=conflicts,
        remarks=tuple(printed),
        plugins=tuple(
            (s.module, frozenset({f.name for f in c.families} | {m.name for m in c.metrics}))
            for s, c in good
        ),
    )


def _sorted(items: Iterable[_Named]) -> dict[str, _Named]:
    return {item.name: item for item in sorted(items, key=lambda item: item.name)}


def _installed(block: Sequence[str], only: Collection[str] | None) -> Iterator[_Source]:
    blocked = {_canonical(name) for name in block}
    # each look at a name or a version would parse the metadata, with the whole README, again
    origin_of = cache(lambda dist: (dist.name, dist.version) if dist else ("unknown", ""))

    def order(entry: EntryPoint) -> tuple[str, str]:
        return (origin_of(entry.dist)[0] if entry.dist else "", entry.name)

    for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=order):
        distribution, version = origin_of(entry.dist)
        wanted = only is None or entry.name in only or entry.value in only
        if wanted and _canonical(distribution) not in blocked:
            yield _Source(entry.name, distribution, version, entry.value, entry.load)


def _named(modules: Sequence[str]) -> Iterator[_Source]:
    for name in dict.fromkeys(modules):
        yield _Source(name, FROM_CONFIG, "", name, partial(importlib.import_module, name))


def _load(
    manager: pluggy.PluginManager,
    source: _Source,
    claimed: dict[tuple[str, str], str],
) -> Contribution | BrokenPlugin:
    """Loads one plugin and calls its hooks; an error makes it a ``BrokenPlugin``.

    ``claimed`` has the origin of each metric and executor so far, and gets those of the plugin.
    """
    key = f"{source.distribution}:{source.plugin}"
    plugin: object = None
    try:
        plugin = source.load()
        manager.register(plugin, name=key)
        found = collect(manager, plugin)
        claims = [("metric", m.name) for m in found.metrics]
        claims += [("executor", e.name) for e in found.executors]
        for what, name in claims:
            if what == "metric" and name in CATALOG:
                raise HookError(f"metric {name!r} is built in: rename it")
            if (what, name) in claimed:
                raise HookError(f"{what} {name!r} is already defined by {claimed[what, name]}")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: a plugin must not end the program
        # register is not atomic: without this, hooks added before the error would stay
        if plugin is not None and manager.get_plugin(key) is not None:
            manager.unregister(plugin)
        return _broken(source, error)
    claimed.update(dict.fromkeys(claims, f"{source.distribution} ({source.module})"))
    return found


def _broken(source: _Source, error: BaseException) -> BrokenPlugin:
    text = " ".join(str(error).split())
    if not isinstance(error, HookError):
        text = f"{type(error).__name__}: {text}"
    if isinstance(error, ModuleNotFoundError) and source.distribution == FROM_CONFIG:
        text += " (modules of plugins.modules must be importable: is their folder on PYTHONPATH?)"
    trace = "" if isinstance(error, HookError) else "".join(traceback.format_exception(error))
    return BrokenPlugin(
        plugin=source.plugin,
        distribution=source.distribution,
        version=source.version,
        error=text,
        module=source.module,
        traceback=trace,
    )


def _by_name(
    good: Sequence[tuple[_Source, Contribution]],
) -> tuple[dict[str, RegisteredFamily], dict[str, tuple[RegisteredFamily, ...]]]:
    claims: dict[str, list[RegisteredFamily]] = {}
    for source, found in good:
        for family in found.families:
            entry = RegisteredFamily(family, source.distribution, source.version, source.module)
            claims.setdefault(family.name, []).append(entry)
    names = sorted(claims)
    # A built-in family keeps its name when another plugin claims it too.
    own = {n: [r for r in claims[n] if r.distribution == DISTRIBUTION] for n in names}
    families = {
        name: (own[name] or claims[name])[0]
        for name in names
        if len(claims[name]) == 1 or len(own[name]) == 1
    }
    return families, {name: tuple(claims[name]) for name in names if len(claims[name]) > 1}


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_PRINTED else f"{line[:MAX_PRINTED]}..."


def _canonical(distribution: str) -> str:
    """Normalises a distribution name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()
