"""Files are opened so that Arrow reads their bytes without copies, where nothing changes them."""

import gzip
import io

import pyarrow as pa
import pytest

from automl.data.read.streams import direct, is_utf8, open_decompressed


def test_arrow_reads_a_plain_file_itself_and_a_compressed_one_through_its_stream(tmp_path):
    plain, packed = tmp_path / "t.csv", tmp_path / "t.csv.gz"
    plain.write_bytes(b"a,b\n1,2\n")
    packed.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    with open_decompressed(plain, None) as file, direct(file) as found:
        assert isinstance(found, pa.OSFile)
        assert found.read() == b"a,b\n1,2\n"
    with open_decompressed(packed, "gzip") as file:
        assert direct(file) is file
        assert file.read() == b"a,b\n1,2\n"


@pytest.mark.parametrize(("data", "expected"), [("é".encode(), True), (b"\xe9", False)])
def test_text_in_another_encoding_is_told(data, expected):
    assert is_utf8(lambda: io.BytesIO(data)) is expected
