import json
from datetime import UTC, datetime

import numpy as np
import pytest

from automl import __version__
from automl.errors import RunError
from automl.store import RunDir
from automl.store.manifest import new_manifest, update_manifest, write_manifest


def test_a_manifest_says_what_made_the_run_and_when():
    before = datetime.now(UTC)
    manifest = new_manifest({"target": "y"})
    assert manifest["automl"] == __version__
    assert manifest["packages"]["numpy"] == np.__version__
    assert manifest["status"] == "running"
    started = datetime.fromisoformat(manifest["started"])
    after = datetime.now(UTC)
    assert before.replace(microsecond=0) <= started <= after


def test_a_manifest_holds_the_facts_it_was_given():
    assert new_manifest({"target": "y", "seed": 7})["seed"] == 7


def test_libraries_that_are_not_installed_are_left_out_of_the_versions():
    assert all(isinstance(v, str) and v for v in new_manifest({})["packages"].values())


def test_a_manifest_is_plain_json(tmp_path):
    run = RunDir(tmp_path)
    manifest = new_manifest({"target": "y"})
    write_manifest(run, manifest)
    assert json.loads(run.manifest.read_text()) == manifest


def test_an_update_changes_what_it_names_and_keeps_the_rest(tmp_path):
    run = RunDir(tmp_path)
    manifest = new_manifest({"target": "y"})
    write_manifest(run, manifest)
    update_manifest(run, status="finished", stopped_by="time")
    assert json.loads(run.manifest.read_text()) == {
        **manifest,
        "status": "finished",
        "stopped_by": "time",
    }


def test_a_missing_manifest_cannot_be_updated(tmp_path):
    with pytest.raises(RunError, match=r"manifest\.json is missing"):
        update_manifest(RunDir(tmp_path), status="finished")
