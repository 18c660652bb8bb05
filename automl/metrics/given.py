"""A metric that the caller of a search has as a Python object: a run keeps its name alone."""

from __future__ import annotations

import contextlib
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from automl.errors import ConfigError
from automl.metrics.custom import import_metric, own_metric
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
"""Before the name of such a metric in a configuration, where nobody could import it."""


@dataclass(frozen=True, slots=True)
class GivenMetric:
    """A function, scorer or ``Metric`` of the caller.

    Attributes:
        name: What a run calls it.
        found: The object.
    """

    name: str
    found: Any

    @property
    def setting(self) -> str:
        """What a configuration says of it."""
        return f"{PREFIX}{self.name}"


def given_metric(metric: Any, taken: frozenset[str]) -> GivenMetric | str:
    """What somebody gave as ``metric``: a setting, or an object that has no name in the world.

    A function of ``sklearn.metrics`` goes by its name, so nobody is asked for it again.

    Args:
        metric: A name, a function ``(y_true, y_pred)``, a scorer of scikit-learn, or a ``Metric``.
        taken: Names in the catalog. Some families fit to the metric of such a name by a loss of
            their own, so a function of the same name becomes ``own_NAME``.

    Raises:
        ConfigError: It is something else.
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
    """What somebody gives as the metric of a run that is there; None where that needs nothing.

    Args:
        metric: As for ``given_metric``; None for nothing. Where the run has a function, a text
            names it as ``module:function``.
        setting: The metric of the run, as its configuration has it.
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
        f"the run is judged by {setting.removeprefix(PREFIX)!r}, not {named('metric', name)}: "
        "leave it out, or start another run with it"
    )


def resolve_given(
    setting: str, given: GivenMetric | None, task: Task, quantiles: tuple[float, ...]
) -> Metric:
    """The metric of a setting that starts with ``PREFIX``.

    Raises:
        ConfigError: It is not given (again), another one is, or it does not work.
    """
    name = setting.removeprefix(PREFIX)
    if given is None:
        raise ConfigError(
            f"metric {name!r} is a Python function, of which a run keeps the name alone. Give it "
            f"again: {named('metric', f'module:{name}')}, or in Python the function itself"
        )
    if given.name != name:
        raise ConfigError(
            f"the run is judged by the Python function {name!r}, and the metric is {given.name!r}: "
            "give the function that the search was given"
        )
    metric = own_metric(name, given.found, task, quantiles)
    return metric if metric.name == name else replace(metric, name=name)


def packed(given: GivenMetric) -> bytes:
    """The function as bytes for workers, which are other processes: they are never stored.

    What has no module that workers could import (cells of a notebook, lambdas, closures) goes by
    its code, and so does a module of the user's own, as it is in this process.

    Raises:
        ConfigError: It holds something that cannot leave this process.
    """
    import cloudpickle

    reasons = []
    for by_value in (True, False):
        try:
            with _by_value(_modules_of(given.found)) if by_value else contextlib.nullcontext():
                return bytes(cloudpickle.dumps(given))
        except Exception as error:  # whatever an object of the user does when it is copied
            reasons.append(f"{type(error).__name__}: {error}")
    raise ConfigError(
        f"metric {given.name!r} cannot be handed to the workers, which are other processes: "
        f"{reasons[0]}. Have the function make what it needs (files, locks, connections) when it "
        "is called, or write it to a module and name it, metric='module:function'"
    )


def unpacked(code: bytes) -> GivenMetric:
    """The metric that ``packed`` has made bytes of, in a worker."""
    import pickle

    given = pickle.loads(code)
    assert isinstance(given, GivenMetric)
    return given


def _name_of(function: Any) -> str:
    """Of a function its name; of an object that is called that of its class; ``lambda``."""
    scored = getattr(function, "_score_func", None)  # of a scorer
    while isinstance(scored or function, partial):
        scored = (scored or function).func
    base = scored or function
    return str(getattr(base, "__name__", type(base).__name__)).strip("<>")


def _modules_of(found: Any) -> Iterator[ModuleType]:
    """The module of the function, where it is no installed one."""
    base = found.function if isinstance(found, Metric) else found
    base = getattr(base, "_score_func", base)
    while isinstance(base, partial):
        base = base.func
    module = sys.modules.get(getattr(base, "__module__", None) or type(base).__module__)
    file = getattr(module, "__file__", None)
    if module is None or file is None or module.__name__ == "__main__":
        return
    installed = [Path(sysconfig.get_path(kind)).resolve() for kind in ("stdlib", "purelib")]
    if not any(Path(file).resolve().is_relative_to(folder) for folder in installed):
        yield module


@contextlib.contextmanager
def _by_value(modules: Iterator[ModuleType]) -> Iterator[None]:
    """Has functions of some modules copied by their code, not by the name of their module."""
    import cloudpickle

    known = cloudpickle.list_registry_pickle_by_value()
    new = [module for module in modules if module.__name__ not in known]
    for module in new:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in new:
            cloudpickle.unregister_pickle_by_value(module)
