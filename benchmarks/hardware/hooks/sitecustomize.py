"""Notes when the first step of a net is done, in whichever process it happens.

Python imports this module at its start where its folder is on the path. The class that counts the
steps of all nets is wrapped once its module is imported, and unwrapped after the first step: what
is measured runs as it does without this module.
"""

import importlib.util
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MODULE, CLASS, METHOD = "automl_plugins.torch.core.schedule", "StepBudget", "step_done"
FOLDER = os.environ.get("AUTOML_FIRST_STEPS")


class _Finder:
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: Any) -> None:
                execute(module)
                _wrap(getattr(module, CLASS, None))

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _wrap(counter: Any) -> None:
    if not hasattr(counter, METHOD):
        return
    plain: Callable[..., Any] = getattr(counter, METHOD)

    def step_done(self: Any, *arguments: Any, **named: Any) -> Any:
        setattr(counter, METHOD, plain)
        Path(str(FOLDER), str(os.getpid())).write_text(repr(time.monotonic()), encoding="utf-8")
        return plain(self, *arguments, **named)

    setattr(counter, METHOD, step_done)


if FOLDER:
    sys.meta_path.insert(0, _Finder())
