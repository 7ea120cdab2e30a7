"""What rules keep and let go, with the reasons, and what no rules and no clock can let go."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from backend import RetentionRules
from backend.config import RetentionConfig
from backend.policy import NO_RULES, Candidate, Decision, decide

DAY = 24 * 3600
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC).timestamp()
SNAPS = ("nextcloud", "keepass", "firefox")


def a_set(number: int, days_ago: float, *snaps: str, **facts: Any) -> Candidate:
    return Candidate(f"#{number}", snaps or ("nextcloud",), NOW - days_ago * DAY, 10, **facts)


def rules(**counts: int) -> RetentionConfig:
    return RetentionConfig(RetentionRules(**counts))


def judged(candidates: list[Candidate], retention: RetentionConfig, **options: Any) -> dict[str, Decision]:
    decisions = decide(candidates, retention, NOW, zone=UTC, **options)
    assert [decision.candidate for decision in decisions] == candidates
    return {decision.candidate.id: decision for decision in decisions}


def gone(decisions: dict[str, Decision]) -> list[str]:
    return [number for number, decision in decisions.items() if not decision.kept]


def test_last_sets_are_kept_and_those_before_them_go_with_the_number_of_newer_ones() -> None:
    decisions = judged([a_set(1, 3), a_set(2, 2), a_set(3, 1)], rules(keep_last=2))
    assert gone(decisions) == ["#1"]
    assert decisions["#1"].reasons == ("no rule keeps it, 2 newer sets",)
    assert decisions["#2"].reasons == ("last 2 of 2",)
    assert decisions["#3"].reasons == ("last 1 of 2", "newest of nextcloud")


def test_periods_keep_the_newest_of_each_and_name_it() -> None:
    sets = [a_set(1, 40), a_set(2, 8), a_set(3, 7), a_set(4, 0.3), a_set(5, 0.2), a_set(6, 0.19)]
    decisions = judged(sets, rules(keep_hourly=1, keep_daily=2, keep_weekly=2, keep_monthly=2, keep_yearly=1))
    assert decisions["#6"].reasons[:3] == ("hourly 2026-12-01 07:00", "daily 2026-12-01", "weekly 2026-W49")
    assert decisions["#6"].reasons[3:] == ("monthly 2026-12", "yearly 2026", "newest of nextcloud")
    assert decisions["#3"].reasons == ("daily 2026-11-24", "weekly 2026-W48", "monthly 2026-11")
    assert gone(decisions) == ["#1", "#2", "#4", "#5"]


def test_span_counts_from_the_newest_set_so_that_a_clock_far_ahead_lets_nothing_go() -> None:
    sets = [a_set(1, 100), a_set(2, 89), a_set(3, 1)]
    ahead = [replace(each, time=each.time - 3650 * DAY) for each in sets]
    for candidates in (sets, ahead):
        decisions = judged(candidates, rules(keep_within=90 * DAY))
        assert gone(decisions) == ["#1"]
        assert decisions["#2"].reasons == ("within 90d of the newest of nextcloud",)


def test_clock_set_back_by_years_lets_nothing_go() -> None:
    sets = [a_set(number, 100 - 1000 - number) for number in range(20)]
    decisions = judged(sets, rules(keep_daily=1))
    assert gone(decisions) == []
    assert decisions["#3"].reasons == ("its time is in the future: counts as now",)


def test_set_of_the_future_takes_no_place_of_one_that_rules_keep() -> None:
    decisions = judged([a_set(1, 2), a_set(2, 1), a_set(3, -400)], rules(keep_last=1))
    assert gone(decisions) == ["#1"]


def test_days_are_those_of_the_zone() -> None:
    late, early = NOW - 12.5 * 3600, NOW - 11.5 * 3600  # 23:30 and 00:30 UTC
    sets = [Candidate("a", ("x",), late), Candidate("b", ("x",), early)]
    utc = decide(sets, rules(keep_daily=5), NOW, zone=UTC)
    east = decide(sets, rules(keep_daily=5), NOW, zone=timezone(timedelta(hours=2)))
    assert [decision.kept for decision in utc] == [True, True]
    assert [decision.kept for decision in east] == [False, True]


def test_set_of_several_snaps_stays_when_one_of_them_wants_it() -> None:
    sets = [a_set(1, 3, "keepass", "nextcloud"), a_set(2, 2), a_set(3, 1)]
    decisions = judged(sets, rules(keep_last=1))
    assert gone(decisions) == ["#2"]
    assert decisions["#1"].reasons == ("last 1 of 1", "the only copy of keepass")


def test_snap_with_rules_of_its_own_goes_by_them_alone() -> None:
    sets = [a_set(1, 3, "keepass"), a_set(2, 2, "keepass"), a_set(3, 3), a_set(4, 2)]
    special = RetentionConfig(RetentionRules(keep_last=1), {"keepass": RetentionRules(keep_last=2)})
    assert gone(judged(sets, special)) == ["#3"]
    without = RetentionConfig(RetentionRules(), {"keepass": RetentionRules(keep_last=1)})
    decisions = judged(sets, without)
    assert gone(decisions) == ["#1"]
    assert decisions["#3"].reasons == ("no rule for nextcloud",)


def test_without_rules_nothing_goes() -> None:
    decisions = judged([a_set(1, 900), a_set(2, 1)], RetentionConfig())
    assert [decision.reasons for decision in decisions.values()] == [(NO_RULES,)] * 2


def test_pinned_automatic_and_newest_verified_sets_stay_with_the_reason() -> None:
    sets = [
        a_set(1, 9, pinned=True, note="before 31"),
        a_set(2, 8, automatic=True),
        a_set(3, 7, verified=frozenset(["nextcloud"])),
        a_set(4, 6, verified=frozenset(["nextcloud"])),
        a_set(5, 5, pinned=True),
        a_set(6, 4),
    ]
    decisions = judged(sets, rules(keep_last=1))
    assert gone(decisions) == ["#3"]
    assert decisions["#1"].reasons == ("pinned: before 31",)
    assert decisions["#2"].reasons == ("automatic: snapd's own rules",)
    assert decisions["#4"].reasons == ("newest verified of nextcloud",)
    assert decisions["#5"].reasons == ("pinned",)


def test_automatic_set_takes_no_place_of_one_that_people_made() -> None:
    sets = [a_set(1, 2), a_set(2, 1, automatic=True, verified=frozenset(["nextcloud"]))]
    assert judged(sets, rules(keep_last=1))["#1"].reasons == ("last 1 of 1", "the only copy of nextcloud")


def test_broken_set_counts_for_no_rule_and_goes_only_where_a_verified_one_is() -> None:
    broken = a_set(2, 1, broken=frozenset(["nextcloud"]))
    decisions = judged([a_set(1, 2), broken], rules(keep_last=1))
    assert decisions["#1"].reasons == ("last 1 of 1", "the only copy of nextcloud")
    assert decisions["#2"].reasons == ("broken, but no other set of nextcloud is verified",)
    decisions = judged([a_set(1, 2, verified=frozenset(["nextcloud"])), broken], rules(keep_last=1))
    assert decisions["#2"] == (broken, False, ("broken, and there is a verified set",))


def test_set_of_which_nobody_knows_what_it_holds_stays() -> None:
    decisions = judged([replace(a_set(1, 9), snaps=()), a_set(2, 1)], rules(keep_last=1))
    assert decisions["#1"].reasons == ("what it holds is not known",)


def test_named_snaps_alone_are_pruned() -> None:
    sets = [a_set(1, 3), a_set(2, 3, "keepass"), a_set(3, 2, "keepass", "nextcloud"), a_set(4, 1, *SNAPS)]
    decisions = judged(sets, rules(keep_last=1), named=["nextcloud"])
    assert gone(decisions) == ["#1"]
    assert decisions["#2"].reasons == decisions["#3"].reasons == ("keepass is not named",)


def test_sets_of_two_hosts_say_nothing_of_each_other() -> None:
    sets = [replace(a_set(1, 2), host="web1"), replace(a_set(2, 1), host="web2")]
    assert gone(judged(sets, rules(keep_last=1))) == []


# -- whatever the sets and the rules

SETS = st.lists(
    st.builds(
        Candidate,
        id=st.just(""),
        snaps=st.sets(st.sampled_from(SNAPS), min_size=1).map(lambda snaps: tuple(sorted(snaps))),
        time=st.floats(NOW - 800 * DAY, NOW + 40 * DAY),
        size=st.integers(0, 1000),
        verified=st.frozensets(st.sampled_from(SNAPS)),
        broken=st.frozensets(st.sampled_from(SNAPS), max_size=1),
        pinned=st.booleans(),
        automatic=st.booleans(),
        copies=st.integers(0, 2),
        host=st.sampled_from(["", "web"]),
    ),
    max_size=25,
).map(lambda sets: [replace(each, id=f"#{number}") for number, each in enumerate(sets)])
COUNTS = st.integers(0, 4)
PERIODS = ("last", "hourly", "daily", "weekly", "monthly", "yearly")
RULES = st.builds(
    RetentionRules,
    keep_within=st.integers(0, 90 * DAY),
    **{f"keep_{period}": COUNTS for period in PERIODS},
)
CONFIGS = st.builds(RetentionConfig, RULES, st.dictionaries(st.sampled_from(SNAPS), RULES, max_size=2))
TIMES = st.sampled_from([NOW, NOW - 3000 * DAY, NOW + 3000 * DAY])


def kept_of(sets: list[Candidate], retention: RetentionConfig, now: float = NOW) -> set[str]:
    return {each.candidate.id for each in decide(sets, retention, now, zone=UTC) if each.kept}


@given(sets=SETS, retention=CONFIGS, now=TIMES)
def test_protected_sets_stay_whatever_the_rules_and_the_clock(
    sets: list[Candidate], retention: RetentionConfig, now: float
) -> None:
    kept = kept_of(sets, retention, now)
    made = [each for each in sets if not each.automatic]
    assert {each.id for each in sets if each.pinned or each.automatic} <= kept
    for host, snap in {(each.host, snap) for each in made for snap in each.snaps}:
        sound = [
            each for each in made if each.host == host and snap in each.snaps and snap not in each.broken
        ]
        newest = max(sound, key=lambda each: (each.time, each.id), default=None)
        assert newest is None or newest.id in kept
        verified = [each for each in sound if snap in each.verified]
        assert not verified or any(each.id in kept for each in verified)


@given(sets=SETS, retention=CONFIGS, now=TIMES)
def test_deciding_on_what_is_left_lets_nothing_more_go(
    sets: list[Candidate], retention: RetentionConfig, now: float
) -> None:
    kept = kept_of(sets, retention, now)
    left = [each for each in sets if each.id in kept]
    assert kept_of(left, retention, now) == kept


@given(sets=SETS, given_rules=RULES, more=RULES)
def test_more_rules_keep_more(
    sets: list[Candidate], given_rules: RetentionRules, more: RetentionRules
) -> None:
    both = {name: max(getattr(given_rules, name), getattr(more, name)) for name in vars(given_rules)}
    if not given_rules.is_empty:
        kept = kept_of(sets, RetentionConfig(given_rules))
        assert kept <= kept_of(sets, RetentionConfig(RetentionRules(**both)))


@given(sets=SETS, retention=CONFIGS)
@settings(max_examples=50)
def test_every_decision_has_a_reason(sets: list[Candidate], retention: RetentionConfig) -> None:
    assert all(decision.reasons for decision in decide(sets, retention, NOW))
