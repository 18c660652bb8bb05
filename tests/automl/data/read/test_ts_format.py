import numpy as np
import pytest

from automl.data import load_dataset, load_features
from automl.data.columns.media import sequences_of
from automl.errors import DataError
from automl.plugin import ColumnKind, Task

HEADER = "# made\n@problemName Made\n@univariate false\n@classLabel true 1 2\n@data\n"
CASES = "1,2,3:4,5,?:1\n1.5,-2e1:NaN,4:2\n\n7:8,9:1\n"


@pytest.fixture
def write(tmp_path):
    def write_text(text, name="a.ts"):
        (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
        return tmp_path / name

    return write_text


def test_channels_lengths_and_missing_values_are_read(write):
    dataset = load_dataset(write(HEADER + CASES))
    assert (dataset.target.name, dataset.target.task) == ("label", Task.BINARY)
    assert dataset.y.tolist() == [0, 1, 0]
    (column,) = dataset.table.columns
    assert (column.shape, column.channels) == ((2, 3), ("dim_0", "dim_1"))
    (sequences,) = sequences_of(dataset.table, {ColumnKind.SEQUENCE})
    assert sequences.lengths.tolist() == [3, 2, 2]
    np.testing.assert_array_equal(
        sequences.steps(),
        [[1, 4], [2, 5], [3, np.nan], [1.5, np.nan], [-20, 4], [7, 8], [np.nan, 9]],
    )


def test_numbers_are_predicted_where_the_header_says_so(write):
    text = "@univariate true\n@targetlabel true\n@data\n1,2:0.5\n3,4:7\n5,6:1\n"
    target = load_dataset(write(text)).target
    assert (target.name, target.task) == ("target", Task.REGRESSION)


def test_files_without_labels_can_be_predicted(write):
    columns = load_dataset(write(HEADER + CASES)).table.columns
    new = write("@classLabel false\n@data\n1,2:3,4\n", "b.ts")
    assert load_features(new, columns).n_rows == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER + "1,2:3,4:1\n1,x:3,4:2\n", "line 7: 'x' is not a number"),
        (HEADER + "1,2:3,4:1\n1,2:2\n", "case 2 has 1 channels, the first has 2"),
        (HEADER + "1\n", "line 6: there is no series before the label"),
        (HEADER, "has no case after @data"),
        ("@problemName a\n", "has no line @data"),
        ("@problemName a\n1,2:1\n", "line 2: expected a line such as @problemName"),
        ("@timeStamps true\n@data\n(0,1):1\n", "line 1: time stamps cannot be read"),
        (b"@data\n\xff\xfe1,2\n", "line 2: it is not UTF-8"),
    ],
)
def test_the_line_that_is_wrong_is_named(write, text, said):
    with pytest.raises(DataError, match=said):
        load_dataset(write(text))
