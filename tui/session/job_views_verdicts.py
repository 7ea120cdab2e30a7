"""What a check told in its job's result."""

from collections.abc import Mapping
from typing import Any


def verdicts_in(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The verdicts of a check in its job's result."""
    found = result.get("verdicts")
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def faults_in(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Those of them that found a fault."""
    return [one for one in verdicts_in(result) if one.get("fault")]
