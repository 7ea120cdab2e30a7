"""One machine, or another root: its layout, accounts, snapd's state, what the login manager does.

Only reads. Whatever is damaged in snapd's files counts as absent, with a word about it.
"""

from typing import TYPE_CHECKING

from backend.lazy import lazy_names

if TYPE_CHECKING:
    from backend.host.layout import InstalledSnap, Layout
    from backend.host.logind import logout_warning
    from backend.host.state import version_of
else:
    __getattr__ = lazy_names(__name__)
