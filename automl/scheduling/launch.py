"""Starting worker processes: forked by a prepared parent where there is fork, spawned elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any, Protocol

__all__ = ["ForkLauncher", "Launcher", "SpawnLauncher", "WorkerProcess", "start_launcher"]

# A spinning barrier costs everybody on a busy machine up to 50 times the work (measured with
# LightGBM and torch, two processes of two threads on two cores); a passive one costs nothing.
THREAD_ENV = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0", "OMP_NUM_THREADS": "1"}
ADDRESS_VARIABLE = "AUTOML_WORKER_ADDRESS"
KEY_VARIABLE = "AUTOML_WORKER_KEY"


@dataclass(slots=True)
class WorkerProcess:
    """One worker as the parent sees it.

    Attributes:
        number: Of the worker, never used twice in a run.
        connection: To send jobs and receive messages.
        modules: Modules that were loaded before it was forked.
        pid: Process id once it is known.
        exit_status: As of ``subprocess``: negative for a signal; None while it lives or when
            nobody knows.
    """

    number: int
    connection: Connection[Any, Any]
    modules: frozenset[str] = frozenset()
    pid: int | None = None
    exit_status: int | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)


class Launcher(Protocol):
    """Starts and ends worker processes."""

    modules: frozenset[str]
    """Modules that the next worker will have loaded."""

    def preload(self, modules: Sequence[str]) -> None:
        """Loads modules for the workers to come, without waiting."""
        ...

    def launch(self, env: Mapping[str, str]) -> WorkerProcess:
        """Starts a worker with these environment variables."""
        ...

    def kill(self, worker: WorkerProcess) -> None:
        """Ends a worker and all it has started, at once."""
        ...

    def refresh(self) -> None:
        """Learns process ids and exit statuses."""
        ...

    def close(self) -> None:
        """Ends all workers."""
        ...


def start_launcher() -> Launcher:
    """The best launcher of this platform."""
    return ForkLauncher() if sys.platform == "linux" else SpawnLauncher()


def _worker_env(env: Mapping[str, str]) -> dict[str, str]:
    here = str(Path.cwd())  # the empty path: plugins beside a notebook
    paths = os.pathsep.join(p or here for p in sys.path)
    return {**os.environ, "PYTHONPATH": paths, **THREAD_ENV, **env}


class ForkLauncher:
    """Asks a nursery (``automl.scheduling.nursery``) to fork."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._link = ours
        self._nursery = subprocess.Popen(
            [sys.executable, "-m", "automl.scheduling.nursery", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=_worker_env({}),
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal is for the controller alone
        )
        theirs.close()
        self._workers: dict[int, WorkerProcess] = {}
        self._count = 0
        self.modules: frozenset[str] = frozenset()

    def preload(self, modules: Sequence[str]) -> None:
        """Loads modules for the workers to come, without waiting."""
        new = [m for m in modules if m not in self.modules]
        if new:
            self._send({"op": "preload", "modules": new})
            self.modules |= frozenset(new)

    def launch(self, env: Mapping[str, str]) -> WorkerProcess:
        """Starts a worker with these environment variables."""
        ours, theirs = socket.socketpair()
        worker = WorkerProcess(self._count, Connection(ours.detach()), self.modules)
        self._count += 1
        self._workers[worker.number] = worker
        message = {"op": "fork", "worker": worker.number, "env": dict(env)}
        socket.send_fds(self._link, [json.dumps(message).encode()], [theirs.fileno()])
        theirs.close()
        return worker

    def kill(self, worker: WorkerProcess) -> None:
        """Ends a worker and all it has started, at once."""
        while worker.pid is None and self._nursery.poll() is None:
            self._receive(timeout_s=None)  # asked for, not yet forked
        if worker.pid is not None and worker.exit_status is None:
            _kill_group(worker.pid)
        worker.connection.close()

    def refresh(self) -> None:
        """Learns process ids and exit statuses."""
        while self._receive(timeout_s=0.0):
            pass

    def close(self) -> None:
        """Ends all workers."""
        self._link.close()  # the nursery kills its workers when it sees the end of file
        try:
            self._nursery.wait(timeout=0.5)
        except subprocess.TimeoutExpired:  # in the middle of an import
            self._nursery.kill()  # the kernel ends its workers with it
            self._nursery.wait()
        for worker in self._workers.values():
            worker.connection.close()

    def _send(self, message: dict[str, Any]) -> None:
        self._link.send(json.dumps(message).encode())

    def _receive(self, timeout_s: float | None) -> bool:
        self._link.settimeout(timeout_s)
        try:
            data = self._link.recv(1 << 16)
        except (BlockingIOError, TimeoutError):
            return False
        finally:
            self._link.settimeout(None)
        if not data:
            return False
        message = json.loads(data)
        worker = self._workers[message["worker"]]
        if message["op"] == "forked":
            worker.pid = message["pid"]
        else:
            worker.exit_status = message["status"]
            del self._workers[message["worker"]]
        return True


class SpawnLauncher:
    """Starts a new interpreter for each worker: for platforms without a safe fork."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(16)
        self._listener = Listener(authkey=self._key)
        self._workers: list[WorkerProcess] = []
        self.modules: frozenset[str] = frozenset()

    def preload(self, modules: Sequence[str]) -> None:
        """Nothing to load in advance."""

    def launch(self, env: Mapping[str, str]) -> WorkerProcess:
        """Starts a worker with these environment variables."""
        contact = {ADDRESS_VARIABLE: str(self._listener.address), KEY_VARIABLE: self._key.hex()}
        process = subprocess.Popen(
            [sys.executable, "-m", "automl.scheduling.launch"],
            env=_worker_env({**env, **contact}),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        worker = WorkerProcess(
            len(self._workers), self._listener.accept(), pid=process.pid, process=process
        )
        self._workers.append(worker)
        return worker

    def kill(self, worker: WorkerProcess) -> None:
        """Ends a worker and all it has started, at once."""
        if worker.process is not None and worker.process.poll() is None:
            if hasattr(os, "killpg"):
                _kill_group(worker.process.pid)
            else:
                worker.process.kill()
            worker.process.wait()
        worker.connection.close()

    def refresh(self) -> None:
        """Learns process ids and exit statuses."""
        for worker in self._workers:
            if worker.process is not None:
                worker.exit_status = worker.process.poll()

    def close(self) -> None:
        """Ends all workers."""
        for worker in self._workers:
            self.kill(worker)
        self._listener.close()


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def main() -> None:
    """Entry of a spawned worker."""
    from automl.scheduling.worker import serve

    key = bytes.fromhex(os.environ.pop(KEY_VARIABLE))
    serve(Client(os.environ.pop(ADDRESS_VARIABLE), authkey=key))


if __name__ == "__main__":
    main()
