"""What is selected in an archive, by its headers or on its way to tar."""

import gzip
import io
import tarfile
from collections.abc import Sequence

import pytest

from backend.archive.tar import selection
from backend.archive.tar.selection import Selecting, Selection, clean, select_members
from backend.archive.tar.stream import DIRECTORY, TarFilter
from backend.archive.tar.vetting import ExtractionFilter
from backend.errors import IntegrityError, InvalidInputError
from backend.model import Revision
from backend.progress import Progress
from tests.support.builders import Tree, tgz

TREE: Tree = {"x1": {"a": "1"}, "common": {"d": "22", "e": {"f": "333"}}}


def linked(name: str, target: str) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = tarfile.LNKTYPE, target
    return made


def archive(*extra: tarfile.TarInfo) -> bytes:
    return gzip.decompress(tgz(TREE, extra=extra))


def by_headers(raw: bytes, *marks: bytes) -> Selection:
    return select_members(lambda: [raw], marks, Revision(-1), Progress())


def on_the_way(raw: bytes, *marks: bytes) -> tuple[Selecting, list[str], list[int]]:
    """What a judge takes of an archive that passes: the names that reach tar, and the bytes of each."""
    sizes: list[int] = []
    passed: list[memoryview] = []
    with ExtractionFilter(Revision(-1)) as vetter:
        judge = Selecting(vetter, marks, sizes.append)
        stream = TarFilter(judge, passed.append)
        stream.feed(raw)
        stream.close()
    with tarfile.open(fileobj=io.BytesIO(b"".join(passed))) as tar:
        return judge, tar.getnames(), sizes


@pytest.mark.parametrize("marks", [(b"",), (b"common/e",), (b"x1/a", b"common/d"), (b"common",)])
def test_both_ways_select_the_same(marks: Sequence[bytes]) -> None:
    judge, _, _ = on_the_way(archive(), *marks)
    assert judge.is_whole
    assert judge.selection() == by_headers(archive(), *marks)


def test_marked_members_come_with_the_directories_above() -> None:
    judge, names, sizes = on_the_way(archive(), b"common/e/f")
    assert names == ["common", "common/e", "common/e/f"]
    assert sum(sizes) == 3
    members = judge.selection().members
    assert {path: member.is_selected for path, member in members.items()} == {
        b"common": False,
        b"common/e": False,
        b"common/e/f": True,
    }
    assert members[b"common/e"].kind == DIRECTORY


def test_a_mark_that_nothing_has_is_missing() -> None:
    assert by_headers(archive(), b"common/nothing", b"x1").missing == (b"common/nothing",)


def test_a_link_to_what_is_marked_comes_along() -> None:
    judge, names, _ = on_the_way(archive(linked("common/h", "common/d")), b"common")
    assert judge.is_whole
    assert "common/h" in names
    assert judge.selection().members[b"common/h"].same_as == b"common/d"


def test_a_link_to_what_is_not_marked_waits_for_another_reading() -> None:
    raw = archive(linked("common/h", "common/d"))
    judge, names, _ = on_the_way(raw, b"common/h")
    assert not judge.is_whole
    assert "common/h" not in names
    assert by_headers(raw, b"common/h").needed([b"common/h"]) == {b"common/h", b"common/d"}


def test_a_link_to_nothing_is_refused() -> None:
    with pytest.raises(IntegrityError, match="hard link to what is not there"):
        by_headers(archive(linked("common/h", "common/nothing")), b"common/h")


def test_very_many_members_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "MOST", 3)
    with pytest.raises(InvalidInputError, match="more than 3 files and folders"):
        on_the_way(archive(), b"")


@pytest.mark.parametrize(("path", "cleaned"), [(b"a//./b/", b"a/b"), (b"./", b""), (b"a", b"a")])
def test_a_path_is_cleaned(path: bytes, cleaned: bytes) -> None:
    assert clean(path) == cleaned


@pytest.mark.parametrize("path", [b"/a", b"a/../b", b"..", b"a\0b"])
def test_a_path_that_leads_out_is_refused(path: bytes) -> None:
    with pytest.raises(InvalidInputError, match="leads out"):
        clean(path)
