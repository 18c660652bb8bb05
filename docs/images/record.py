"""Makes the pictures of README from a real run in a real terminal.

    python docs/images/record.py

Needs tmux. A search of the example runs in a terminal of 112 columns; what the screen shows half
way becomes ``searching.svg``, and what it shows at the end ``finished.svg``.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

__all__ = ["main"]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COLUMNS, LINES = 112, 34
TIME_S = 20
LIMIT_S = 120
COMMAND = (
    f"automl search examples/penguins.csv --target body_mass_g --time {TIME_S} --out runs/penguins"
)
SESSION = "automl-record"


def main() -> None:
    """Runs the search and writes both pictures."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "examples").symlink_to(ROOT / "examples")
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        script = f"PS1='$ ' PATH={path} exec bash --norc --noprofile -i"
        _tmux("new-session", "-d", "-x", str(COLUMNS), "-y", str(LINES), "-c", folder, script)
        try:
            _tmux("send-keys", "-t", SESSION, COMMAND, "Enter")
            time.sleep(0.6 * TIME_S)
            _write(_screen(), HERE / "searching.svg")
            _wait_for(place / "runs" / "penguins" / "leaderboard.csv")
            time.sleep(2.0)  # the last lines are printed after it
            _write(_screen(), HERE / "finished.svg")
        finally:
            _tmux("kill-session", "-t", SESSION)


def _tmux(verb: str, *arguments: str) -> str:
    command = ["tmux", "-L", SESSION, verb]
    if verb == "new-session":
        command += ["-s", SESSION]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def _screen() -> str:
    """What the terminal shows now, with its colours, without the empty lines below."""
    return _tmux("capture-pane", "-e", "-p", "-t", SESSION).rstrip("\n $")


def _wait_for(file: Path) -> None:
    started = time.monotonic()
    while not file.exists():
        if time.monotonic() - started > LIMIT_S:
            raise SystemExit(f"{file.name} did not come within {LIMIT_S} s")
        time.sleep(0.2)


def _write(screen: str, path: Path) -> None:
    from rich.console import Console
    from rich.terminal_theme import MONOKAI
    from rich.text import Text

    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(screen), soft_wrap=True)
    svg = console.export_svg(title="automl", theme=MONOKAI, unique_id=path.stem)
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.S)  # a picture loads nothing from afar
    lines = (line.rstrip() for line in svg.splitlines())
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
