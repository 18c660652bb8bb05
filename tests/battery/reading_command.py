"""Reads the leaderboard of a run ten times a second, until its standard input closes.

Argument: the run directory. Prints how often it was read, and the trials that are there at last.
"""

import select
import sys
import time
from pathlib import Path

from automl.leaderboard import read_board
from automl.store.run_dir import RunDir

PERIOD_S = 0.1
run, n_reads = RunDir(Path(sys.argv[1])), 0
while not select.select([sys.stdin], [], [], 0.0)[0]:
    due = time.monotonic() + PERIOD_S
    read_board(run)
    n_reads += 1
    time.sleep(max(0.0, due - time.monotonic()))
print(n_reads, len(read_board(run).trials))
