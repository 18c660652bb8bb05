from __future__ import annotations

import pytest

from automl.plugin import RefitIncomplete, check_refit


@pytest.mark.parametrize(("done", "planned"), [(90, 100), (100, 100), (1, 1), (3, 0)])
def test_nine_tenths_of_the_work_are_enough(done: int, planned: int) -> None:
    check_refit(done, planned, "rounds")


def test_less_is_rejected_in_words_for_people() -> None:
    with pytest.raises(RefitIncomplete, match="its refit after 1,099 of 1,222 rounds"):
        check_refit(1_099, 1_222, "rounds")
