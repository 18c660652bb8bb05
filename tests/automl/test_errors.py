import pickle

import pytest

from automl.errors import MissingExtraError, UserError, did_you_mean


def test_a_missing_library_names_the_extra_that_installs_it():
    error = MissingExtraError("family x", "torch", "torch")
    assert "pip install 'automl-search[torch]'" in str(error)
    error = MissingExtraError("family y", "gam", "fast", distribution="automl-gam")
    assert "pip install 'automl-gam[fast]'" in str(error)
    assert "pip install 'gam'" in str(MissingExtraError("family y", "gam", ""))


def test_a_missing_library_passes_between_processes():
    error = MissingExtraError("family y", "gam", "fast", distribution="automl-gam")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.extra, again.exit_status) == (str(error), "fast", 1)


@pytest.mark.parametrize(("word", "hint"), [("fold", "; did you mean 'folds'?"), ("xyz", "")])
def test_the_nearest_word_is_offered_and_no_far_one(word, hint):
    assert did_you_mean(word, ["folds", "repeats"]) == hint


def test_a_mistake_of_the_user_has_its_own_exit_status():
    assert UserError.exit_status == 2
