"""What surveys found, in sentences: what will fail, may fail, is not included, is harmless."""

from collections.abc import Iterable
from typing import NamedTuple

from backend import Aim, Concern, Outlook, Survey, concern
from tui.text import plain

_KEPT = ", kept as they are read"


class Met(NamedTuple):
    """One kind of concern about any number of snaps."""

    kind: str
    outlook: Outlook
    text: str
    found: tuple[tuple[Survey, Concern], ...] = ()


def name_of(aim: Aim) -> str:
    """Whose data, of which snap."""
    return f"{plain(aim.snap.name)} ({plain(aim.user.name)})" if aim.user else plain(aim.snap.name)


def met_in(surveys: Iterable[Survey], *, accept_changed: bool = False) -> list[Met]:
    """What is to be known of all of them, worst first; what is alike on one line."""
    alone: list[Met] = []
    alike: dict[str, list[tuple[Survey, Concern]]] = {}
    for found in surveys:
        for one in found.concerns:
            if one.examples:
                alike.setdefault(one.kind, []).append((found, one))
            else:
                alone.append(Met(one.kind, one.outlook, f"{name_of(found.aim)}: {plain(one.text)}"))
    for kind, pairs in alike.items():
        told = concern(kind, sum(one.number for _, one in pairs))
        is_accepted = kind == "changing" and accept_changed
        names = ", ".join(dict.fromkeys(name_of(found.aim) for found, _ in pairs))
        text = f"{told.text}{_KEPT if is_accepted else ''}: {names}"
        alone.append(Met(kind, Outlook.HARMLESS if is_accepted else told.outlook, text, tuple(pairs)))
    order = list(Outlook)
    return sorted(alone, key=lambda met: order.index(met.outlook))


def worst_of(surveys: Iterable[Survey], *, accept_changed: bool = False) -> Outlook:
    """How a save of all of them will fare."""
    return next((met.outlook for met in met_in(surveys, accept_changed=accept_changed)), Outlook.HARMLESS)
