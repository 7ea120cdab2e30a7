"""The first screen over the demo's world."""

import shutil
from pathlib import Path

import pytest

from backend import demo_root


def make_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        return demo_root()


def make_root(model: str, tmp_path: Path) -> str:
    """A demo of the test's own."""
    return shutil.copytree(model, str(tmp_path / "demo"), symlinks=True)
