"""What every step of a job is."""

from typing import Any, TypeAlias

FileId: TypeAlias = tuple[int, int]  # device and inode


class Step:
    """Something that a job is about to do, or has done."""

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        raise NotImplementedError
