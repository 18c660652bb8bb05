import json
from pathlib import Path

import pytest

from automl.errors import RunError
from automl.store import RunDir


def test_a_folder_that_is_not_there_is_no_run(tmp_path):
    with pytest.raises(RunError, match="no such directory"):
        RunDir(tmp_path / "nowhere").check()


def test_a_folder_without_a_manifest_is_no_run(tmp_path):
    with pytest.raises(RunError, match=r"is not a run: it has no manifest\.json"):
        RunDir(tmp_path).check()


def test_a_folder_with_a_manifest_is_a_run(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({}))
    assert RunDir(tmp_path).check() == RunDir(tmp_path)


def test_model_and_predictions_lie_in_the_folder_of_their_fold(tmp_path):
    run = RunDir(tmp_path)
    assert run.fold("svm-3", 1) == Path(tmp_path / "trials" / "svm-3" / "fold-1")
    assert run.model("svm-3", 1).parent == run.oof("svm-3", 1).parent == run.fold("svm-3", 1)
