import ast
import subprocess
import sys
import tomllib


def test_imports_point_one_way_and_families_use_the_public_door(root):
    code = "from importlinter.cli import lint_imports_command as run; run()"
    command = [sys.executable, "-c", code, "--no-cache"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_core_names_no_library_of_a_family(root, module, tree):
    if not module.is_relative_to(root / "automl"):
        return
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    families = set(project["entry-points"]["automl"])
    named = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert not families & named
