"""Tries are counted, and the pauses after them grow, whether or not a try may have changed something."""

from lti_tool.domain.retries import FIRST_RETRY, LAST_RETRY, count_tries, retry_wait, unsent


def test_the_pause_grows_to_an_hour_and_is_spread() -> None:
    waits = [retry_wait(n, 0.5) for n in range(1, 20)]
    assert waits[0] == FIRST_RETRY
    assert waits == sorted(waits)
    assert waits[-1] == LAST_RETRY
    assert retry_wait(1, 0.0) < waits[0] < retry_wait(1, 1.0)


def test_tries_that_sent_nothing_are_counted_beside_those_in_doubt() -> None:
    facts: dict[str, str] = {}
    in_doubt = 0
    for n, has_written in enumerate((False, False, True, False, True), 1):
        in_doubt += 1  # before the first call
        tries = count_tries(in_doubt, facts)
        assert tries == n
        in_doubt -= not has_written
        facts = {"host": "lms.example"} | unsent(tries, in_doubt)
    assert (in_doubt, count_tries(in_doubt, facts)) == (2, 5)
    assert unsent(2, 2) == {}
