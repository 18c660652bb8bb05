"""The registry of families, metrics, executors and broken plugins."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from automl.errors import MissingExtraError, PluginError, did_you_mean
from automl.metrics import CATALOG, GivenMetric
from automl.plugin import ColumnKind, ExecutorFactory, Metric, ModelFamily, SelectiveFamily, Task

__all__ = ["BrokenPlugin", "RegisteredFamily", "Registry", "is_suited"]

FROM_CONFIG = "plugins.modules"
"""Shown as the distribution of plugins that the configuration names as modules."""


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plugin that cannot be used, with the reason.

    Attributes:
        plugin: Name of its entry point or module.
        distribution: Its installed distribution.
        version: Version of the distribution; "" if unknown.
        error: The error in one line.
        module: Target of the entry point.
        traceback: Traceback for the plugin's author; "" if the error is enough.
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
    """A family and its origin.

    Attributes:
        family: The family.
        distribution: Its installed distribution.
        version: Version of the distribution; "" if unknown.
        module: Target of its plugin's entry point.
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
        """Origin as text, such as ``automl-search 0.1.0 (automl_plugins.svm.family)``."""
        return f"{self.distribution} {self.version}".strip() + f" ({self.module})"

    @property
    def missing_module(self) -> str | None:
        """First required library that is not installed, found without importing any; else None."""
        packages = (module.partition(".")[0] for module in self.family.preload)
        return next((p for p in packages if importlib.util.find_spec(p) is None), None)

    @property
    def missing_error(self) -> MissingExtraError | None:
        """The error for ``missing_module``; None if there is none."""
        if (module := self.missing_module) is None:
            return None
        extra = "" if self.distribution == FROM_CONFIG else self.family.extra
        return MissingExtraError(f"family {self.name}", module, extra, self.distribution)


@dataclass(frozen=True, slots=True)
class Registry:
    """All families, metrics, executors and config groups of the installed plugins.

    Attributes:
        families: Usable families by name, without names claimed by two plugins.
        broken: Plugins that could not be loaded or that implement a hook incorrectly.
        metrics: Metrics that plugins add to the catalog, by name.
        executors: Executors of plugins, by name.
        config_search_paths: ``(distribution, path)`` of plugins' config groups.
        conflicts: Families by names that several plugins claim. A built-in one is also in
            ``families``.
        plugins: Module of each plugin that works, and the names of its families and metrics.
        given: The metric that the caller of a search passed as an object.
        remarks: Messages about plugins for the user, such as output at import.
    """

    families: Mapping[str, RegisteredFamily] = field(default_factory=dict)
    broken: tuple[BrokenPlugin, ...] = ()
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    executors: Mapping[str, ExecutorFactory] = field(default_factory=dict)
    config_search_paths: tuple[tuple[str, str], ...] = ()
    conflicts: Mapping[str, tuple[RegisteredFamily, ...]] = field(default_factory=dict)
    plugins: tuple[tuple[str, frozenset[str]], ...] = ()
    given: GivenMetric | None = None
    remarks: tuple[str, ...] = ()

    def get(self, name: str) -> ModelFamily:
        """Returns a family by name; its library may be missing.

        Raises:
            PluginError: There is no such family, two plugins claim the name, or the plugin of
                this name is broken.
        """
        return self._registered(name).family

    def has_metric(self, name: str | None) -> bool:
        """Whether a metric is available without loading other plugins."""
        return name is None or ":" in name or name in CATALOG or name in self.metrics

    def modules_of(self, families: Collection[str], metric: str) -> tuple[str, ...]:
        """Returns the modules of the plugins of some families or a metric."""
        wanted = {*families, metric}
        return tuple(module for module, names in self.plugins if wanted & names)

    def select(self, names: Sequence[str] | None) -> tuple[ModelFamily, ...]:
        """Returns the families to search.

        Args:
            names: Names of families; None takes all whose libraries are installed (``notes``
                lists the others).

        Raises:
            PluginError: As ``get``; or a name is repeated, or there is no name.
            MissingExtraError: The library of a named family is not installed.
        """
        if names is None:
            return tuple(r.family for r in self.families.values() if r.missing_module is None)
        repeated = sorted({n for n in names if list(names).count(n) > 1})
        if repeated:
            raise PluginError(f"family names {', '.join(map(repr, repeated))} more than once")
        if not names:
            raise PluginError(
                f"family is empty: omit it to try all, or choose from "
                f"{', '.join(self.families) or 'none: no plugin has one'}"
            )
        registered = [self._registered(name) for name in names]
        for entry in registered:
            if error := entry.missing_error:
                raise error
        return tuple(r.family for r in registered)

    def notes_for(
        self, names: Sequence[str] | None, task: Task, kinds: Collection[ColumnKind]
    ) -> tuple[str, ...]:
        """Returns notes on missing families that would have suited a table.

        Args:
            names: Families chosen by the user, who needs no notes on others; None for all.
            task: Task of the run.
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
        """Writes the remarks to standard error."""
        for remark in self.remarks:
            print(f"automl: {remark}", file=sys.stderr)

    def notes(self) -> tuple[str, ...]:
        """Returns notes on broken plugins, conflicts and missing libraries."""
        conflicts = (_conflict(name, rivals) for name, rivals in self.conflicts.items())
        lacking: dict[str, list[MissingExtraError]] = {}
        for entry in self.families.values():
            if error := entry.missing_error:
                cause = error.distribution if error.extra else str(error)
                lacking.setdefault(cause, []).append(error)
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
    """Whether a table with columns of these kinds has those that a family needs."""
    return not isinstance(family, SelectiveFamily) or family.suits(kinds)


def _conflict(name: str, rivals: Sequence[RegisteredFamily]) -> str:
    origins = " and ".join(r.origin for r in rivals)
    distributions = " or ".join(dict.fromkeys(r.distribution for r in rivals))
    return (
        f"family {name!r} is claimed by {origins}: uninstall one, or block one with "
        f"plugins.block=[...] ({distributions})"
    )


def _together(errors: Sequence[MissingExtraError]) -> str:
    """One note for all missing extras of a distribution."""
    if len(errors) == 1:
        return str(errors[0])
    names = [error.needed_by.removeprefix("family ") for error in errors]
    extras = ",".join(dict.fromkeys(error.extra for error in errors))
    return (
        f"families {', '.join(names[:-1])} and {names[-1]} are skipped: their libraries are not "
        f"installed: pip install '{errors[0].distribution}[{extras}]'"
    )
