from __future__ import annotations

import json
from typing import Any

import pytest

from automl import registry as registry_room
from automl.cli import main
from automl.cli.verbs.plugins import to_json
from automl.plugin import ModelFamily, Resources
from automl.registry import BrokenPlugin, RegisteredFamily, Registry


class Family(ModelFamily):
    name = "tiny"
    extra = "tiny"
    preload = ("no_such_library.part",)

    def resources(self, problem: Any) -> Resources:
        return Resources()

    def search_space(self, suggest: Any, problem: Any) -> dict[str, Any]:
        return {}

    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        raise NotImplementedError

    def save(self, model: Any, path: Any) -> None:
        raise NotImplementedError

    def load(self, path: Any) -> Any:
        raise NotImplementedError


ENTRY = RegisteredFamily(Family(), "their-plugin", "1.2", "their.plugin")
RIVAL = RegisteredFamily(Family(), "other-plugin", "3.4", "other.plugin")
BROKEN = BrokenPlugin(
    "bad", "bad-plugin", "0.1", "ImportError: no [red]luck", "bad.module", "trace"
)


def test_json_tells_where_a_family_is_from_and_what_it_lacks():
    value = to_json(Registry({"tiny": ENTRY}, (BROKEN,), conflicts={"twice": (ENTRY, RIVAL)}))
    (family,) = value["families"]
    assert (family["name"], family["distribution"], family["version"]) == (
        "tiny",
        "their-plugin",
        "1.2",
    )
    assert (family["extra"], family["installed"], family["missing"]) == (
        "tiny",
        False,
        "no_such_library",
    )
    assert family["tasks"] == ["binary", "multiclass", "regression"]
    assert value["broken"][0]["error"] == "ImportError: no [red]luck"
    assert value["conflicts"] == [
        {
            "family": "twice",
            "claimed_by": ["their-plugin 1.2 (their.plugin)", "other-plugin 3.4 (other.plugin)"],
        }
    ]


def test_the_table_shows_what_is_broken_and_is_no_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    found = Registry({"tiny": ENTRY}, (BROKEN,))
    monkeypatch.setattr(registry_room, "load_registry", lambda: found)
    assert main(["plugins"]) == 0
    shown = capsys.readouterr().out
    assert "needs no_such_library" in shown
    assert "plugin 'bad' of bad-plugin is broken: ImportError: no [red]luck" in shown
    assert "trace" not in shown
    assert main(["plugins", "-v"]) == 0
    assert "trace" in capsys.readouterr().out


def test_the_installed_families_are_listed(capsys: pytest.CaptureFixture[str]):
    assert main(["plugins", "--format", "json"]) == 0
    value = json.loads(capsys.readouterr().out)
    (baseline,) = (f for f in value["families"] if f["name"] == "baseline")
    assert (baseline["distribution"], baseline["installed"]) == ("automl-search", True)
