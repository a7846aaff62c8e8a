"""The rate limit of one instance, by a clock that is set by hand."""

from __future__ import annotations

import pytest

from chalicelib.http.endpoint import RateLimit
from chalicelib.model.errors import ThrottledError


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def passed(limit: RateLimit, requests: int) -> int:
    """Send so many requests at once, and count those that get through."""
    through = 0
    for _ in range(requests):
        try:
            limit.check()
        except ThrottledError:
            continue
        through += 1
    return through


@pytest.mark.parametrize("per_second", [1, 5, 100])
def test_as_many_requests_as_are_allowed_get_through_at_once(clock, per_second):
    assert passed(RateLimit(per_second, clock=clock), per_second + 10) == per_second


def test_one_too_many_is_told_the_limit_and_when_to_come_again(clock):
    limit = RateLimit(3, clock=clock)
    passed(limit, 3)
    with pytest.raises(ThrottledError, match="More than 3 requests per second") as refusal:
        limit.check()
    assert refusal.value.status == 429
    assert refusal.value.retry_after == 1


def test_time_gives_room_in_proportion(clock):
    limit = RateLimit(10, clock=clock)
    passed(limit, 10)
    clock.now += 0.5
    assert passed(limit, 10) == 5


def test_room_for_less_than_one_request_is_kept_and_not_lost(clock):
    limit = RateLimit(1, clock=clock)
    passed(limit, 1)
    counts = []
    for _ in range(8):
        clock.now += 0.25
        counts.append(passed(limit, 1))
    assert counts == [0, 0, 0, 1, 0, 0, 0, 1]


def test_an_idle_hour_gives_no_more_room_than_a_second(clock):
    limit = RateLimit(4, clock=clock)
    clock.now += 3_600
    assert passed(limit, 100) == 4


def test_what_is_refused_costs_nothing(clock):
    limit = RateLimit(2, clock=clock)
    passed(limit, 1_000)
    clock.now += 1
    assert passed(limit, 1_000) == 2


def test_over_a_long_time_the_rate_holds(clock):
    limit = RateLimit(8, clock=clock)
    through = 0
    for _ in range(8 * 60 * 4):  # a minute, four times as fast as allowed
        through += passed(limit, 1)
        clock.now += 1 / 32
    assert 8 * 60 <= through <= 8 * 60 + 8
