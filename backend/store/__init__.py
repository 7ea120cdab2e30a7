"""The directory of snapshots: which files are in it, which belong together, what was verified when.

`Store` lists, publishes and removes; `VerificationLog` keeps the results of checks; both notice a file that
was put in the place of another. `Pins` tell which sets are not to go. `clean_up_abandoned_imports` removes
sets that were never whole.
"""

from typing import TYPE_CHECKING

from backend.lazy import lazy_names

if TYPE_CHECKING:
    from backend.store.leftovers import clean_up_abandoned_imports
    from backend.store.pins import Pin, Pins
    from backend.store.room import Room, room_of
    from backend.store.store import Store
    from backend.store.verifications import CheckState, CheckStatus, VerificationLog
else:
    __getattr__ = lazy_names(__name__)
