"""A directory of files as a store, for the tests of it."""

from pathlib import Path

from backend.repository.directory_store import DirectoryStore


def make_top(tmp_path: Path) -> Path:
    """The directory; a fixture where it is made one."""
    top = tmp_path / "top"
    top.mkdir()
    return top


def make_store(top: Path) -> DirectoryStore:
    """The store in it; a fixture where it is made one."""
    return DirectoryStore(str(top))


def files_in(top: Path) -> list[Path]:
    """All that is below it and is no directory."""
    return sorted(path for path in top.rglob("*") if not path.is_dir() or path.is_symlink())
