"""Public names of a package, each loaded when it is first used, so that a listing starts at once."""

import sys
from collections.abc import Callable
from importlib import import_module


def lazy_names(package: str) -> Callable[[str], object]:
    """Make the `__getattr__` of a package that imports its public names below `if TYPE_CHECKING:`.

    That block is the one list of them: type checkers see imports, and at run time the names are looked up in
    it. What is returned raises AttributeError for any other name.
    """
    module_of: dict[str, str] = {}

    def load(name: str) -> object:
        """Import the name where it is first asked for."""
        if not module_of:
            module_of.update(_imports(package))
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(module_of[name]), name)

    return load


def public_names(package: str) -> list[str]:
    """The public names of a package that has such a block, in its order."""
    return list(_imports(package))


def _imports(package: str) -> dict[str, str]:
    """The module of each name, by the source of the package."""
    module = sys.modules[package]
    source: bytes = module.__loader__.get_data(module.__file__)  # type: ignore[union-attr] # every loader of ours
    block = source.decode().partition("\nif TYPE_CHECKING:\n")[2].partition("\nelse:\n")[0]
    statements = (text.partition(" import ") for text in block.split("from ")[1:])
    return {
        name: module_name
        for module_name, _, names in statements
        for name in names.replace(",", " ").strip("() \n").split()
    }
