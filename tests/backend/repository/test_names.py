"""How objects are called: what is written can be read, and nothing else is taken for ours."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from backend.host.layout import Layout
from backend.repository.names import (
    FORGOTTEN,
    MANIFEST,
    PAYLOAD,
    PREFIX,
    CopyName,
    ObjectKey,
    host_of,
    parse_copy_name,
    parse_key,
)
from backend.repository.object_store import demand_key
from tests.support.builders import World

HEX = "0123456789abcdef"
NAMES = st.builds(
    CopyName,
    st.from_regex(r"[a-z0-9][a-z0-9.-]{0,62}-[0-9a-f]{8}", fullmatch=True),
    st.integers(0, 253402300799),
    st.integers(1, 10**18),
    st.text(HEX, min_size=32, max_size=32),
    st.text(HEX, min_size=8, max_size=8),
)
KEYS = st.builds(ObjectKey, NAMES, st.sampled_from([PAYLOAD, MANIFEST, FORGOTTEN]), st.booleans())


@given(KEYS)
def test_keys_come_back_as_they_were_and_are_harmless(key: ObjectKey) -> None:
    assert parse_key(str(key)) == key
    assert demand_key(str(key)) == str(key)


@given(KEYS, st.integers(0, 200), st.characters(codec="ascii"))
def test_changed_keys_are_other_keys_or_none(key: ObjectKey, at: int, sign: str) -> None:
    text = str(key)
    changed = text[:at] + sign + text[at + 1 :]
    parsed = parse_key(changed)
    assert parsed is None or str(parsed) == changed


@given(st.text(max_size=120))
def test_names_of_others_are_none_of_ours(text: str) -> None:
    name = parse_copy_name(text)
    assert name is None or str(name) == text
    key = parse_key(PREFIX + text)
    assert key is None or str(key) == PREFIX + text


def test_machine_is_known_by_its_name_and_its_id(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    layout, state = Layout(str(world.root)), str(tmp_path / "state")
    etc = world.root / "etc"
    etc.mkdir(parents=True, exist_ok=True)
    nameless = host_of(layout, state)
    assert nameless == host_of(layout, state)
    assert nameless.startswith("machine-")
    (etc / "hostname").write_text("Web 1.Example ORG\n")
    (etc / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    named = host_of(layout, state)
    assert named.rpartition("-")[0] == "web"
    assert named != host_of(layout, str(tmp_path / "other")).replace("web", "db")
    (etc / "machine-id").write_text("1123456789abcdef0123456789abcdef\n")
    assert host_of(layout, state) != named
