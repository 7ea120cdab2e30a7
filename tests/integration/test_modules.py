"""Every module of ours can be loaded by itself, and Python has nothing against any of them."""

import pkgutil
import subprocess
import sys

import pytest

import backend
import tui
from tests.support import TOP

LOADING = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"


@pytest.mark.parametrize("package", [backend, tui], ids=lambda package: package.__name__)
def test_every_module_can_be_loaded(package: object) -> None:
    name, path = package.__name__, package.__path__  # type: ignore[attr-defined] # both are packages
    modules = [module.name for module in pkgutil.walk_packages(path, f"{name}.")]
    command = [sys.executable, "-W", "error", "-c", LOADING, *modules]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(modules) > 50
