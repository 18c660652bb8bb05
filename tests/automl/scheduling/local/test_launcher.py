import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from automl.scheduling.devices.pool import Lease
from automl.scheduling.executor import Done
from automl.scheduling.local.launcher import ForkLauncher, SpawnLauncher, start_launcher
from automl.scheduling.local.messages import Encoded, Ready, Start
from automl.trial.spec import Job, TrialSpec

PATIENCE_S = 20.0

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
    pytest.mark.usefixtures("importable"),
]


@pytest.fixture(params=[ForkLauncher, SpawnLauncher])
def launcher(request, importable):
    launcher = request.param()
    yield launcher
    launcher.close()


@pytest.fixture
def nursery_launcher(importable):
    launcher = ForkLauncher()
    yield launcher
    launcher.close()


def start(launcher, prepared, env=None):
    worker = launcher.launch(Lease(1).env | (env or {}))
    worker.connection.send(prepared)
    return worker


def receive(worker):
    assert worker.connection.poll(PATIENCE_S), "the worker says nothing"
    message = worker.connection.recv()
    return receive(worker) if isinstance(message, Encoded) else message


def fit(worker, family, **params):
    """Starts a fit and does not wait for it."""
    job = Job(TrialSpec(family, 0, params), fold=0, seed=1)
    worker.connection.send(Start((job,)))


def wait_for(condition, within_s=PATIENCE_S):
    patience = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < patience, "it did not happen"
        time.sleep(0.02)
    return value


def exit_status(launcher, worker):
    def known():
        launcher.refresh()
        return worker.exit_status is not None

    wait_for(known)
    return worker.exit_status


def test_linux_workers_are_forked():
    launcher = start_launcher()
    launcher.close()
    assert isinstance(launcher, ForkLauncher)


def test_a_worker_answers_ready_with_its_process_id(launcher, prepared):
    worker = start(launcher, prepared)
    answer = receive(worker)
    assert isinstance(answer, Ready)

    def known():
        launcher.refresh()
        return worker.pid

    assert wait_for(known) == answer.pid


def test_a_worker_runs_a_job(launcher, prepared):
    worker = start(launcher, prepared)
    receive(worker)
    fit(worker, "good")
    assert isinstance(receive(worker), Done)


def test_a_killed_worker_has_the_signal_as_its_exit_status(launcher, prepared, all_gone):
    worker = start(launcher, prepared)
    pid = receive(worker).pid
    os.kill(pid, signal.SIGKILL)
    assert exit_status(launcher, worker) == -signal.SIGKILL
    all_gone([pid])


def test_a_worker_whose_connection_closes_ends_by_itself(launcher, prepared):
    worker = start(launcher, prepared)
    receive(worker)
    worker.connection.close()
    assert exit_status(launcher, worker) in (0, -signal.SIGKILL)


def test_kill_ends_a_worker_at_once(launcher, prepared, all_gone):
    worker = start(launcher, prepared)
    pid = receive(worker).pid
    launcher.kill(worker)
    all_gone([pid], within_s=1.0)


def test_a_worker_that_is_killed_before_it_lives_does_not_run_what_it_was_sent(launcher, prepared):
    worker = start(launcher, prepared)
    fit(worker, "sleeps")
    launcher.kill(worker)
    assert exit_status(launcher, worker) in (0, -signal.SIGKILL)  # not after five minutes


def test_killing_twice_does_nothing_more(launcher, prepared):
    worker = start(launcher, prepared)
    receive(worker)
    launcher.kill(worker)
    launcher.kill(worker)


def test_closing_leaves_no_process_alive(launcher, prepared, all_gone):
    workers = [start(launcher, prepared) for _ in range(2)]
    pids = [receive(w).pid for w in workers]
    fit(workers[0], "sleeps")
    launcher.close()
    all_gone(pids)


def test_workers_have_numbers_of_their_own(launcher, prepared):
    first = start(launcher, prepared)
    launcher.kill(first)
    assert launcher.launch({}).number != first.number


def test_the_environment_reaches_the_worker(launcher, prepared, tmp_path):
    worker = start(launcher, prepared, {"COLOUR": "blue"})
    receive(worker)
    fit(worker, "sees", to=str(tmp_path / "seen"))
    receive(worker)
    env = json.loads((tmp_path / "seen").read_text())["env"]
    assert (env["COLOUR"], env["CUDA_VISIBLE_DEVICES"]) == ("blue", "")
    assert env["OMP_WAIT_POLICY"] == "PASSIVE"


def test_a_module_of_the_current_folder_hides_none_of_ours(prepared, new_folder, importable):
    (new_folder / "json.py").write_text("raise RuntimeError('the wrong json')")
    launcher = ForkLauncher()
    try:
        assert isinstance(receive(start(launcher, prepared)), Ready)
    finally:
        launcher.close()


def test_a_preloaded_module_is_there_in_the_next_worker(
    nursery_launcher, prepared, tmp_path, monkeypatch
):
    (tmp_path / "loaded_early.py").write_text("import os; PID = os.getpid()")
    (tmp_path / "asks.py").write_text(
        textwrap.dedent("""
        import json, os, sys
        from pathlib import Path
        from nasty_families import Family
        from automl.plugin import hookimpl

        class Asks(Family):
            name = "asks"
            def misbehave(self, params, fold, context, report):
                module = sys.modules.get("loaded_early")
                found = [module and module.PID, os.getpid()]
                Path(params["to"]).write_text(json.dumps(found))

        @hookimpl
        def automl_model_families():
            return [Asks()]
        """)
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    launcher = ForkLauncher()
    try:
        launcher.preload(["loaded_early"])
        assert "loaded_early" in launcher.modules
        from dataclasses import replace

        worker = start(launcher, replace(prepared, modules=("asks",)))
        receive(worker)
        fit(worker, "asks", to=str(tmp_path / "found"))
        receive(worker)
    finally:
        launcher.close()
    loaded_by, worker_pid = json.loads((tmp_path / "found").read_text())
    assert loaded_by is not None
    assert loaded_by != worker_pid


def test_a_module_that_cannot_be_preloaded_stops_nobody(nursery_launcher, prepared):
    nursery_launcher.preload(["no_such_module_at_all", "this"])
    assert isinstance(receive(start(nursery_launcher, prepared)), Ready)


def test_a_module_that_exits_when_imported_stops_nobody(tmp_path, prepared, monkeypatch):
    (tmp_path / "leaves.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(str(tmp_path))
    launcher = ForkLauncher()
    try:
        launcher.preload(["leaves"])
        assert isinstance(receive(start(launcher, prepared)), Ready)
    finally:
        launcher.close()


def test_a_nursery_that_crashes_in_an_import_is_replaced(tmp_path, prepared, monkeypatch):
    write_waiting(tmp_path / "crashes.py", "import ctypes; ctypes.string_at(0)")
    monkeypatch.syspath_prepend(str(tmp_path))
    launcher = ForkLauncher()
    try:
        launcher.preload(["crashes"])
        first = start_lost(launcher, lambda: (tmp_path / "go").touch())
        assert exit_status(launcher, first) == -signal.SIGKILL
        assert isinstance(receive(start(launcher, prepared)), Ready)
        launcher.preload(["crashes"])  # whoever crashed once is not asked again
        assert "crashes" not in launcher.modules
        assert isinstance(receive(start(launcher, prepared)), Ready)
    finally:
        launcher.close()


def write_waiting(path, code):
    """A module that runs its code once there is a file ``go`` beside it."""
    source = f"import pathlib, time\nwhile not pathlib.Path({str(path.parent)!r}, 'go').exists():\n"
    path.write_text(f"{source}    time.sleep(0.01)\n{code}\n")


def start_lost(launcher, crash):
    """A worker that was asked for and that nobody will fork."""
    worker = launcher.launch({})
    crash()
    assert worker.connection.poll(PATIENCE_S)
    with pytest.raises((EOFError, ConnectionResetError)):
        worker.connection.recv()
    return worker


def parent_of(pid):
    """The process that has started another: of a forked worker, the nursery."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_workers_of_a_killed_nursery_count_as_killed(nursery_launcher, prepared, all_gone):
    worker = start(nursery_launcher, prepared)
    pid = receive(worker).pid
    os.kill(parent_of(pid), signal.SIGKILL)
    assert exit_status(nursery_launcher, worker) == -signal.SIGKILL
    all_gone([pid])
    assert isinstance(receive(start(nursery_launcher, prepared)), Ready)


def forked_children(tmp_path, worker, then):
    target = tmp_path / "children"
    fit(worker, "forks", to=str(target), then=then)
    return wait_for(
        lambda: target.exists() and target.stat().st_size and json.loads(target.read_text())
    )


def test_kill_ends_children_even_in_sessions_of_their_own(
    nursery_launcher, prepared, tmp_path, all_gone
):
    worker = start(nursery_launcher, prepared)
    receive(worker)
    children = forked_children(tmp_path, worker, "sleep")
    nursery_launcher.kill(worker)
    all_gone(children)


def test_a_crashed_worker_leaves_no_children(nursery_launcher, prepared, tmp_path, all_gone):
    worker = start(nursery_launcher, prepared)
    receive(worker)
    all_gone(forked_children(tmp_path, worker, "crash"))


def test_closing_ends_children_even_in_sessions_of_their_own(
    nursery_launcher, prepared, tmp_path, all_gone
):
    worker = start(nursery_launcher, prepared)
    receive(worker)
    children = forked_children(tmp_path, worker, "sleep")
    nursery_launcher.close()
    all_gone(children)


CONTROLLER = """
    import sys, time
    from automl.scheduling.local.launcher import {launcher}
    from automl.scheduling.local.messages import Start
    from automl.trial.setup import TrialSetup
    from automl.trial.spec import Job, TrialSpec

    # no guard: whoever imports this file runs it
    open({started!r}, "a").write("x")
    launcher = {launcher}()
    pids = []
    for number, family in enumerate(["sleeps", "forks"]):
        worker = launcher.launch({{"CUDA_VISIBLE_DEVICES": ""}})
        worker.connection.send({setup!r})
        pids.append(worker.connection.recv().pid)
        params = {{"to": {children!r}, "then": "sleep"}}
        job = Job(TrialSpec(family, number, params), fold=0, seed=0)
        worker.connection.send(Start((job,)))
    nursery = getattr(launcher, "_nursery", None)
    print(*pids, nursery.pid if nursery else pids[0], flush=True)
    time.sleep(300)
"""


@pytest.mark.parametrize("launcher_name", ["ForkLauncher", "SpawnLauncher"])
def test_a_killed_controller_leaves_no_process_and_its_script_ran_once(
    launcher_name, prepared, tmp_path, all_gone
):
    script, children = tmp_path / "script.py", tmp_path / "children"
    script.write_text(
        textwrap.dedent(CONTROLLER).format(
            launcher=launcher_name,
            setup=prepared,
            children=str(children),
            started=str(tmp_path / "started"),
        )
    )
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    controller = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    with controller:
        pids = [int(p) for p in controller.stdout.readline().split()]
        left = wait_for(
            lambda: (
                children.exists() and children.stat().st_size and json.loads(children.read_text())
            )
        )
        controller.kill()
    assert len(pids) == 3
    own_session = left.pop()
    all_gone([*pids, *left])
    if launcher_name == "ForkLauncher":
        all_gone([own_session])
    else:  # what is beyond a plain process group only the nursery finds
        os.kill(own_session, signal.SIGKILL)
    assert (tmp_path / "started").read_text() == "x"


def test_what_the_nursery_has_imported_no_forked_worker_imports(prepared, tmp_path, monkeypatch):
    notes = tmp_path / "notes"
    code = f"import os\nwith open({str(notes)!r}, 'a') as file: print(os.getpid(), file=file)\n"
    (tmp_path / "noted.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    launcher = ForkLauncher()
    try:
        launcher.preload(["noted"])
        setup = replace(prepared, modules=("noted", *prepared.modules))
        pids = [receive(start(launcher, setup)).pid for _ in range(2)]
        assert notes.read_text().split() == [str(parent_of(pids[0]))]
    finally:
        launcher.close()


def test_a_worker_waits_only_for_the_modules_that_it_needs(prepared, tmp_path, monkeypatch):
    notes = tmp_path / "notes"
    write_waiting(tmp_path / "being_imported.py", "")
    for name in ("needed_late", "needed_now"):
        code = f"with open({str(notes)!r}, 'a') as file: print({name!r}, file=file)\n"
        (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    launcher = ForkLauncher()
    try:
        launcher.preload(["being_imported", "needed_late", "needed_now"])
        worker = launcher.launch({}, ["needed_now"])
        (tmp_path / "go").touch()
        worker.connection.send(prepared)
        assert isinstance(receive(worker), Ready)
        launcher.refresh()
        assert "needed_now" in worker.modules
        assert "needed_late" not in worker.modules
        wait_for(lambda: notes.read_text().split() == ["needed_now", "needed_late"])
    finally:
        launcher.close()


def test_a_controller_that_does_not_listen_does_not_stop_the_nursery(nursery_launcher, prepared):
    for _ in range(150):
        worker = nursery_launcher.launch({})
        worker.connection.close()
    assert isinstance(receive(start(nursery_launcher, prepared)), Ready)
