"""Runs a command of automl whose disk is full from one of its writes on.

Arguments: the run directory, the number of the write (0 for none), and the words of the command.
A write is anything that opens a file for writing or makes a folder there, or syncs a file. SQLite's
own are not seen here.
"""

import errno
import os
import sys

run, full_from, words = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
count = 0


def write():
    global count
    count += 1
    if 0 < full_from <= count:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def watch(event, args):
    is_write = event == "os.mkdir" or (
        event == "open" and bool(args[2] & (os.O_WRONLY | os.O_RDWR))
    )
    if is_write and not isinstance(args[0], int) and os.fspath(args[0]).startswith(run):
        write()


def sync(descriptor, sync=os.fsync):
    write()
    sync(descriptor)


sys.addaudithook(watch)
os.fsync = sync

from automl.cli.app import main  # noqa: E402

status = main(words)
sys.stdout.flush()
sys.exit(status)
