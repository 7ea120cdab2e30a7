"""What is proposed to be let go where room is needed."""

from hypothesis import given
from hypothesis import strategies as st

from backend.policy import Candidate, free
from tests.backend.policy.test_retention import DAY, NOW, SETS, a_set


def proposed(candidates: list[Candidate], wanted: int, *named: str) -> list[tuple[str, tuple[str, ...]]]:
    decisions = free(candidates, wanted, NOW, named=named).decisions
    return [(each.candidate.id, each.reasons) for each in decisions if not each.kept]


def test_copies_elsewhere_go_first_then_broken_then_old_ones() -> None:
    good = frozenset(["nextcloud"])
    sets = [
        a_set(1, 9),
        a_set(2, 8),
        a_set(3, 7, broken=good),
        a_set(4, 6, copies=2),
        a_set(5, 5, verified=good),
        a_set(6, 4),
    ]
    assert proposed(sets, 35) == [
        ("#4", ("2 verified elsewhere", "2 newer of nextcloud")),
        ("#3", ("broken",)),
        ("#1", ("4 newer of nextcloud",)),
        ("#2", ("3 newer of nextcloud",)),
    ]
    freeing = free(sets, 35, NOW)
    assert (freeing.freed, freeing.missing) == (40, 0)
    reasons = {each.candidate.id: each.reasons for each in freeing.decisions if each.kept}
    assert reasons == {"#5": ("newest verified of nextcloud",), "#6": ("newest of nextcloud",)}


def test_sets_that_one_larger_set_makes_needless_stay() -> None:
    large = Candidate("large", ("nextcloud",), NOW - 5 * DAY, 100)
    sets = [a_set(1, 9), a_set(2, 8), large, a_set(3, 1)]
    assert [number for number, _ in proposed(sets, 100)] == ["large"]


def test_shortfall_is_told() -> None:
    freeing = free([a_set(1, 9), a_set(2, 8)], 1000, NOW)
    assert (freeing.freed, freeing.missing) == (10, 990)


def test_only_set_of_a_snap_goes_when_the_snap_is_named_and_no_other() -> None:
    sets = [a_set(1, 9, "keepass"), a_set(2, 9), a_set(3, 8)]
    assert proposed(sets, 1000) == [("#2", ("1 newer of nextcloud",))]
    assert proposed(sets, 1000, "keepass") == [("#1", ("named",))]


def test_verified_set_stays_even_when_its_snap_is_named() -> None:
    assert proposed([a_set(1, 9, "keepass", verified=frozenset(["keepass"]))], 1000, "keepass") == []


@given(sets=SETS, wanted=st.integers(0, 5000))
def test_freeing_is_enough_and_nothing_of_it_is_needless_or_all_that_may_go(
    sets: list[Candidate], wanted: int
) -> None:
    freeing = free(sets, wanted, NOW)
    going = [each.candidate for each in freeing.decisions if not each.kept]
    assert freeing.freed == sum(each.size for each in going)
    assert not any(each.pinned or each.automatic for each in going)
    if freeing.missing:
        most = free(sets, 10**9, NOW)
        assert most.freed == freeing.freed
    else:
        assert all(freeing.freed - each.size < wanted for each in going)
