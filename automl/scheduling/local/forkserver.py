"""Runs the parent of workers, which imports heavy libraries once, then forks on demand.

A worker forked from here is ready in tens of milliseconds; a new interpreter needs seconds of
imports. This process, the nursery, stays single-threaded and makes no CUDA context, so that
forking is safe; it never imports the user's ``__main__``. Linux only: elsewhere workers are
spawned.

Protocol, one JSON datagram each way on a sequenced-packet socket:
    -> {"op": "preload", "modules": [...]}      import these; failures are left to the fit
    -> {"op": "fork", "worker": n, "env": {}, "modules": [...]}
                                                with one file descriptor: the worker's connection
    <- {"op": "forked", "worker": n, "pid": p, "modules": [...]}    what it has loaded
    <- {"op": "exit", "worker": n, "status": s}  s as of os.waitstatus_to_exitcode
End of file on the socket means that the controller has ended: every worker is killed.

Modules are imported one at a time in the order of the requests, and a fork waits only for those
of its own modules that were asked for before it: LightGBM's first fit does not wait for torch.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
import warnings
from collections import deque
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from automl.scheduling.local.temp_folder import remove_temporary

__all__ = ["main"]

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
OOM_SCORE = "800"  # the kernel kills a worker before the controller
MESSAGE_BYTES = 1 << 16
END_S = 1.5  # to end everything after the controller has ended


def main() -> None:
    """Serves the socket whose descriptor is the first argument, until it closes."""
    link = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)  # adopts a fit's orphaned processes, to end them
    wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    workers: dict[int, int] = {}
    imports = _Imports()
    outbox: deque[bytes] = deque()  # a controller that does not read must not block this process
    warnings.simplefilter("ignore")  # warnings of imports do not belong on the terminal
    try:
        while True:
            writing = [link.fileno()] if outbox else []
            patience = 0.0 if imports.waiting else None
            ready, writable, _ = select.select([link.fileno(), wake_read], writing, [], patience)
            if wake_read in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake_read, 4096)
                _reap(workers, outbox)
            if link.fileno() in ready:
                if not _serve_one(link, workers, imports, outbox):
                    return
            elif imports.waiting:
                imports.load_next()
            if writable:
                with contextlib.suppress(BlockingIOError):
                    link.send(outbox[0], socket.MSG_DONTWAIT)
                    outbox.popleft()
    except (BrokenPipeError, ConnectionResetError):
        return
    finally:
        _end_all(workers)
        remove_temporary()


@dataclass(slots=True)
class _Imports:
    """Modules to import: those that wait, in order, and those that are done."""

    waiting: deque[str] = field(default_factory=deque)
    done: list[str] = field(default_factory=list)

    def load_next(self) -> None:
        """Imports the next module; the fit that needs it reports the error, even SystemExit."""
        module = self.waiting.popleft()
        with contextlib.suppress(BaseException):
            importlib.import_module(module)
        self.done.append(module)

    def load_first(self, needed: Container[str] | None) -> None:
        """Imports the waiting modules that are needed before the others; None for all."""
        first = [m for m in self.waiting if needed is None or m in needed]
        self.waiting = deque([*first, *(m for m in self.waiting if m not in first)])
        for _ in first:
            self.load_next()


def _serve_one(
    link: socket.socket, workers: dict[int, int], imports: _Imports, outbox: deque[bytes]
) -> bool:
    """Handles one message; False if the controller has ended."""
    data, descriptors, _, _ = socket.recv_fds(link, MESSAGE_BYTES, 1)
    if not data:
        return False
    message = json.loads(data)
    if message["op"] == "preload":
        imports.waiting.extend(message["modules"])
    else:
        imports.load_first(message["modules"])
        gc.freeze()  # keeps collections in workers from copying shared pages
        nursery = os.getpid()
        pid = os.fork()
        if pid == 0:
            link.close()
            _become_worker(descriptors[0], message["env"], nursery)
        os.close(descriptors[0])
        with contextlib.suppress(OSError):  # the group exists before it may have to be killed
            os.setpgid(pid, pid)
        workers[pid] = message["worker"]
        told = {"worker": message["worker"], "pid": pid, "modules": imports.done}
        _tell(outbox, {"op": "forked", **told})
    return True


def _become_worker(descriptor: int, env: dict[str, str], nursery: int) -> NoReturn:
    status = 1
    try:
        os.setpgid(0, 0)  # the group is killed with all its processes
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != nursery:  # it ended before the call above
            os._exit(status)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
        os.environ.update(env)
        from automl.scheduling.local.worker import serve

        serve(Connection(descriptor))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _reap(workers: dict[int, int], outbox: deque[bytes]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        worker = workers.pop(pid, None)
        if worker is not None:
            _kill_group(pid)
        _kill_strays(workers)
        if worker is not None:
            code = os.waitstatus_to_exitcode(status)
            _tell(outbox, {"op": "exit", "worker": worker, "status": code})


def _kill_strays(workers: Container[int]) -> None:
    """Kills adopted processes: those that a dead worker had started in other sessions."""
    for child in _children():
        if child not in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def _children() -> list[int]:
    """Process ids of the children of this process."""
    own = os.getpid()
    with contextlib.suppress(OSError):
        return [int(pid) for pid in Path(f"/proc/self/task/{own}/children").read_text().split()]
    found = []  # a kernel without CONFIG_PROC_CHILDREN
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            parent = stat.read_text().rpartition(")")[2].split()[1]
            if int(parent) == own:
                found.append(int(stat.parent.name))
    return found


def _end_all(workers: Iterable[int]) -> None:
    """Kills the workers, and the orphans they leave, until none remains."""
    for pid in workers:
        _kill_group(pid)
    patience = time.monotonic() + END_S
    while time.monotonic() < patience:
        _kill_strays(())
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.002)
        except ChildProcessError:
            return


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _tell(outbox: deque[bytes], message: dict[str, Any]) -> None:
    outbox.append(json.dumps(message).encode())


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    main()
