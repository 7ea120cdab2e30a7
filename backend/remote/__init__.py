"""Other machines, reached by the user's own ssh: how they are, and why one cannot be reached."""

from typing import TYPE_CHECKING

from backend.lazy import lazy_names

if TYPE_CHECKING:
    from backend.remote.forwarding import forwarded_root
    from backend.remote.inventory import inventory_hosts
    from backend.remote.ssh import PROGRAM, Link, Way, demand_host, reason_of
    from backend.remote.survey import HostReport, survey_hosts
else:
    __getattr__ = lazy_names(__name__)
