"""What is known here of copies without asking anybody."""

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
