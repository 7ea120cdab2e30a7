"""What can be done at a place, and what the engine on files refuses while snapd runs.

Two owners of the same data would corrupt them.
"""

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from backend.host.layout import Layout
from backend.model import Action

_CHANGING = tuple(action for action in Action if not (action.only_reads or action.writes_elsewhere))
_DONE_BY_SNAPD = (Action.SAVE, Action.RESTORE, Action.FORGET, Action.IMPORT, Action.PULL)


class Availability(NamedTuple):
    """What can be done at a place, as of one look at the socket of its snapd.

    `refusals` says why the other actions cannot be done. `is_superseded` says that snapd has come or gone,
    so that another engine is the right one for the place.
    """

    refusals: Mapping[Action, str] = MappingProxyType({})
    is_superseded: bool = False

    def refusal(self, action: Action) -> str:
        """Say in one sentence why an action cannot be done; nothing where it can."""
        return self.refusals.get(action, "")


def state_refusals(fault: str) -> dict[Action, str]:
    """Refuse whatever changes data while our state cannot be kept, and say why (`fault`, or nothing)."""
    return {action: state_refusal(action.value, fault) for action in _CHANGING} if fault else {}


def state_refusal(action: str, fault: str) -> str:
    """Say that an action cannot be done while our state cannot be kept."""
    return f"cannot {action}: {fault}; what later runs need is kept there"


def services_refusal(verb: str, *, daemon_runs: bool) -> str:
    """Say that nobody here can stop services, and what would help."""
    way_out = "use --engine snapd" if daemon_runs else "no snapd runs here"
    return f"cannot {verb} with services stopped: only snapd stops and starts them; {way_out}"


def files_availability(layout: Layout, snapd_answers: Callable[[str], bool]) -> Availability:
    """Refuse whatever changes data while snapd runs for the root of a layout; looks at its socket once."""
    if not snapd_answers(layout.socket):
        return Availability()
    return Availability(
        {action: _conflict(layout.root, action) for action in _CHANGING},
        is_superseded=os.path.exists(layout.socket),
    )


def _conflict(root: str, action: Action) -> str:
    through_snapd = "use --engine snapd, or " if action in _DONE_BY_SNAPD else ""
    way_out = f"{through_snapd}stop snapd first"
    if action is Action.EXTRACT:
        way_out += ", or extract into another directory (--to)"
    return (
        f"cannot {action.value}: snapd is running for {root}, and two programs must not change its "
        f"snapshots at once; {way_out}"
    )
