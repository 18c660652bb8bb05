"""Starts worker processes: forked by a prepared parent on Linux, spawned elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from automl.scheduling.local.temp_folder import make_temporary, remove_temporary, temporary_env

__all__ = ["ForkLauncher", "Launcher", "SpawnLauncher", "WorkerProcess", "main", "start_launcher"]

# A spinning barrier costs other processes on a busy machine up to 50 times the work (measured with
# LightGBM and torch, two processes of two threads on two cores); a passive one costs nothing.
THREAD_ENV = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0", "OMP_NUM_THREADS": "1"}
WORKER_MODULE = "automl.scheduling.local.worker"
MESSAGE_BYTES = 1 << 16
CLOSE_S = 1.7  # longer than a nursery needs to end its workers


@dataclass(slots=True)
class WorkerProcess:
    """One worker, in the process of the search.

    Attributes:
        number: Number of the worker, unique in a run.
        connection: Connection for jobs and messages.
        modules: Modules that were loaded before it was forked, or whose import failed.
        pid: Process id once it is known.
        exit_status: As in ``subprocess``, negative for a signal; None while it runs or if unknown.
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
    """Modules that a worker launched from now on can have loaded."""

    def preload(self, modules: Sequence[str]) -> None:
        """Loads modules for future workers in this order, without waiting."""
        ...

    def launch(
        self, env: Mapping[str, str], modules: Collection[str] | None = None
    ) -> WorkerProcess:
        """Starts a worker.

        Args:
            env: Environment variables.
            modules: The preloaded modules that its first job needs, for which it waits; None for
                all that were asked for so far.
        """
        ...

    def kill(self, worker: WorkerProcess) -> None:
        """Ends a worker and all processes it has started, at once."""
        ...

    def refresh(self) -> None:
        """Updates process ids and exit statuses."""
        ...

    def close(self) -> None:
        """Ends all workers."""
        ...


def start_launcher() -> Launcher:
    """The launcher for this platform."""
    return ForkLauncher() if sys.platform == "linux" else SpawnLauncher()


def _worker_env(env: Mapping[str, str]) -> dict[str, str]:
    here = str(Path.cwd())  # for the empty path: plugins beside a notebook
    paths = os.pathsep.join(p or here for p in sys.path)
    return {**os.environ, "PYTHONPATH": paths, **THREAD_ENV, **env}


class ForkLauncher:
    """Asks a nursery (``automl.scheduling.local.forkserver``) to fork."""

    def __init__(self) -> None:
        self._workers: dict[int, WorkerProcess] = {}
        self._condemned: set[int] = set()
        self._count = 0
        self.modules: frozenset[str] = frozenset()
        self._temporary: Path | None = None
        self._may_preload = True
        self._start_nursery()

    def _start_nursery(self) -> None:
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        remove_temporary(self._temporary)
        self._temporary = make_temporary()
        env = temporary_env(self._temporary)
        self._nursery = _start_python(
            "automl.scheduling.local.forkserver", theirs, env, stdout=subprocess.DEVNULL
        )
        self.modules = frozenset()
        self.preload([WORKER_MODULE, "pandas"])  # pyarrow imports pandas for its first array

    def preload(self, modules: Sequence[str]) -> None:
        """Loads modules for future workers in this order, without waiting."""
        new = [m for m in dict.fromkeys(modules) if m not in self.modules]
        if new and self._may_preload:
            with contextlib.suppress(BrokenPipeError):  # a lost nursery is seen at the next launch
                self._link.send(json.dumps({"op": "preload", "modules": new}).encode())
            self.modules |= frozenset(new)

    def launch(
        self, env: Mapping[str, str], modules: Collection[str] | None = None
    ) -> WorkerProcess:
        """Starts a worker: see ``Launcher``.

        If the nursery was killed, or has crashed while importing a module, it is replaced by one
        that loads no modules in advance.
        """
        self.refresh()
        if self._nursery.poll() is not None:
            self._bury_nursery()
            self._link.close()
            self._start_nursery()
            self._may_preload = False
        ours, theirs = socket.socketpair()
        needed = None if modules is None else sorted({WORKER_MODULE, *modules} & self.modules)
        sure = self.modules if needed is None else frozenset(needed)
        worker = WorkerProcess(self._count, Connection(ours.detach()), sure)
        self._count += 1
        self._workers[worker.number] = worker
        message = {"op": "fork", "worker": worker.number, "env": dict(env), "modules": needed}
        with theirs, contextlib.suppress(BrokenPipeError):
            socket.send_fds(self._link, [json.dumps(message).encode()], [theirs.fileno()])
        return worker

    def kill(self, worker: WorkerProcess) -> None:
        """Ends a worker and all processes it has started, at once."""
        self.refresh()
        if worker.pid is None:
            self._condemned.add(worker.number)  # requested, not forked yet
        elif worker.exit_status is None:
            _kill_group(worker.pid)
        worker.connection.close()

    def refresh(self) -> None:
        """Updates process ids and exit statuses."""
        while self._receive():
            pass

    def close(self) -> None:
        """Ends all workers."""
        self._link.close()  # the nursery kills its workers at the end of file
        if not self._workers:
            self._nursery.kill()  # it has no workers: no need to wait for its imports
        try:
            self._nursery.wait(timeout=CLOSE_S)
        except subprocess.TimeoutExpired:  # during an import
            self._nursery.kill()  # the kernel ends its workers with it
            self._nursery.wait()
        for worker in self._workers.values():
            worker.connection.close()
        self._workers.clear()
        remove_temporary(self._temporary)

    def _receive(self) -> bool:
        """Handles one message of the nursery; False if there is none."""
        try:
            data = self._link.recv(MESSAGE_BYTES, socket.MSG_DONTWAIT)
        except (BlockingIOError, ConnectionResetError):
            return False
        except OSError:  # closed
            return False
        if not data:
            self._nursery.wait()  # it is about to end, and the next launch must see that
            self._bury_nursery()
            return False
        message = json.loads(data)
        worker = self._workers[message["worker"]]
        if message["op"] == "forked":
            worker.pid, worker.modules = message["pid"], frozenset(message["modules"])
            if worker.number in self._condemned:
                self._condemned.discard(worker.number)
                _kill_group(message["pid"])
        else:
            worker.exit_status = message["status"]
            del self._workers[worker.number]
        return True

    def _bury_nursery(self) -> None:
        """Marks the workers of a lost nursery as killed: the kernel has done so."""
        for worker in self._workers.values():
            worker.exit_status = -signal.SIGKILL
        self._workers.clear()
        self._condemned.clear()


class SpawnLauncher:
    """Starts a new interpreter for each worker: for platforms without a safe fork."""

    def __init__(self) -> None:
        self._workers: dict[int, WorkerProcess] = {}
        self._count = 0
        self._temporary = make_temporary()
        self.modules: frozenset[str] = frozenset()

    def preload(self, modules: Sequence[str]) -> None:
        """Does nothing: a new interpreter cannot have modules loaded in advance."""

    def launch(
        self, env: Mapping[str, str], modules: Collection[str] | None = None
    ) -> WorkerProcess:
        """Starts a worker, which imports all modules itself."""
        ours, theirs = socket.socketpair()
        env = {**temporary_env(self._temporary), **env}
        process = _start_python("automl.scheduling.local.launcher", theirs, env)
        connection: Connection[Any, Any] = Connection(ours.detach())
        worker = WorkerProcess(self._count, connection, pid=process.pid, process=process)
        self._count += 1
        self._workers[worker.number] = worker
        return worker

    def kill(self, worker: WorkerProcess) -> None:
        """Ends a worker and all processes it has started, at once."""
        self.refresh()
        if worker.process is not None and worker.exit_status is None:
            _kill_group(worker.process.pid)
            worker.exit_status = worker.process.wait()
            self._workers.pop(worker.number, None)
        worker.connection.close()

    def refresh(self) -> None:
        """Updates exit statuses."""
        for worker in list(self._workers.values()):
            status = None if worker.process is None else worker.process.poll()
            if status is not None and worker.process is not None:
                _kill_group(worker.process.pid)  # processes that it left
                worker.exit_status = status
                del self._workers[worker.number]

    def close(self) -> None:
        """Ends all workers."""
        for worker in list(self._workers.values()):
            self.kill(worker)
        remove_temporary(self._temporary)


def _start_python(
    module: str, channel: socket.socket, env: Mapping[str, str], stdout: int | None = None
) -> subprocess.Popen[bytes]:
    """Runs a module in a new interpreter with one end of a socket, which is closed here."""
    with channel:
        return subprocess.Popen(
            # -P: the current folder must not hide modules of the library
            [sys.executable, "-P", "-m", module, str(channel.fileno())],
            pass_fds=[channel.fileno()],
            env=_worker_env(env),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            start_new_session=True,  # Ctrl-C in the terminal is only for the controller
        )


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _die_with_controller(descriptor: int) -> None:
    """Waits until the other end of a socket is closed, then kills this process and its group."""
    poller = select.poll()
    poller.register(descriptor, 0)  # only the hang-up
    poller.poll()
    _kill_group(os.getpid())


def main() -> None:
    """Entry of a spawned worker; the socket's descriptor is the first argument."""
    descriptor = int(sys.argv[1])
    threading.Thread(target=_die_with_controller, args=[descriptor], daemon=True).start()
    from automl.scheduling.local.worker import serve

    serve(Connection(descriptor))


if __name__ == "__main__":
    main()
