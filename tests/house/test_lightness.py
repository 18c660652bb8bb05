import subprocess
import sys

import pytest

HEAVY = "hydra joblib lightgbm omegaconf optuna pandas polars pyarrow rich scipy sklearn torch"
MOST_HELP_MODULES = 120  # half of them are those of a bare interpreter


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


def test_help_imports_a_few_modules_and_none_of_what_is_installed_beside():
    command = [sys.executable, "-X", "importtime", "-m", "automl", "--help"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    loaded = [line.rpartition("|")[2].strip() for line in lines[1:]]
    assert 20 < len(loaded) < MOST_HELP_MODULES
    own = {name for name in loaded if name.partition(".")[0] == "automl"}
    assert own <= {
        "automl",
        "automl.cli",
        "automl.cli.app",
        "automl.errors",
        "automl.version",
        "automl.__main__",
    }
