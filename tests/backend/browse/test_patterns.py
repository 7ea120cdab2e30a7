"""What a path has to match to be found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.browse import PathPattern

PATH = "common/Photos/IMG_2041.jpg"


MATCHING = "img IMG photos Photos common/ os/im *.jpg img* ?mg_* * photos/* Photos/*.jpg c*/*/* /photos/*.jpg"
OTHERS = "Img PHOTOS *.png mg* photos* common/* hotos/* Photos/img* x/c*/*/* photos?img* [i]mg*"


@pytest.mark.parametrize("text", [*MATCHING.split(), "jpg photos", "2041 *.jpg", "  img  "])
def test_patterns_match_the_path(text: str) -> None:
    assert PathPattern(text).matches(PATH)


@pytest.mark.parametrize("text", [*OTHERS.split(), "", "  ", "img nothing"])
def test_other_patterns_do_not(text: str) -> None:
    assert not PathPattern(text).matches(PATH)


def test_brackets_stand_for_themselves() -> None:
    assert PathPattern("[1]*").matches("common/[1].txt")
    assert PathPattern("[1]").matches("common/[1].txt")


def test_patterns_without_words_are_false() -> None:
    assert PathPattern("a")
    assert not PathPattern(" ")


@given(st.text(alphabet="ab/*?.[]", max_size=12), st.text(alphabet="ab/.", max_size=20))
def test_patterns_never_fail(text: str, path: str) -> None:
    assert PathPattern(text).matches(path) in (True, False)
