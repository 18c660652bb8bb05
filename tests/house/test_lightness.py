import subprocess
import sys
import time

import pytest

HEAVY = "hydra joblib lightgbm omegaconf optuna pandas polars pyarrow rich scipy sklearn torch"
MAX_HELP_S = 0.5


def heavy_after(statement):
    code = f"import sys\n{statement}\nprint(*sorted(set(sys.modules) & set('{HEAVY}'.split())))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()


@pytest.mark.parametrize(
    "statement",
    [
        "import automl",
        "import automl.plugin",
        "import automl.cli",
        "import automl.config",
        "import automl.registry; automl.registry.load_registry()",
        "from automl.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
    ],
)
def test_no_heavy_library_is_imported_before_it_is_needed(statement):
    assert heavy_after(statement) == []


def test_help_answers_in_half_a_second():
    def once():
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "automl", "--help"], check=True, capture_output=True)
        return time.perf_counter() - started

    assert min(once() for _ in range(3)) < MAX_HELP_S
