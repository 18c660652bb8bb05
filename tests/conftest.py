"""Plugins that are really installed: a folder on sys.path with modules and their metadata."""

import importlib
import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from automl.scheduling.local.launcher import THREAD_ENV

# As in a worker, set before native libraries are loaded: spinning threads cost ten times the work
os.environ.update(THREAD_ENV)
settings.register_profile("project", deadline=None)  # machines are shared; batteries look at time
settings.load_profile("project")
for _size in ("COLUMNS", "LINES"):  # where tests run has no say in what people see
    os.environ.pop(_size, None)

FAMILY = """
    from automl.plugin import {base}, Resources, hookimpl

    class Family({base}):
        name = "{name}"
        {extra}
        def search_space(self, suggest, problem): return {{}}
        def fit(self, params, fold, context, report): raise NotImplementedError
        def save(self, model, path): raise NotImplementedError
        def load(self, path): raise NotImplementedError

    @hookimpl
    def automl_model_families(): return [Family()]
"""

Install = Callable[..., None]


@pytest.fixture(scope="session", autouse=True)
def unsynced() -> Iterator[None]:
    """Files are not flushed to the disk: no test cuts the power, and it is most of a write."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        yield


@pytest.fixture
def family_source() -> Callable[..., str]:
    """Source of a plugin that brings one family."""

    def source(name: str, extra: str = "", base: str = "ModelFamily") -> str:
        return textwrap.dedent(FAMILY.format(name=name, extra=extra, base=base))

    return source


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a distribution with one plugin module: install(dist, module, source)."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    before = set(sys.modules)

    def install(
        distribution: str,
        module: str,
        source: str,
        entry: str | None = None,
        version: str = "1.0",
    ) -> None:
        (site / f"{module}.py").write_text(textwrap.dedent(source), encoding="utf-8")
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n", encoding="utf-8"
        )
        (info / "entry_points.txt").write_text(
            f"[automl]\n{entry or module} = {module}\n", encoding="utf-8"
        )
        importlib.invalidate_caches()

    yield install
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(site) in str(
            sys.modules[name].__file__
        ):
            del sys.modules[name]
