"""What all stories of the screens share."""

from collections.abc import Iterator
from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet


@pytest.fixture(scope="session", autouse=True)
def _one_style_sheet() -> Iterator[None]:
    """Every application has the same style sheets: each is parsed once for a theme."""
    parse, parsed = Stylesheet._parse_rules, dict[object, list[RuleSet]]()

    def known(sheet: Stylesheet, *sources: Any, **facts: Any) -> list[RuleSet]:
        key = (sources, *facts.items(), *sheet._variables.items())
        if key not in parsed:
            parsed[key] = parse(sheet, *sources, **facts)
        return parsed[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", known)
        yield
