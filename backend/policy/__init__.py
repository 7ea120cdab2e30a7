"""What to keep, and why: pure functions over values that describe sets here, or copies in a repository.

`decide` follows rules, `free` finds what is missed least; neither reads anything nor removes anything.
"""

from typing import TYPE_CHECKING

from backend.lazy import lazy_names

if TYPE_CHECKING:
    from backend.policy.candidates import Candidate, Decision
    from backend.policy.freeing import Freeing, free
    from backend.policy.retention import NO_RULES, decide
else:
    __getattr__ = lazy_names(__name__)
