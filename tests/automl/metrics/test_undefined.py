import numpy as np
import pytest

from automl.metrics import undefined


@pytest.mark.parametrize(
    ("rule", "y", "reason"),
    [
        ("is_one_class", [1, 1, 1], "all 3 rows are of one class"),
        ("is_one_class", [1], "the only row is of one class"),
        ("is_one_class", [0, 1], ""),
        ("lacks_class_1", [0, 0], "all 2 rows are of the first class, none of the second"),
        ("lacks_class_1", [1, 1], ""),
        ("has_no_spread", [2.5], "one row has no variance"),
        ("has_no_spread", [2.5, 2.5], "the target is 2.5 in all 2 rows: it has no variance"),
        ("has_no_spread", [2.5, 2.6], ""),
        ("is_all_zero", [0.0, 0.0], "the target is 0 in all 2 rows"),
        ("is_all_zero", [0.0, 1.0], ""),
        ("has_zeros", [0.0, 1.0], "the target is 0 in 1 of 2 rows"),
        ("has_zeros", [1.0, 1.0], ""),
        ("has_no_logarithm", [-1.0, 3.0], "it needs targets above -1, and the lowest is -1"),
        ("has_no_logarithm", [-0.5, 3.0], ""),
    ],
)
def test_the_reason_names_what_is_wrong_with_the_rows(rule, y, reason):
    assert getattr(undefined, rule)(np.array(y)) == reason
