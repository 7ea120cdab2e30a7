"""Metadata of any snapshot."""

from hypothesis import strategies as st

from backend.model import Epoch, Number, Revision, Snapshot

SUM = "e21035a6" * 12
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers().map(lambda n: Number(str(n)))
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=6,
)


snapshots = st.builds(
    Snapshot,
    set_id=st.integers(1, 2**63 - 1),
    time=st.sampled_from(["2026-11-22T09:09:36Z", "2026-11-22T09:09:36.185921212+01:00"]),
    snap=st.sampled_from(["hello", "inst_key"]),
    revision=st.integers(-(2**63) + 1, 2**63 - 1).filter(bool).map(Revision),
    snap_id=st.sampled_from(["", "abc"]),
    epoch=st.sampled_from([Epoch(), Epoch((1, 3), (3,))]),
    summary=st.text(st.characters(codec="utf-8")),
    version=st.sampled_from(["", "1.0"]),
    conf=st.none() | st.dictionaries(st.text(st.characters(codec="utf-8")), json_values, min_size=1),
    sums=st.dictionaries(st.sampled_from(["archive.tgz", "user/é.tgz"]), st.just(SUM), min_size=1),
    size=st.integers(0, 2**63 - 1),
    exclude=st.none() | st.lists(st.text(st.characters(codec="utf-8"))).map(tuple),
    broken=st.sampled_from(["", "it fell"]),
    auto=st.booleans(),
    path=st.just(""),
    hidden=st.just(False),
    warning=st.just(""),
)
