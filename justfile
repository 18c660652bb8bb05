# Short names for everyday commands. `just --list` shows them.

venv := ".venv"
bin := venv / "bin"

# create a virtual environment with everything
install:
    python3 -m venv {{venv}}
    {{bin}}/pip install -c constraints.txt -e '.[all,dev]'

# fix and format the code
fix:
    {{bin}}/ruff check --fix
    {{bin}}/ruff format

# run the static checks
check:
    {{bin}}/ruff check
    {{bin}}/ruff format --check
    {{bin}}/mypy
    {{bin}}/lint-imports

# run the tests in two processes; `just test -m "not slow"` omits the slow ones
test *args:
    {{bin}}/pytest -n 2 --dist loadfile {{args}}

# test the guarantees of docs/battery.md; `just battery full` takes hours
battery n="fast" *args:
    AUTOML_BATTERY={{n}} {{bin}}/pytest tests/battery {{args}}

# compare automl with other systems: `just bench run --catalog PATH`, `just bench report`
bench *args:
    {{bin}}/python -m benchmarks.compare {{args}}

# measure the overhead of a trial
overhead *args:
    {{bin}}/python -m benchmarks.overhead {{args}}

# small errors put into the modules where numbers decide: the share that the tests notice
mutants *args:
    {{bin}}/python -m benchmarks.mutants {{args}}

# record the pictures of README
pictures:
    {{bin}}/python docs/images/record.py
