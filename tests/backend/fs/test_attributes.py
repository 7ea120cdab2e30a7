import os
from pathlib import Path

from backend.fs.attributes import AttributeTally
from backend.fs.space import Measured, measure
from tests.support.builders import plant

NOTE = "user.note"


def tallied(top: Path) -> tuple[Measured, AttributeTally]:
    attributes = AttributeTally()
    return measure([str(top)], attributes=attributes), attributes


def test_each_of_several_directories_with_attributes_counts_once(tmp_path: Path) -> None:
    top = plant(tmp_path / "top", {"a": {"1": "x"}, "b": {"2": "x"}, "c": {}, "d": {"e": {}}})
    for name in ("a", "b", "c", "d/e"):
        os.setxattr(top / name, NOTE, b"1")
    measured, attributes = tallied(top)
    assert (measured.files, attributes.number) == (2, 4)
    assert sorted(attributes.examples)[0].startswith(str(top))


def test_files_without_any_right_count_where_their_directory_has_attributes(tmp_path: Path) -> None:
    top = plant(tmp_path / "top", {"f": "12345"})
    os.setxattr(top / "f", NOTE, b"1")
    (top / "f").chmod(0)
    assert tallied(top)[1].number == 0
    os.setxattr(top, NOTE, b"1")
    measured, attributes = tallied(top)
    assert (measured.apparent, measured.files, attributes.number) == (5, 1, 2)
