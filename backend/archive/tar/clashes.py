"""Members of one archive that tar could not unpack one after the other, and its longest name."""

from collections.abc import Iterator

from backend.archive.tar.stream import DIRECTORY, HARD_LINK, TarMember
from backend.errors import IntegrityError

_MOST = 200_000  # members that are remembered; later ones are not compared


class ClashSearch:
    """Meets the members in their order, and remembers the longest part of a name."""

    def __init__(self) -> None:
        self.longest = b""
        self._files: set[bytes] = set()
        self._holding: set[bytes] = {b""}

    def meet(self, member: TarMember) -> None:
        """Look at a member that will be unpacked; IntegrityError where tar could not."""
        path = _clean(member.name)
        folder, _, name = path.rpartition(b"/")
        if len(name) > len(self.longest):
            self.longest = name
        if len(self._files) + len(self._holding) > _MOST:
            return
        self._enter(folder, member)
        if member.kind == DIRECTORY:
            self._files.discard(path)
            return
        if path in self._holding:
            raise _refusal(member, "would replace a directory that is not empty")
        if member.kind == HARD_LINK and _clean(member.link) not in self._files:
            raise _refusal(member, "is a hard link to what is not there yet")
        self._files.add(path)

    def _enter(self, folder: bytes, member: TarMember) -> None:
        """Note that a directory, and those above it, hold something."""
        for place in _upwards(folder):
            if place in self._files:
                raise _refusal(member, "lies in what is not a directory")
            if place in self._holding:
                return
            self._holding.add(place)


def _upwards(folder: bytes) -> Iterator[bytes]:
    while folder:
        yield folder
        folder = folder.rpartition(b"/")[0]


def _clean(name: bytes) -> bytes:
    return b"/".join(part for part in name.split(b"/") if part not in (b"", b"."))


def _refusal(member: TarMember, why: str) -> IntegrityError:
    return IntegrityError(f'cannot unpack archive: member "{member.shown}" {why}')
