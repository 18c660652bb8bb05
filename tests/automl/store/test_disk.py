import errno
import os
import subprocess
import sys

import pytest

from automl.errors import StorageError
from automl.store.disk import raise_if_disk_full, storage_errors, storage_problem


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "no space is left on its disk"),
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EROFS, "its file system is read-only"),
        (errno.EACCES, "permission is denied"),
        (errno.EIO, "the disk reports an error"),
    ],
)
def test_what_could_not_be_written_is_named_with_the_reason(tmp_path, number, said):
    path = tmp_path / "deep" / "a.json"
    with pytest.raises(StorageError) as caught, storage_errors(path):
        raise OSError(number, os.strerror(number))
    assert str(caught.value).startswith(f"{path} cannot be written: {said}")
    assert (" are free)" in str(caught.value)) == (number in (errno.ENOSPC, errno.EDQUOT))


def test_other_failures_stay_what_they_are(tmp_path):
    with pytest.raises(IsADirectoryError), storage_errors(tmp_path / "a"):
        raise IsADirectoryError(errno.EISDIR, "Is a directory")
    with pytest.raises(ValueError, match="no"), storage_errors(tmp_path / "a"):
        raise ValueError("no")


def test_a_file_elsewhere_that_is_closed_to_us_says_nothing_of_the_disk(tmp_path):
    def denied(name):
        return storage_problem(
            tmp_path / "run" / "a", PermissionError(errno.EACCES, "denied", str(name))
        )

    assert denied(tmp_path / "elsewhere" / "b") is None
    assert denied(tmp_path / "run" / "b") is not None
    assert denied(tmp_path) is not None


def test_an_error_without_a_number_is_asked_of_the_disk(tmp_path, no_space):
    error = OSError("1000 requested and 500 written")
    assert storage_problem(tmp_path / "a", error) is None
    with no_space(tmp_path):
        assert "no space is left" in str(storage_problem(tmp_path / "a", error))


def test_code_of_others_that_fails_on_a_full_disk_fails_because_of_it(tmp_path, no_space):
    with pytest.raises(ArithmeticError), raise_if_disk_full(tmp_path):
        raise ArithmeticError
    with (
        no_space(tmp_path),
        pytest.raises(StorageError, match="no space is left"),
        raise_if_disk_full(tmp_path.parent, tmp_path),
    ):
        raise ArithmeticError
    assert list(tmp_path.iterdir()) == []


def test_code_of_others_that_lies_about_the_disk_fails_by_itself(tmp_path):
    with pytest.raises(OSError, match="No space"), raise_if_disk_full(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="root may mount")
def test_a_disk_that_is_really_full_is_seen(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    path = tmp_path / "a"
    try:
        with (
            pytest.raises(StorageError, match=r"\(0 bytes of 64 KiB are free\)"),
            storage_errors(path),
        ):
            path.write_bytes(bytes(1 << 20))
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_an_error_that_says_nothing_of_a_disk_writes_nothing_to_it(tmp_path, no_space):
    with (
        no_space(tmp_path),
        pytest.raises(LookupError),
        raise_if_disk_full(tmp_path, but=LookupError),
    ):
        raise LookupError
