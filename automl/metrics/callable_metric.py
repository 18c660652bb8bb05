"""Handles metrics passed to the Python API as objects; a run stores only their name."""

from __future__ import annotations

import contextlib
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from automl.errors import ConfigError
from automl.metrics.custom import import_metric, own_metric
from automl.metrics.scikit import unwrapped
from automl.plugin.metric import Metric
from automl.plugin.task import Task
from automl.surface import named

__all__ = [
    "PREFIX",
    "GivenMetric",
    "given_again",
    "given_metric",
    "packed",
    "resolve_given",
    "unpacked",
]

PREFIX = "callable:"
"""Prefix of such a metric's name in a configuration, from which it cannot be imported."""


@dataclass(frozen=True, slots=True)
class GivenMetric:
    """A function, scorer or ``Metric`` passed by the caller.

    Attributes:
        name: Its name in the run.
        found: The object.
    """

    name: str
    found: Any

    @property
    def setting(self) -> str:
        """Its setting in the configuration."""
        return f"{PREFIX}{self.name}"


def given_metric(metric: Any, taken: frozenset[str]) -> GivenMetric | str:
    """Converts the argument ``metric`` to a setting, or to a ``GivenMetric`` for an object.

    A function of ``sklearn.metrics`` becomes a setting, so that it need not be passed on resume.

    Args:
        metric: A name, a function ``(y_true, y_pred)``, a scorer of scikit-learn, or a ``Metric``.
        taken: Names in the catalog. Some families fit metrics of these names by built-in losses,
            so a function with such a name becomes ``own_NAME``.

    Raises:
        ConfigError: ``metric`` is something else.
    """
    if isinstance(metric, str | GivenMetric):
        return metric
    if not isinstance(metric, Metric) and (isinstance(metric, type) or not callable(metric)):
        kind = f"the class {metric.__name__}" if isinstance(metric, type) else repr(metric)
        raise ConfigError(
            f"metric={kind}: expected the name of a metric, a function (y_true, y_pred), a scorer "
            "of scikit-learn, or an automl.plugin.Metric"
        )
    name = metric.name if isinstance(metric, Metric) else _name_of(metric)
    if getattr(sys.modules.get("sklearn.metrics"), name, None) is metric:
        return f"sklearn.metrics:{name}"
    return GivenMetric(f"own_{name}" if name in taken else name, metric)


def given_again(metric: Any, setting: str, taken: frozenset[str]) -> GivenMetric | None:
    """Converts the argument ``metric`` for an existing run; None if its setting is sufficient.

    Args:
        metric: See ``given_metric``; None if not passed. If the run has a function, a text names
            it as ``module:function``.
        setting: The metric in the run's configuration.
        taken: Names in the catalog.

    Raises:
        ConfigError: The run has another metric.
    """
    found = None if metric is None else given_metric(metric, taken)
    if found is None or found == setting:
        return None
    if setting.startswith(PREFIX):
        if isinstance(found, GivenMetric):
            return found
        if ":" in found:
            again = given_metric(import_metric(found), taken)
            return again if isinstance(again, GivenMetric) else GivenMetric(again, again)
    name = found if isinstance(found, str) else found.name
    raise ConfigError(
        f"the metric of the run is {setting.removeprefix(PREFIX)!r}, not {named('metric', name)}: "
        "leave it out, or start another run with it"
    )


def resolve_given(
    setting: str, given: GivenMetric | None, task: Task, quantiles: tuple[float, ...]
) -> Metric:
    """Returns the metric of a setting that starts with ``PREFIX``.

    Raises:
        ConfigError: The metric is not passed (again), another one is, or it does not work.
    """
    name = setting.removeprefix(PREFIX)
    if given is None:
        raise ConfigError(
            f"metric {name!r} is a Python function, and a run stores only its name. Give it "
            f"again: {named('metric', f'module:{name}')}, or in Python the function itself"
        )
    if given.name != name:
        raise ConfigError(
            f"the metric of the run is the Python function {name!r}, not {given.name!r}: give the "
            "function that the search was started with"
        )
    return replace(own_metric(name, given.found, task, quantiles), name=name)


def packed(given: GivenMetric) -> bytes:
    """Serializes a metric for the worker processes; the bytes are never stored.

    Functions without an importable module (notebook cells, lambdas, closures) and functions of
    the user's own modules are serialized by value, as they are in this process.

    Raises:
        ConfigError: The metric holds an object that cannot be serialized.
    """
    import cloudpickle

    reasons = []
    for module in (_own_module(given.found), None):
        try:
            with _by_value(module):
                return bytes(cloudpickle.dumps(given))
        except Exception as error:  # objects of the user may raise anything
            reasons.append(f"{type(error).__name__}: {error}")
    raise ConfigError(
        f"metric {given.name!r} cannot be sent to the worker processes: {reasons[0]}. Let the "
        "function open what it needs (files, locks, connections) when it is called, or put it "
        "into a module and give metric='module:function'"
    )


def unpacked(code: bytes) -> GivenMetric:
    """Deserializes in a worker a metric that ``packed`` serialized."""
    import pickle

    given = pickle.loads(code)
    assert isinstance(given, GivenMetric)
    return given


def _name_of(function: Any) -> str:
    """Name of a function (``lambda`` for a lambda), or of the class of a callable object."""
    base = unwrapped(function)
    return str(getattr(base, "__name__", type(base).__name__)).strip("<>")


def _own_module(found: Any) -> ModuleType | None:
    """The module of the function unless it is an installed one."""
    base = unwrapped(found.function if isinstance(found, Metric) else found)
    module = sys.modules.get(getattr(base, "__module__", None) or type(base).__module__)
    file = getattr(module, "__file__", None)
    if module is None or file is None or module.__name__ == "__main__":
        return None
    installed = [Path(sysconfig.get_path(kind)).resolve() for kind in ("stdlib", "purelib")]
    is_own = not any(Path(file).resolve().is_relative_to(folder) for folder in installed)
    return module if is_own else None


@contextlib.contextmanager
def _by_value(module: ModuleType | None) -> Iterator[None]:
    """Makes cloudpickle serialize functions of a module by value, not by reference."""
    import cloudpickle

    if module is None or module.__name__ in cloudpickle.list_registry_pickle_by_value():
        yield
        return
    cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        cloudpickle.unregister_pickle_by_value(module)
