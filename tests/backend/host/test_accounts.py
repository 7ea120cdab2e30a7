"""Who has an account below another root, and where paths lead there."""

import pwd
from pathlib import Path

import pytest

from backend.errors import InvalidInputError
from backend.host.accounts import MachineAccounts, PasswdFile, account_id, joined, reach
from backend.model import User


def passwd(root: Path, text: str) -> PasswdFile:
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/passwd").write_text(text)
    return PasswdFile(str(root))


def test_accounts_are_found_by_name_and_number(tmp_path: Path) -> None:
    accounts = passwd(tmp_path, "alice:x:1001:1002:Alice:/home/alice:/bin/sh\n")
    alice = User("alice", 1001, 1002, f"{tmp_path}/home/alice")
    assert accounts.by_name("alice") == accounts.by_uid(1001) == alice
    assert list(accounts.everyone()) == [alice]
    assert accounts.by_name("bob") is None
    assert accounts.by_uid(0) is None


@pytest.mark.parametrize(
    "line",
    [
        "short:x:1:1::/home/s",
        "#note:x:1:1::/home/s:/bin/sh",
        "+:x:1:1::/home/s:/bin/sh",
        "bad/name:x:1:1::/home/s:/bin/sh",
        "word:x:one:1::/home/s:/bin/sh",
        "none:x:4294967295:1::/home/s:/bin/sh",
        "long:x:12345678901:1::/home/s:/bin/sh",
    ],
)
def test_a_line_that_is_no_account_is_passed_over(tmp_path: Path, line: str) -> None:
    assert [user.name for user in passwd(tmp_path, f"{line}\nbob:x:2:2::/b:/s\n").everyone()] == ["bob"]


def test_of_two_with_one_name_the_first_counts(tmp_path: Path) -> None:
    accounts = passwd(tmp_path, "bob:x:1:1::/one:/s\nbob:x:2:2::/two:/s\n")
    assert [user.uid for user in accounts.everyone()] == [1]


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    accounts = passwd(tmp_path, "bob:x:1:1::/one:/s\n")
    assert accounts.by_name("carol") is None
    passwd(tmp_path, "carol:x:1:1::/one:/s\nmore:x:2:2::/two:/s\n")
    assert accounts.by_name("carol") is not None


def test_no_file_has_no_accounts(tmp_path: Path) -> None:
    assert list(PasswdFile(str(tmp_path)).everyone()) == []


def test_the_machines_accounts_are_those_of_the_system() -> None:
    root = MachineAccounts().by_uid(0)
    assert root == User("root", 0, pwd.getpwuid(0).pw_gid, pwd.getpwuid(0).pw_dir)
    assert MachineAccounts().by_name("no such user") is None
    assert MachineAccounts().by_uid(1 << 70) is None


def test_links_are_followed_inside_the_root_only(tmp_path: Path) -> None:
    (tmp_path / "home").symlink_to("/srv/homes")
    (tmp_path / "up").symlink_to("../../../etc")
    assert reach(str(tmp_path), "/home/alice") == f"{tmp_path}/srv/homes/alice"
    assert reach(str(tmp_path), "/up/passwd") == f"{tmp_path}/etc/passwd"
    assert reach(str(tmp_path), "/../../x") == f"{tmp_path}/x"
    assert reach("/", "/") == "/"


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InvalidInputError, match="too many symbolic links"):
        reach(str(tmp_path), "/loop/x")


def test_a_joined_path_never_climbs_out() -> None:
    assert joined("/root", "../../etc") == "/root/etc"
    assert joined("/", "//") == "/"


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("4294967294", 4294967294), ("-1", None), ("٣", None)]
)
def test_a_number_of_an_account_has_plain_digits(text: str, number: int | None) -> None:
    assert account_id(text) == number
