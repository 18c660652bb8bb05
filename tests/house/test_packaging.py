import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import PackageNotFoundError, requires

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

MAX_CORE_PACKAGES = 30  # beside ourselves


@pytest.fixture(scope="module")
def wheel(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=request.config.rootpath, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = folder.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        yield archive


def test_the_wheel_holds_all_three_packages_whole_and_nothing_else(wheel, root):
    packages = {"automl": root, "automl_plugins": root / "plugins", "automl_conf": root / "conf"}
    expected = {
        str(file.relative_to(folder))
        for package, folder in packages.items()
        for file in (folder / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == expected
    for name in ("automl/py.typed", "automl_plugins/py.typed", "automl_conf/config.yaml"):
        assert name in held


def test_the_wheel_announces_the_command_and_the_families(wheel, root):
    (name,) = [n for n in wheel.namelist() if n.endswith("entry_points.txt")]
    text = wheel.read(name).decode()
    assert "automl = automl.cli:main" in text
    held = set(wheel.namelist())
    for module in re.findall(r"= (automl_plugins\S*)", text):
        path = module.replace(".", "/")
        assert f"{path}.py" in held or f"{path}/__init__.py" in held, module


def test_the_core_install_is_small_and_has_no_torch(root):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found: set[str] = set()
    to_do = [Requirement(text) for text in project["dependencies"]]
    while to_do:
        need = to_do.pop()
        name = re.sub(r"[-_.]+", "-", need.name).lower()
        if name in found or (need.marker and not need.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        try:
            to_do += [Requirement(text) for text in requires(name) or ()]
        except PackageNotFoundError:
            pytest.fail(f"{name} is needed by the core and is not installed")
    assert "torch" not in found
    assert len(found) <= MAX_CORE_PACKAGES, sorted(found)


def test_optuna_is_allowed_up_to_the_version_that_is_tested(root):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (allowed,) = (r for r in map(Requirement, project["dependencies"]) if r.name == "optuna")
    pins = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    (pin,) = (Version(line.partition("==")[2]) for line in pins if line.startswith("optuna=="))
    assert pin in allowed.specifier
    assert Version(f"{pin.major}.{pin.minor + 1}") not in allowed.specifier
    assert Version(f"{pin.major}.{pin.minor}") in allowed.specifier


def test_every_dependency_has_an_exact_constraint(root):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    texts = [*project["dependencies"], *(text for extra in extras for text in extra)]
    needed = {Requirement(t).name.lower() for t in texts} - {project["name"]}
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.partition("==")[0].lower() for line in lines if not line.startswith("#")}
    assert needed <= pinned
    assert all(re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line) for line in lines)
