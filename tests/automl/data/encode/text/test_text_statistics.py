from __future__ import annotations

import numpy as np
import pyarrow as pa

from automl.data.encode.text.text_statistics import TRAITS, text_statistic

TEXTS = pa.array(["Is it 42?", "", None, "ЖЖ ж", "😀!", "  "])


def test_traits_are_logarithms_of_sizes_and_shares_of_characters():
    table = {name: text_statistic(name, TEXTS) for name in TRAITS}
    np.testing.assert_allclose(np.expm1(table["length"]), [9, 0, np.nan, 4, 2, 2])
    np.testing.assert_allclose(np.expm1(table["words"]), [3, 0, np.nan, 2, 1, 0])
    np.testing.assert_allclose(table["digits"], [2 / 9, 0, np.nan, 0, 0, 0])
    np.testing.assert_allclose(table["capitals"], [1 / 9, 0, np.nan, 0.5, 0, 0])
    np.testing.assert_allclose(table["signs"], [1 / 9, 0, np.nan, 0, 1, 0])
