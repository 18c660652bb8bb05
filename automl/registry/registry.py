"""What the installed plugins bring, and which of them are broken."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from automl.errors import MissingExtraError, PluginError, did_you_mean
from automl.metrics import CATALOG, GivenMetric
from automl.plugin import (
    ColumnKind,
    ExecutorFactory,
    Metric,
    ModelFamily,
    SelectiveFamily,
    Task,
)

__all__ = ["BrokenPlugin", "LoadedPlugin", "RegisteredFamily", "Registry", "is_suited"]

FROM_CONFIG = "plugins.modules"
"""Stands for the distribution of a plugin that the configuration names as a module."""


@dataclass(frozen=True, slots=True)
class LoadedPlugin:
    """A plugin that works.

    Attributes:
        plugin: Name of its entry point, or of its module.
        distribution: The installed distribution it comes from; ``plugins.modules`` for a module
            named in the configuration.
        version: Of the distribution; "" where there is none.
        module: Where the entry point leads.
        hooks: Names of the hooks it implements, sorted.
        families: Names of the families it brings.
        metrics: Names of the metrics it brings.
    """

    plugin: str
    distribution: str
    version: str
    module: str
    hooks: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plugin that brings nothing, and why.

    Attributes:
        plugin: Name of its entry point, or of its module.
        distribution: The installed distribution it comes from.
        version: Of the distribution; "" where there is none.
        error: What is wrong, in one line.
        module: Where the entry point leads.
        traceback: For the author of the plugin; "" where the error says all.
    """

    plugin: str
    distribution: str
    version: str
    error: str
    module: str = ""
    traceback: str = ""

    def __str__(self) -> str:
        return f"plugin {self.plugin!r} of {self.distribution} is broken: {self.error}"


@dataclass(frozen=True, slots=True)
class RegisteredFamily:
    """A family and where it comes from.

    Attributes:
        family: The family.
        distribution: The installed distribution that brings it.
        version: Of the distribution; "" where there is none.
        module: Where the entry point of its plugin leads.
    """

    family: ModelFamily
    distribution: str
    version: str
    module: str

    @property
    def name(self) -> str:
        """Name of the family."""
        return self.family.name

    @property
    def origin(self) -> str:
        """Such as ``automl-search 0.1.0 (automl_plugins.svm.family)``."""
        return f"{self.distribution} {self.version}".strip() + f" ({self.module})"

    @property
    def missing_module(self) -> str | None:
        """The first library it needs that is not installed; nothing is imported to find out."""
        packages = (module.partition(".")[0] for module in self.family.preload)
        return next((p for p in packages if importlib.util.find_spec(p) is None), None)


@dataclass(frozen=True, slots=True)
class Registry:
    """All families, metrics, executors and config groups of the installed plugins.

    Attributes:
        families: Usable families by name. A name that two plugins claim is not among them.
        broken: Plugins that could not be loaded or that break the rules of a hook.
        metrics: Metrics that plugins add to the catalog, by name.
        executors: Executors that plugins bring, by name.
        config_search_paths: ``(distribution, path)`` of config groups that plugins bring.
        conflicts: Families by a name that more than one plugin claims. One of automl itself is
            among ``families`` all the same.
        plugins: Plugins that work.
        given: The metric that the caller of a search gave as an object.
        remarks: What plugins did that everybody should know, such as what they printed.
    """

    families: Mapping[str, RegisteredFamily] = field(default_factory=dict)
    broken: tuple[BrokenPlugin, ...] = ()
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    executors: Mapping[str, ExecutorFactory] = field(default_factory=dict)
    config_search_paths: tuple[tuple[str, str], ...] = ()
    conflicts: Mapping[str, tuple[RegisteredFamily, ...]] = field(default_factory=dict)
    plugins: tuple[LoadedPlugin, ...] = ()
    given: GivenMetric | None = None
    remarks: tuple[str, ...] = ()

    def get(self, name: str) -> ModelFamily:
        """Returns a family by name; its library may be missing still.

        Raises:
            PluginError: There is no such family, two plugins claim the name, or the plugin of
                this name is broken.
        """
        return self._registered(name).family

    def has_metric(self, name: str | None) -> bool:
        """Whether a metric needs no other plugin: one that is known, or the caller's own."""
        return name is None or ":" in name or name in CATALOG or name in self.metrics

    def modules_of(self, families: Collection[str], metric: str) -> tuple[str, ...]:
        """Modules of the plugins that bring some families or a metric."""
        wanted = {*families, metric}
        return tuple(p.module for p in self.plugins if wanted & {*p.families, *p.metrics})

    def select(self, names: Sequence[str] | None) -> tuple[ModelFamily, ...]:
        """Returns the families a search is to try.

        Args:
            names: Names of families; None takes all that can run here (``notes`` tells which
                cannot, and why).

        Raises:
            PluginError: As ``get`` does, for a name that is given twice, or for no name at all.
            MissingExtraError: The library of a named family is not installed.
        """
        if names is None:
            return tuple(r.family for r in self.families.values() if r.missing_module is None)
        repeated = sorted({n for n in names if list(names).count(n) > 1})
        if repeated:
            raise PluginError(f"family names {', '.join(map(repr, repeated))} more than once")
        if not names:
            raise PluginError(
                f"family names no family: leave it out to try all, or choose from "
                f"{', '.join(self.families) or 'none: no plugin brings one'}"
            )
        registered = [self._registered(name) for name in names]
        for entry in registered:
            if entry.missing_module is not None:
                raise _missing(entry, entry.missing_module)
        return tuple(r.family for r in registered)

    def notes_for(
        self, names: Sequence[str] | None, task: Task, kinds: Collection[ColumnKind]
    ) -> tuple[str, ...]:
        """Says what is not there and would have been tried on a table.

        Args:
            names: The families that were asked for: whoever chooses misses no others; None for all.
            task: What is predicted.
            kinds: Kinds of the columns.
        """
        if names is not None:
            return ()
        useful = {
            name: entry
            for name, entry in self.families.items()
            if task in entry.family.tasks
            and entry.family.kinds & frozenset(kinds)
            and is_suited(entry.family, kinds)
        }
        return replace(self, families=useful).notes()

    def tell_remarks(self) -> None:
        """Writes the remarks to standard error, where there is no log."""
        for remark in self.remarks:
            print(f"automl: {remark}", file=sys.stderr)

    def notes(self) -> tuple[str, ...]:
        """Says in words what is not there: broken plugins, conflicts, missing libraries."""
        conflicts = (_conflict(name, rivals) for name, rivals in self.conflicts.items())
        lacking: dict[str, list[MissingExtraError]] = {}
        for entry in self.families.values():
            if entry.missing_module is not None:
                error = _missing(entry, entry.missing_module)
                lacking.setdefault(error.distribution if error.extra else str(error), []).append(
                    error
                )
        return (*map(str, self.broken), *conflicts, *map(_together, lacking.values()))

    def _registered(self, name: str) -> RegisteredFamily:
        if name in self.families:
            return self.families[name]
        if name in self.conflicts:
            raise PluginError(_conflict(name, self.conflicts[name]))
        for broken in self.broken:
            if broken.plugin == name:
                raise PluginError(f"family {name!r} cannot be used: {broken}")
        known = ", ".join(self.families) or "none"
        message = f"unknown family {name!r}{did_you_mean(name, self.families)} (known: {known})"
        raise PluginError("; ".join([message, *map(str, self.broken)]))


def is_suited(family: ModelFamily, kinds: Collection[ColumnKind]) -> bool:
    """Whether a table with columns of such kinds has those that a family cannot do without."""
    return not isinstance(family, SelectiveFamily) or family.suits(kinds)


def _conflict(name: str, rivals: Sequence[RegisteredFamily]) -> str:
    origins = " and ".join(r.origin for r in rivals)
    distributions = " or ".join(dict.fromkeys(r.distribution for r in rivals))
    return (
        f"family {name!r} is brought by {origins}: uninstall one, or leave one out with "
        f"plugins.block=[...] ({distributions})"
    )


def _together(errors: Sequence[MissingExtraError]) -> str:
    """One line for what extras of one distribution bring."""
    if len(errors) == 1:
        return str(errors[0])
    names = [error.needed_by.removeprefix("family ") for error in errors]
    extras = ",".join(dict.fromkeys(error.extra for error in errors))
    return (
        f"families {', '.join(names[:-1])} and {names[-1]} are left out, as their libraries are "
        f"not installed: pip install '{errors[0].distribution}[{extras}]'"
    )


def _missing(entry: RegisteredFamily, module: str) -> MissingExtraError:
    extra = "" if entry.distribution == FROM_CONFIG else entry.family.extra
    return MissingExtraError(f"family {entry.name}", module, extra, distribution=entry.distribution)
