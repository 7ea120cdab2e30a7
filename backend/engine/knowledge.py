"""What is known here of copies without asking anybody."""

from collections import Counter

from backend.engine.protocol import Engine
from backend.errors import SnapshotError
from backend.repository import Copy, kept_copies


def known_copies(engine: Engine) -> dict[str, list[Copy]]:
    """Return the copies in each configured repository as they were last listed from here, the newest first.

    Nothing where the configuration cannot be understood: whatever needs it says so.
    """
    try:
        repositories = engine.config.repositories
    except SnapshotError:
        return {}
    return {name: kept_copies(config, engine.state_dir) for name, config in sorted(repositories.items())}


def verified_copies(engine: Engine) -> Counter[str]:
    """Count the copies of each set that were read back from here and are sound, by the digest of the set."""
    every = (copy for copies in known_copies(engine).values() for copy in copies)
    return Counter(copy.name.digest for copy in every if copy.is_verified)
