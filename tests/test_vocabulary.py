"""Names that say nothing of the thing they stand for do not come back."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import TOP

# `found` and `told` say how something came here, not what it is; `words` are options, `own` is the state
# folder, `to` is a directory.
VAGUE = frozenset(("found", "one", "told", "said", "words", "own", "to"))
FILES = sorted(path for top in ("backend", "tui", "tests") for path in (TOP / top).rglob("*.py"))


def bound_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every variable, attribute and parameter that is given a value, and every function, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.MatchAs | ast.MatchStar | ast.ExceptHandler) and node.name:
            yield node.name, node.lineno


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TOP)))
def test_variables_are_named_after_the_thing(path: Path) -> None:
    vague = [
        f"line {line}: {name}" for name, line in bound_names(ast.parse(path.read_text())) if name in VAGUE
    ]
    assert vague == []
