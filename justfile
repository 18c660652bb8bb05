# Short names for what one does every day. `just --list` shows them.

venv := ".venv"
bin := venv / "bin"

# a virtual environment with everything
install:
    python3 -m venv {{venv}}
    {{bin}}/pip install -c constraints.txt -e '.[all,dev]'

# mend what can be mended by a program
fix:
    {{bin}}/ruff check --fix
    {{bin}}/ruff format

# all that reads the code without running it
check:
    {{bin}}/ruff check
    {{bin}}/ruff format --check
    {{bin}}/mypy
    {{bin}}/lint-imports

# the tests, in two processes; `just test -m "not slow"` leaves out the long ones
test *args:
    {{bin}}/pytest -n 2 --dist loadfile {{args}}

# the promises of docs/battery.md; `just battery full` shows them with the full N, in hours
battery n="fast" *args:
    AUTOML_BATTERY={{n}} {{bin}}/pytest tests/battery {{args}}

# us and other systems on a catalog of tables: `just bench run --catalog PATH`, `just bench report`
bench *args:
    {{bin}}/python -m benchmarks.compare {{args}}

# what a trial costs beside its fits
overhead *args:
    {{bin}}/python -m benchmarks.overhead {{args}}

# the pictures of README
pictures:
    {{bin}}/python docs/images/record.py
