"""No test asserts on a measured time: what passes on an idle machine must pass on a busy one.

A test counts work (calls, rows, rounds, looks) or hands in a clock. Waiting for a condition in a
``while`` loop, with a limit after which the test fails, is no measurement.
"""

import ast
import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("tests", "examples", "automl/testing")
MEASURES = {"busy_share", "trial_cost_ms"}  # of benchmarks
CLOCKS = {
    "getrusage",
    "monotonic",
    "monotonic_ns",
    "now",
    "perf_counter",
    "perf_counter_ns",
    "process_time",
    "thread_time",
    "time",
    "times",
    "utcnow",
}
OWNERS = {"datetime", "os", "psutil", "resource", "time"}
TIMED = re.compile(r"(_s|_ms|^seconds|^took|^elapsed)$", re.IGNORECASE)
ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)

FAKE = "its clock is moved by the test"
ESTIMATE = "the seconds are computed in advance, from sizes"
ALLOWED = {
    "tests/automl/tuning/loop/test_controller.py::test_a_trial_that_waits_is_told_of": FAKE,
    "tests/automl/tuning/loop/test_controller.py::test_the_time_ends_the_search_in_time": FAKE,
    "tests/automl/tuning/loop/test_dispatcher.py"
    "::test_a_job_carries_its_seed_and_its_limits": ESTIMATE,
    "tests/automl/tuning/lifecycle/test_resume.py::test_time_that_was_used_counts": FAKE,
    "tests/automl/tuning/propose/test_longer_fits.py"
    "::test_with_slow_fits_that_is_after_a_share_of_the_time_and_in_turn_with_new_params": FAKE,
    "tests/automl/tuning/propose/test_longer_fits.py"
    "::test_a_search_may_stop_once_it_gains_nothing": FAKE,
    "tests/automl/tuning/propose/test_longer_fits.py::test_otherwise_it_uses_its_time": FAKE,
    "tests/automl/test_objectives.py::test_a_limit_changes_the_predictor_and_is_kept": (
        "it compares what was measured with what is said of it, whichever it is"
    ),
    "tests/plugins/common/test_boosting.py::test_boosting_ends_before_the_time_does": FAKE,
    "tests/plugins/torch/text/test_sentences.py"
    "::test_what_a_fit_takes_grows_with_the_model_and_the_rows": ESTIMATE,
}
"""Tests that may compare seconds, and why."""


def functions(tree):
    """The functions of a module with the name of their test or method, nested ones in them."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    inner = {n for f in ast.walk(tree) if isinstance(f, kinds) for n in ast.walk(f) if n is not f}
    return [n for n in ast.walk(tree) if isinstance(n, kinds) and n not in inner]


def is_clock(node):
    """Whether a node asks a clock of the machine."""
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute):
        owner = node.func.value
        return node.func.attr in CLOCKS and isinstance(owner, ast.Name) and owner.id in OWNERS
    return isinstance(node.func, ast.Name) and node.func.id in CLOCKS - {"now", "times"}


class Function:
    """What a function measures: names of points in time, and of seconds.

    Args:
        node: Of the function.
        timers: Functions of the module that return seconds.
    """

    def __init__(self, node, timers=()):
        self.node, self.points, self.seconds = node, set(), {*timers, *MEASURES}
        size = -1
        while size < (size := len(self.points) + len(self.seconds)):
            for one in ast.walk(node):
                self._assign(one)

    def _assign(self, node):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
            if node.value is None:
                return
            if self.is_measured(node.value, beyond_calls=True):
                self.seconds |= names
            elif any(map(is_clock, ast.walk(node.value))):
                self.points |= names
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if node.func.attr == "append" and isinstance(owner, ast.Name):
                self.seconds |= {owner.id} & {owner.id for a in node.args if self.is_measured(a)}

    def is_measured(self, node, beyond_calls=False):
        """Whether an expression holds seconds that were measured, or a look at a clock."""
        for one in ast.walk(node):
            if isinstance(one, ast.Name) and one.id in self.seconds:
                return True
            if isinstance(one, ast.BinOp) and any(map(self._is_point, ast.walk(one))):
                return True
            if is_clock(one) and not beyond_calls:
                return True
        return False

    def _is_point(self, node):
        return is_clock(node) or (isinstance(node, ast.Name) and node.id in self.points)

    @property
    def is_timer(self):
        """Whether it returns seconds."""
        returns = [n for n in ast.walk(self.node) if isinstance(n, ast.Return) and n.value]
        return any(self.is_measured(r.value, beyond_calls=True) for r in returns)

    def offences(self):
        """Lines that assert on seconds, or that sleep in place of waiting for something."""
        waits = {
            n for loop in ast.walk(self.node) if isinstance(loop, ast.While) for n in loop.body
        }
        waiting = {n for statement in waits for n in ast.walk(statement)}
        for node in ast.walk(self.node):
            if isinstance(node, ast.Assert) and node not in waiting:
                if any(map(self._judges_time, compares(node.test))):
                    yield node.lineno
            elif is_sleep(node) and node not in waiting and self.node.name.startswith("test_"):
                yield node.lineno

    def _judges_time(self, compare):
        sides = [compare.left, *compare.comparators]
        near = any("approx" in ast.dump(s) and "'abs'" in ast.dump(s) for s in sides)
        if not near and not any(isinstance(o, ORDERS) for o in compare.ops):
            return False
        if len(sides) == 2 and any(isinstance(s, ast.Constant) and s.value == 0 for s in sides):
            return False  # it says whether something was timed at all
        if any(map(self.is_measured, sides)):
            return True
        return any(is_timed(one) for side in sides for one in ast.walk(side))


def is_timed(node):
    """Whether the name of a value says that it is a time."""
    if isinstance(node, ast.Subscript):
        node = node.slice
    name = getattr(node, "id", getattr(node, "attr", getattr(node, "value", "")))
    return isinstance(name, str) and bool(TIMED.search(name))


def is_sleep(node):
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "time.sleep"


def compares(test):
    return [node for node in ast.walk(test) if isinstance(node, ast.Compare)]


def offences(tree):
    """(function, line) of all that is wrong in a module."""
    found = functions(tree)
    nested = [f for one in found for f in ast.walk(one) if isinstance(f, ast.FunctionDef)]
    timers = {f.name for f in nested if Function(f).is_timer}
    return [(one.name, line) for one in found for line in Function(one, timers).offences()]


def test_no_test_asserts_on_a_measured_time():
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py"))]
    assert len(files) > 200
    found = [
        (f"{file.relative_to(ROOT).as_posix()}::{name}", line)
        for file in files
        for name, line in offences(ast.parse(file.read_text(encoding="utf-8")))
    ]
    wrong = [f"{name} (line {line})" for name, line in found if name not in ALLOWED]
    assert not wrong, "count work or hand in a clock instead: " + ", ".join(wrong)
    assert set(ALLOWED) == {name for name, _ in found}, "these are allowed and are not there"


MEASURED = {
    "a difference of two looks": """
        def test_a():
            begin = time.monotonic()
            work()
            assert 0.6 <= time.monotonic() - begin < 1.1
    """,
    "a name for it": """
        def test_a():
            begun = time.monotonic()
            took = time.monotonic() - begun
            assert took <= allowed(10)
    """,
    "a ratio": """
        def test_a():
            times = []
            for limit in (None, 0.2):
                start = time.process_time()
                times.append(time.process_time() - start)
            assert times[1] < times[0] / 2
    """,
    "the best of a few": """
        def test_a():
            def once():
                started = time.perf_counter()
                return time.perf_counter() - started

            assert min(once() for _ in range(3)) < MOST
    """,
    "a moment that must not have come": """
        def test_a():
            due = time.monotonic() + 2.0
            work()
            assert time.monotonic() < due
    """,
    "a distance from now": """
        def test_a():
            started = made()
            assert abs((datetime.now(UTC) - started).total_seconds()) < 10
    """,
    "nearly so many seconds": """
        def test_a():
            before = time.monotonic()
            assert context().deadline - before == pytest.approx(85.0, abs=5.0)
    """,
    "what a result says of its time": """
        def test_a():
            assert 20.0 <= run().predict_ms < 200.0
    """,
    "an entry of a result": """
        def test_a():
            assert result["wall_s"] < 20
    """,
    "what a benchmark measures": """
        def test_a():
            share, n_fits = busy_share(10, fit=0.2)
            assert share >= 0.5
    """,
    "in a class of tests": """
        class TestFamily:
            def test_a(self):
                started = time.monotonic()
                assert time.monotonic() - started < DEADLINE
    """,
    "a nap": """
        def test_a():
            time.sleep(0.3)
            assert is_over()
    """,
}
COUNTED = {
    "waiting for a condition": """
        def test_a():
            patience = time.monotonic() + 20.0
            while not is_over():
                assert time.monotonic() < patience
                time.sleep(0.05)
    """,
    "an order of moments": """
        def test_a():
            before = datetime.now(UTC)
            made = when()
            after = datetime.now(UTC)
            assert before <= made <= after
    """,
    "a clock of the test": """
        def test_a():
            clock = CountedClock(look_s=0.01)
            fit(clock=clock)
            assert 100 < clock.n_looks <= 200
    """,
    "that something was timed": """
        def test_a():
            assert result.encode_s > 0
    """,
    "seconds that are known": """
        def test_a():
            assert budget(20.0).time_left_s == 40.0
    """,
}


@pytest.mark.parametrize("code", MEASURED.values(), ids=MEASURED)
def test_a_test_of_seconds_is_refused(code):
    assert offences(ast.parse(textwrap.dedent(code)))


@pytest.mark.parametrize("code", COUNTED.values(), ids=COUNTED)
def test_a_test_of_work_is_not(code):
    assert not offences(ast.parse(textwrap.dedent(code)))
