"""One file of arrays, which opens without running code."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from automl.store.array_file import MAGIC, read_array_file, write_array_file

dtypes = st.sampled_from(["<f8", ">f8", "<f4", "<i8", "u1", "?"])
some_arrays = arrays_of.arrays(dtypes, arrays_of.array_shapes(max_dims=3, min_side=0))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrays=st.dictionaries(st.text(max_size=4), some_arrays, max_size=4))
def test_arrays_come_back_bit_for_bit(tmp_path, arrays):
    write_array_file(tmp_path / "file", {"note": "é"}, arrays)
    value, found = read_array_file(tmp_path / "file")
    assert value == {"note": "é"}
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype.newbyteorder("<")
        np.testing.assert_array_equal(found[name], array, strict=False)
        assert not found[name].flags.writeable


def test_objects_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="'bad' holds object"):
        write_array_file(tmp_path / "file", {}, {"bad": np.array([{}])})


def test_a_file_that_was_cut_or_has_more_is_refused(tmp_path):
    path = tmp_path / "file"
    write_array_file(path, {}, {"a": np.arange(100), "b": np.arange(3.0)})
    whole = path.read_bytes()
    for n_bytes in range(0, len(whole), 7):
        path.write_bytes(whole[:n_bytes])
        with pytest.raises(ValueError):  # noqa: PT011 - it says different things
            read_array_file(path)
    path.write_bytes(whole + b"more")
    with pytest.raises(ValueError, match="take 896 bytes, but 900 follow the header"):
        read_array_file(path)


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        (["a", "<f8", [2**40], 0], "claims 8796093022208 bytes, but 64 are left"),
        (["a", "<f8", [-1], 0], "'a' is <f8"),
        (["a", "<f8", [1], 8], "at 8"),
        (["a", "|O", [1], 0], "is |O"),
        (["a", "no type", [1], 0], "no type|not understood"),
    ],
)
def test_sizes_and_types_are_checked_before_anything_is_made(tmp_path, listed, said):
    header = json.dumps({"value": None, "arrays": [listed]}).encode()
    path = tmp_path / "file"
    path.write_bytes(MAGIC + len(header).to_bytes(8, "little") + header + bytes(64))
    with pytest.raises((ValueError, TypeError), match=said.replace("|O", r"\|O")):
        read_array_file(path)
