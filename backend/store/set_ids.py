"""The largest set id that was ever used here, noted in our state folder: ids are never used again."""

from backend.fs import files

LARGEST_SANE_ID = 1 << 62


class NotedSetId:
    """The note of one state folder."""

    def __init__(self, state_dir: str) -> None:
        self._state_dir = state_dir
        self._path = f"{state_dir}/last-set-id"

    def read(self) -> int:
        """Return the id; 0 without a note."""
        try:
            return int(files.read_whole(self._path, 64).strip() or b"0")
        except (FileNotFoundError, ValueError):
            return 0

    def write(self, number: int) -> None:
        """Replace the note, whole."""
        from backend.fs.directories import make_directories

        make_directories(self._state_dir, 0o700)
        files.write_whole(self._path, b"%d\n" % number)

    def raise_to(self, number: int) -> None:
        """Replace the note where it is lower, and where there is room: to make some comes first."""
        try:
            if number > self.read():
                self.write(number)
        except OSError:
            pass

    def sweep(self) -> None:
        """Remove notes, of ids and of the clock, that were half written when their writer died."""
        files.sweep_half_written(self._state_dir, "last-set-id", "clock")
