"""Runs a command of automl that kills itself at one of the changes it makes to a run directory.

Arguments: the run directory, the number of the change (0 for none), and the words of the command.
A change is anything that opens a file for writing, renames, removes or makes something there; it
is counted right before it happens. A sync is one too: there half of the file is lost.
"""

import os
import signal
import sys

CHANGES = frozenset({"os.mkdir", "os.remove", "os.rename", "os.rmdir", "shutil.rmtree"})
run, fatal, words = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
count = 0


def pass_change():
    """Counts one more, and says whether it is the fatal one."""
    global count
    count += 1
    return count == fatal


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def watch(event, args):
    if event == "open":
        path, _, flags = args
        is_change = bool(flags & (os.O_WRONLY | os.O_RDWR))
    else:
        path, is_change = (args[0], True) if event in CHANGES else ("", False)
    is_ours = is_change and not isinstance(path, int) and os.fspath(path).startswith(run)
    if is_ours and pass_change():
        die()


def torn_sync(descriptor, sync=os.fsync):
    if pass_change():
        os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
        die()
    sync(descriptor)


sys.addaudithook(watch)
os.fsync = torn_sync
from automl.cli.app import main  # noqa: E402

status = main(words)
print(f"{count} changes", file=sys.stderr)
sys.exit(status)
