import json
import os
import pwd
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import InvalidInputError, NotFoundError
from backend.host.accounts import MachineAccounts, PasswdFile, reach
from backend.host.layout import Layout, UnsavedData
from backend.model import Epoch, Revision, User

PASSWD = """\
root:x:0:0:root:/root:/bin/bash
# a comment:x:1:1::/home/x:
daemon:x:1:1::/:/usr/sbin/nologin
short:x:5
ada:x:1000:1000:Ada:/home/ada/:/bin/sh
+nis:x:9:9::/home/nis:
-minus:x:9:9::/home/minus:
bad:x:minus:1::/home/bad:
all:x:4294967295:1::/home/all:
far:x:1003:1003::/../../home/../home/far:/bin/sh
ada:x:1009:1009::/home/twin:/bin/sh
../up:x:1010:1010::/home/up:/bin/sh
bob@corp:x:1001:1001::/srv/bob:/bin/sh
nul:x:1011:1011::/home/\0nul:/bin/sh
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/passwd").write_text(PASSWD)
    return root


def layout_of(root: Path, **more: Any) -> Layout:
    return Layout(str(root), **more)


def remember(root: Path, **data: object) -> None:
    folder = root / "var/lib/snapd"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "state.json").write_text(json.dumps({"data": data}))


def known_snap(revision: str, **more: object) -> dict[str, object]:
    return {"sequence": [{"snap-id": "i" * 32, "revision": revision}], "current": revision, **more}


def mount(root: Path, name: str, revision: str, description: str | None, at: str = "snap") -> Path:
    folder = root / at / name
    (folder / revision / "meta").mkdir(parents=True)
    os.symlink(revision, folder / "current")
    if description is not None:
        (folder / revision / "meta/snap.yaml").write_text(description)
    return folder / revision


def test_places_lie_where_snapd_has_them(root: Path) -> None:
    layout = Layout(f"{root}/.//")
    assert (layout.root, layout.is_machine) == (str(root), False)
    assert layout.snapshots == f"{root}/var/lib/snapd/snapshots"
    assert layout.state_file == f"{root}/var/lib/snapd/state.json"
    assert layout.socket == f"{root}/run/snapd.socket"
    assert layout.own_state == f"{root}/var/lib/snapstow"
    assert layout.system_parent("hello_a") == f"{root}/var/snap/hello_a"


@pytest.mark.parametrize("spelled", ["/", "//", "/./usr/..", "/proc/self/root"])
def test_the_machine_is_itself_however_it_is_spelled(spelled: str) -> None:
    layout = Layout(spelled)
    assert (layout.root, layout.is_machine) == ("/", True)
    assert layout.snapshots == "/var/lib/snapd/snapshots"
    assert layout.system_parent("hello") == "/var/snap/hello"


def test_a_root_that_is_no_path_is_refused() -> None:
    for root in ("", "a\0b"):
        with pytest.raises(InvalidInputError, match="as a root"):
            Layout(root)


def test_links_lead_where_they_would_from_inside_the_root(root: Path) -> None:
    (root / "disk/snapd").mkdir(parents=True)
    (root / "var/lib").mkdir(parents=True)
    os.symlink("/disk/snapd", root / "var/lib/snapd")
    os.symlink("../../../../../../disk/snap", root / "var/snap")
    layout = layout_of(root)
    assert layout.snapshots == f"{root}/disk/snapd/snapshots"
    assert layout.system_parent("hello") == f"{root}/disk/snap/hello"


def test_a_loop_of_links_is_refused(root: Path) -> None:
    os.symlink("/var", root / "var")
    with pytest.raises(InvalidInputError, match="too many symbolic links"):
        layout_of(root)


@given(
    path=st.text("ab./", max_size=12),
    links=st.dictionaries(st.sampled_from("ab"), st.text("ab./", min_size=1)),
)
def test_no_path_leads_out_of_the_root(
    tmp_path_factory: pytest.TempPathFactory, path: str, links: dict[str, str]
) -> None:
    root = tmp_path_factory.mktemp("reach") / "r"
    root.mkdir()
    for name, target in links.items():
        os.symlink(target, root / name)
    try:
        reached = reach(str(root), path)
    except InvalidInputError:
        return
    assert reached == str(root) or reached.startswith(f"{root}/")
    assert ".." not in reached.split("/")
    assert reach(str(root), reached.removeprefix(str(root))) == reached


@pytest.mark.parametrize("name", ["../../etc", "", "a/b", "UP", "a\0"])
def test_nothing_but_a_snap_has_data(root: Path, name: str) -> None:
    layout = layout_of(root)
    with pytest.raises(InvalidInputError, match="invalid snap name"):
        layout.system_parent(name)
    with pytest.raises(InvalidInputError, match="invalid snap name"):
        layout.user_parent(User("ada", 1, 1, f"{root}/home/ada"), name)
    assert layout.installed(name) is None


def test_user_data_move_when_the_snap_is_migrated(root: Path) -> None:
    remember(root, snaps={"moved": known_snap("1", **{"migrated-hidden": True})})
    ada = User("ada", 1000, 1000, f"{root}/home/ada")
    layout = layout_of(root)
    assert layout.user_parent(ada, "hello") == f"{root}/home/ada/snap/hello"
    assert layout.user_parent(ada, "moved") == f"{root}/home/ada/.snap/data/moved"
    migrated = layout_of(root, hidden={"hello"}.__contains__)
    assert migrated.user_parent(ada, "hello") == f"{root}/home/ada/.snap/data/hello"


@pytest.mark.parametrize("home", ["", "/", "/var", "/var/lib/snapd"])
def test_the_systems_snaps_are_nobodys_data(root: Path, home: str) -> None:
    odd = User("daemon", 1, 1, f"{root}{home}")
    with pytest.raises(InvalidInputError, match="the system's own"):
        layout_of(root).user_parent(odd, "hello")
    with pytest.raises(InvalidInputError, match="the system's own"):
        Layout("/", hidden=lambda _snap: False).user_parent(odd._replace(home=home or "/"), "hello")


def test_a_passwd_file_is_read_for_what_is_sound_in_it(root: Path) -> None:
    accounts = PasswdFile(str(root))
    assert list(accounts.everyone()) == [
        User("root", 0, 0, f"{root}/root"),
        User("daemon", 1, 1, str(root)),
        User("ada", 1000, 1000, f"{root}/home/ada"),
        User("far", 1003, 1003, f"{root}/home/far"),
        User("bob@corp", 1001, 1001, f"{root}/srv/bob"),
    ]
    assert accounts.by_uid(1000) == accounts.by_name("ada")
    assert accounts.by_uid(1009) is accounts.by_name("nobody") is None


@given(raw=st.binary() | st.text(":/.x0123\n").map(str.encode))
def test_any_bytes_are_some_accounts(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    root = tmp_path_factory.getbasetemp()
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/passwd").write_bytes(raw)
    for user in PasswdFile(str(root)).everyone():
        assert user.home == str(root) or user.home.startswith(f"{root}/")
        assert "/" not in user.name


def test_without_a_passwd_file_nobody_is_known(tmp_path: Path) -> None:
    (tmp_path / "home/ada/snap").mkdir(parents=True)
    layout = layout_of(tmp_path)
    assert layout.users_with_data() == (
        [],
        [UnsavedData(f"{tmp_path}/home/ada/snap", "they belong to no known user")],
    )
    with pytest.raises(NotFoundError, match=r"^user: unknown user root$"):
        layout.find_users(["root"])


def test_the_machines_accounts_are_those_of_its_own_database() -> None:
    accounts = MachineAccounts()
    entry = pwd.getpwuid(0)
    assert (
        accounts.by_uid(0) == accounts.by_name(entry.pw_name) == User(entry.pw_name, 0, entry.pw_gid, "/root")
    )
    assert [accounts.by_name(name) for name in ("no such", "a\0b", "\ud800", "")] == [None] * 4
    assert [accounts.by_uid(uid) for uid in (2**32 - 2, 2**70)] == [None] * 2
    assert accounts.by_uid(0) in list(accounts.everyone())


def test_users_are_found_by_name_or_number_in_order_and_once(root: Path) -> None:
    layout = layout_of(root)
    users = layout.find_users(["bob@corp", "1000", "ada", "0", "bob@corp"])
    assert [user.name for user in users] == ["bob@corp", "ada", "root"]
    assert layout.find_users([]) == []


@pytest.mark.parametrize("name", ["nosuch", "", "9999", "-1", "٣", "4294967295", "../up", "9" * 5000])
def test_an_unknown_user_is_named(root: Path, name: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        layout_of(root).find_users(["ada", name])
    assert str(caught.value) == f"user: unknown user {name}"


def test_elsewhere_data_belong_to_the_account_whose_home_holds_them(root: Path) -> None:
    remember(root, config={"core": {"homedirs": "/homes"}})
    with (root / "etc/passwd").open("a") as passwd:
        passwd.write("zoe:x:7:7::/homes/zoe:\nlinked:x:8:8::/home/linked:\nidle:x:9:9::/home/idle:\n")
    for place in ("homes/zoe/snap", "home/ada/.snap/data", "home/ada/snap", "srv/bob/snap", "home/gone/snap"):
        (root / place).mkdir(parents=True)
    (root / "home/idle").mkdir()
    (root / "home/far/.snap").mkdir(parents=True)
    (root / "home/far/snap").touch()
    (root / "data/linked/snap").mkdir(parents=True)
    (root / "snap").mkdir()
    os.symlink("/data/linked", root / "home/linked")
    os.symlink("loop", root / "home/loop")
    users, unsaved = layout_of(root).users_with_data()
    assert [user.name for user in users] == ["root", "zoe", "ada", "linked", "bob@corp"]
    assert [data.path for data in unsaved] == [f"{root}/home/gone/snap"]


def test_a_home_of_two_accounts_is_that_of_the_first(root: Path) -> None:
    (root / "etc/passwd").write_text("root:x:0:0::/root:\nada:x:7:7::/home/a:\neve:x:8:8::/home/a:\n")
    (root / "home/a/snap").mkdir(parents=True)
    assert [user.name for user in layout_of(root).users_with_data()[0]] == ["root", "ada"]


def test_root_is_first_even_without_data_and_whatever_its_id_elsewhere(root: Path) -> None:
    (root / "etc/passwd").write_text("ada:x:1000:1000::/home/ada:\nroot:x:1000:1000::/root:\n")
    (root / "home/ada/snap").mkdir(parents=True)
    users, unsaved = layout_of(root).users_with_data()
    assert ([user.name for user in users], unsaved) == (["root", "ada"], [])


def test_a_user_may_link_the_data_elsewhere_in_the_root(root: Path) -> None:
    (root / "big/ada").mkdir(parents=True)
    (root / "home/ada").mkdir(parents=True)
    os.symlink("/big/ada", root / "home/ada/snap")
    users, unsaved = layout_of(root).users_with_data()
    assert ([user.name for user in users], unsaved) == (["root", "ada"], [])


class FewAccounts:
    """A handed-in look-up: only these."""

    def __init__(self, *users: User) -> None:
        self.users = users

    def by_name(self, name: str) -> User | None:
        return next((user for user in self.users if user.name == name), None)

    def by_uid(self, uid: int) -> User | None:
        return next((user for user in self.users if user.uid == uid), None)

    def everyone(self) -> Iterable[User]:
        return self.users


def test_on_the_machine_data_belong_to_their_owner(tmp_path: Path) -> None:
    me = User("me", os.getuid(), os.getgid(), str(tmp_path / "me"))
    other = User("other", 4_000_000, 4_000_000, str(tmp_path / "other"))
    for home in (me.home, other.home):
        Path(home, "snap").mkdir(parents=True)
    everyone = (me, other, *([] if me.uid == 0 else [User("root", 0, 0, "/root")]))
    users, unsaved = Layout("/", FewAccounts(*everyone)).users_with_data()
    assert [user.name for user in users] == (["me"] if me.uid == 0 else ["root", "me"])
    assert [data.path for data in unsaved if data.path.startswith(str(tmp_path))] == [f"{other.home}/snap"]


def test_on_the_machine_there_must_be_a_superuser() -> None:
    with pytest.raises(NotFoundError, match="unknown userid 0"):
        Layout("/", FewAccounts()).users_with_data()


def test_handed_in_accounts_replace_the_file(root: Path) -> None:
    eve = User("eve", 5, 5, f"{root}/cave")
    (root / "cave/snap").mkdir(parents=True)
    layout = layout_of(root, users=FewAccounts(eve))
    assert layout.find_users(["5"]) == [eve]
    assert layout.users_with_data() == ([eve], [])


def test_an_installed_snap_is_described_by_its_link_and_yaml(root: Path) -> None:
    folder = mount(root, "hello", "x1", "name: hello\nversion: 1.10\nepoch: 1*\n")
    installed = layout_of(root).installed("hello")
    assert installed is not None
    assert installed == (
        "hello",
        Revision(-1),
        "1.10",
        Epoch((0, 1), (1,)),
        "",
        f"{folder}/meta/snapshots.yaml",
        True,
        True,
    )
    assert (installed.active, installed.described) == (True, True)


def test_the_state_knows_better_than_the_link(root: Path) -> None:
    mount(root, "hello", "1", "version: old")
    (root / "snap/hello/2/meta").mkdir(parents=True)
    (root / "snap/hello/2/meta/snap.yaml").write_text("version: new")
    remember(root, snaps={"hello": known_snap("2")})
    installed = layout_of(root).installed("hello")
    assert installed is not None
    assert (installed.revision, installed.version, installed.snap_id) == (Revision(2), "new", "i" * 32)
    assert not installed.active


def test_a_snap_whose_files_cannot_be_seen_is_installed_all_the_same(root: Path) -> None:
    remember(root, snaps={"hello": known_snap("2", active=True)})
    layout = layout_of(root)
    installed = layout.installed("hello")
    assert installed is not None
    assert (installed.revision, installed.version, installed.active) == (Revision(2), "", True)
    assert not installed.described
    assert layout.installed_names() == ["hello"]


def test_the_other_mount_directory_and_a_link_to_it_are_known(root: Path) -> None:
    folder = mount(root, "hello", "3", "version: '3'", at="var/lib/snapd/snap")
    alone = layout_of(root).installed("hello")
    os.symlink("/var/lib/snapd/snap", root / "snap")
    linked = layout_of(root)
    assert linked.installed("hello") == alone
    assert linked.installed_names() == ["hello"]
    assert alone is not None
    assert alone.exclude_manifest == f"{folder}/meta/snapshots.yaml"


def test_entries_that_are_no_installed_snap_are_passed_over(root: Path) -> None:
    mount(root, "good", "1", None)
    mount(root, "Bad", "1", None)
    (root / "snap/bin").mkdir()
    (root / "snap/README").touch()
    for name, target in (("loop", "current"), ("odd", "../../etc"), ("zero", "0"), ("long", "9" * 200)):
        (root / "snap" / name).mkdir()
        os.symlink(target, root / "snap" / name / "current")
    layout = layout_of(root)
    assert layout.installed_names() == ["good"]
    assert [layout.installed(name) for name in ("bin", "loop", "odd", "zero", "long", "Bad")] == [None] * 6


def test_a_damaged_description_is_refused_but_the_revision_known(root: Path) -> None:
    folder = mount(root, "hello", "1", "version: ../../up")
    layout = layout_of(root)
    with pytest.raises(InvalidInputError, match=f"{folder}/meta/snap.yaml"):
        layout.installed("hello")
    assert layout.revision("hello") == Revision(1)


def test_the_state_is_read_when_asked_for_and_again_when_it_is_another(root: Path) -> None:
    layout = layout_of(root)
    remember(root, snaps={"hello": known_snap("2")})
    before = layout.state
    assert before.snaps() == ["hello"]
    assert layout.state is before
    remember(root, snaps={})
    assert layout.state.snaps() == []
