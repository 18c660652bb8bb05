"""A disk that is full, on demand."""

import contextlib
import errno
import os
from pathlib import Path

import pytest


@pytest.fixture
def no_space(monkeypatch):
    """no_space(folder): within, no file of that folder can be synced."""

    @contextlib.contextmanager
    def no_space(folder):
        synced = os.fsync

        def fsync(descriptor):
            if Path(f"/proc/self/fd/{descriptor}").readlink().parent == folder:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            synced(descriptor)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fsync)
            yield

    return no_space
