"""The systems that are compared, and the interpreters that run them."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import ROOT

__all__ = ["DEFAULT_SYSTEMS", "FLOOR", "OURS", "THREADS", "System", "find_systems"]

OURS = "automl"
FLOOR = "floor"
DEFAULT_SYSTEMS = (
    OURS,
    "autogluon:best_quality",
    "autogluon:medium_quality",
    "flaml",
    "h2o",
    "lightautoml",
    FLOOR,
)
ADAPTERS = ROOT / "benchmarks" / "peers"
MODULES = {FLOOR: "lightgbm"}
"""What an interpreter must be able to import; by default what has the name of the system."""

THREADS = (
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)


@dataclass(frozen=True, slots=True)
class System:
    """A system that can be run.

    Attributes:
        id: ``NAME`` or ``NAME:VARIANT``, as it is shown.
        adapter: Script that runs it.
        python: Interpreter that runs the script.
        tree: The checkout of ours that it runs, where it is ours.
    """

    id: str
    adapter: Path
    python: Path
    tree: Path = ROOT

    @property
    def variant(self) -> str:
        """A preset of the system; "" for its usual one."""
        return self.id.partition(":")[2]

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The command line. Adapters have the names of what they import, hence ``-P``."""
        return [str(self.python), "-P", str(self.adapter), *arguments, "--variant", self.variant]

    def environment(self, cores: int, scratch: Path) -> dict[str, str]:
        """The environment: threads for the cores, and temporary files where they are removed.

        Code is compiled once: installed systems are, and a checkout must not do it in its time.
        """
        paths = [str(self.tree)]
        if self.tree != ROOT:
            paths += [str(self.tree / name) for name in ("plugins", "conf")]
        if self.python == Path(sys.executable):  # the paths of ours are no business of others
            paths += [p for p in [os.environ.get("PYTHONPATH")] if p]
        ours = {name: v for name, v in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return {
            **ours,
            "PYTHONPATH": os.pathsep.join(paths),
            "TMPDIR": str(scratch),
            "RAY_TMPDIR": str(scratch),
            **dict.fromkeys(THREADS, str(cores)),
        }


def find_systems(
    ids: Sequence[str],
    pythons: Mapping[str, Path] | None = None,
    adapters: Mapping[str, Path] | None = None,
    peers_root: Path | None = None,
) -> tuple[list[System], dict[str, str]]:
    """Finds the interpreter of each system.

    Args:
        ids: ``NAME`` or ``NAME:VARIANT``.
        pythons: Interpreter by name; else ``NAME/bin/python`` under ``peers_root``, else this
            one, where it can import the system.
        adapters: Script by name, for systems that have none here.
        peers_root: Folder of virtual environments.

    Returns:
        The systems that can be run, and why the others cannot, by id.

    Raises:
        SystemExit: A name has no adapter, or an interpreter or adapter that was given is no file.
    """
    pythons, adapters = pythons or {}, adapters or {}
    for path in (*pythons.values(), *adapters.values()):
        if not path.is_file():
            raise SystemExit(f"{path} is no file")
    known = sorted({path.stem for path in ADAPTERS.glob("[!_]*.py")} - {"adapter"})
    found, missing = [], {}
    for one in ids:
        name = one.partition(":")[0]
        adapter = adapters.get(name, ADAPTERS / f"{name}.py")
        if name not in {*known, *adapters}:
            raise SystemExit(f"{name} has no adapter; there are {', '.join(known)}")
        python = pythons.get(name) or _python(name, name in adapters, peers_root)
        if python is None:
            where = f" or {peers_root / name / 'bin' / 'python'}" if peers_root else ""
            missing[one] = f"{sys.executable} has no {MODULES.get(name, name)}; give --peer{where}"
        else:
            found.append(System(one, adapter, python))
    return found, missing


def _python(name: str, is_foreign: bool, peers_root: Path | None) -> Path | None:
    if peers_root is not None and name != OURS:
        python = peers_root / name / "bin" / "python"
        if python.exists():
            return python.absolute()  # not resolved: a link is what makes it a virtual environment
    if is_foreign or importlib.util.find_spec(MODULES.get(name, name)) is not None:
        return Path(sys.executable)
    return None
