import io

import numpy as np
import pytest

from automl.trial.prediction_files import as_they_are, write_predictions

VALUES = np.array([0.1, -2.0, np.nan])


@pytest.mark.parametrize(("offset", "dtype"), [(0.0, np.float32), (1e9, np.float64)])
def test_predictions_are_written_as_they_are_in_the_digits_they_need(offset, dtype):
    file = io.BytesIO()
    write_predictions(file, VALUES, offset)
    file.seek(0)
    written = np.load(file)
    assert written.dtype == dtype
    np.testing.assert_array_equal(written, (VALUES + offset).astype(dtype))


def test_predictions_in_single_precision_get_the_offset_in_double():
    found = as_they_are(np.array([0.25], dtype=np.float32), 1e9)
    assert found.tolist() == [1e9 + 0.25]


def test_without_an_offset_nothing_is_copied():
    assert as_they_are(VALUES, 0.0) is VALUES
