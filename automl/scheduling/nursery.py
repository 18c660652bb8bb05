"""The prepared parent of workers: imports heavy libraries once, then forks on demand.

A worker forked from here is ready in tens of milliseconds, where a new interpreter needs seconds
of imports. The nursery stays single-threaded and makes no CUDA context, so that forking is safe;
it never imports the user's ``__main__``. Linux only: elsewhere workers are spawned.

Protocol, one JSON datagram each way on a sequenced-packet socket:
    -> {"op": "preload", "modules": [...]}      import these; failures are left to the fit
    -> {"op": "fork", "worker": n, "env": {}}   with one file descriptor: the worker's connection
    <- {"op": "forked", "worker": n, "pid": p}
    <- {"op": "exit", "worker": n, "status": s}  s as of os.waitstatus_to_exitcode
End of file on the socket means that the controller is gone: every worker is killed.
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
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["main"]

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
OOM_SCORE = "800"  # the kernel takes a worker before the controller
MESSAGE_BYTES = 1 << 16


def main() -> None:
    """Serves the socket whose descriptor is the first argument, until it closes."""
    link = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)  # what a fit leaves behind comes to us, and is ended
    wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    workers: dict[int, int] = {}
    try:
        while True:
            ready, _, _ = select.select([link, wake_read], [], [])
            if wake_read in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake_read, 4096)
                _reap(workers, link)
            if link in ready and not _serve_one(link, workers):
                return
    except (BrokenPipeError, ConnectionResetError):
        return
    finally:
        for pid in workers:
            _kill_group(pid)


def _serve_one(link: socket.socket, workers: dict[int, int]) -> bool:
    """Handles one message; False when the controller is gone."""
    data, descriptors, _, _ = socket.recv_fds(link, MESSAGE_BYTES, 1)
    if not data:
        return False
    message = json.loads(data)
    if message["op"] == "preload":
        for module in message["modules"]:
            with contextlib.suppress(Exception):  # the fit that needs it reports what is wrong
                importlib.import_module(module)
        gc.freeze()  # keeps collections in workers from copying shared pages
    else:
        pid = os.fork()
        if pid == 0:
            link.close()
            _become_worker(descriptors[0], message["env"])
        os.close(descriptors[0])
        workers[pid] = message["worker"]
        _tell(link, {"op": "forked", "worker": message["worker"], "pid": pid})
    return True


def _become_worker(descriptor: int, env: dict[str, str]) -> NoReturn:
    status = 1
    try:
        os.setpgid(0, 0)  # killed together with whatever it starts
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
        os.environ.update(env)
        from automl.scheduling.worker import serve

        serve(Connection(descriptor))
        status = 0
    finally:
        os._exit(status)


def _reap(workers: dict[int, int], link: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid in workers:
            _kill_group(pid)
            worker = workers.pop(pid)
            _kill_strays(workers)
            code = os.waitstatus_to_exitcode(status)
            _tell(link, {"op": "exit", "worker": worker, "status": code})


def _kill_strays(workers: dict[int, int]) -> None:
    """Ends adopted processes: what a dead worker had started in sessions of their own."""
    with contextlib.suppress(OSError):
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        for child in map(int, children):
            if child not in workers:
                os.kill(child, signal.SIGKILL)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _tell(link: socket.socket, message: dict[str, Any]) -> None:
    link.send(json.dumps(message).encode())


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    main()
