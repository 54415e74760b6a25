"""Histories made by hand, of which it is known whether they are linearizable."""

import random

import pytest

from linearizability import REFUSED, UNKNOWN, Request, check


def request(kind, begin, end=float("inf"), **rest):
    return Request("w", kind, begin, end, **rest)


def start(begin, end, entry="first", **rest):
    return request("start", begin, end, entry=entry, **rest)


def signal(entry, begin, end=float("inf"), **rest):
    return request("signal", begin, end, entry=entry, **rest)


def update(entry, begin, end, seen):
    return request("update", begin, end, entry=entry, seen=tuple(seen))


def query(begin, end, seen):
    return request("query", begin, end, seen=tuple(seen))


def describe(begin, end, is_running):
    return request("describe", begin, end, is_running=is_running)


def lost(entry, begin):
    return signal(entry, begin, outcome=UNKNOWN)


GOOD = {
    "one after the other": [start(0, 1), signal("a", 2, 3), query(4, 5, "a"), update("b", 6, 7, "ab"), query(8, 9, "ab")],
    "a read beside a write sees it": [start(0, 1), signal("a", 2, 6), query(3, 4, "a")],
    "a read beside a write does not see it": [start(0, 1), signal("a", 2, 6), query(3, 4, ""), query(7, 8, "a")],
    "two writes at once, in either order": [start(0, 1), signal("a", 2, 9), signal("b", 3, 4), query(5, 6, "b"),
                                            query(10, 11, "ba")],
    "an unanswered one happened": [start(0, 1), lost("a", 2), query(3, 4, "a")],
    "an unanswered one never happened": [start(0, 1), lost("a", 2), signal("b", 3, 4), query(5, 6, "b")],
    "an unanswered one happened late": [start(0, 1), lost("a", 2), query(3, 4, ""), signal("b", 5, 6), query(7, 8, "ba")],
    "a repeat lands once": [start(0, 1), lost("a", 2), signal("a", 3, 4), query(5, 6, "a")],
    "closed by a request": [start(0, 1), signal("a", 1, 2), request("close", 3, 4), describe(5, 6, False),
                            signal("b", 7, 8, outcome=REFUSED), query(9, 10, "a")],
    "closed by itself": [start(0, 1), describe(2, 3, True), describe(4, 5, False), signal("a", 6, 7, outcome=REFUSED)],
    "an unanswered close": [start(0, 1), request("close", 2, outcome=UNKNOWN), describe(3, 4, True),
                            describe(5, 6, False)],
    "a second start is refused": [start(0, 1), start(2, 3, "second", outcome=REFUSED)],
    "of two starts at once the first to begin is refused": [start(0, 3, "x", outcome=REFUSED), start(1, 2, "y")],
    "a start's repeat": [start(0, 9, "x", outcome=UNKNOWN), start(3, 4, "x"), query(5, 6, "")],
    "refused before it was there": [signal("a", 0, 1, outcome=REFUSED), start(2, 3)],
}

BAD = {
    "a lost signal": [start(0, 1), signal("a", 2, 3), query(4, 5, "")],
    "a lost update": [start(0, 1), update("a", 2, 3, "a"), signal("b", 4, 5), query(6, 7, "b")],
    "a lost one among many": [start(0, 1), signal("a", 2, 3), signal("b", 4, 5), query(6, 7, "b")],
    "a stale read": [start(0, 1), signal("a", 2, 3), query(4, 5, "a"), query(6, 7, "")],
    "a read that goes back beside a write": [start(0, 1), signal("a", 2, 20), query(3, 4, "a"), query(5, 6, "")],
    "a stale answer of an update": [start(0, 1), signal("a", 2, 3), update("b", 4, 5, "b"), query(6, 7, "ba")],
    "a double apply": [start(0, 1), signal("a", 2, 3), query(4, 5, "aa")],
    "a repeat that lands twice": [start(0, 1), lost("a", 2), signal("a", 3, 4), signal("b", 5, 6), query(7, 8, "aba")],
    "two reads in different orders": [start(0, 1), signal("a", 2, 9), signal("b", 2, 9), query(3, 4, "ab"),
                                      query(5, 6, "ba")],
    "from nowhere": [start(0, 1), query(2, 3, "z")],
    "before it was sent": [start(0, 1), query(2, 3, "a"), signal("a", 4, 5)],
    "refused and there": [start(0, 1), signal("a", 2, 3, outcome=REFUSED), query(4, 5, "a")],
    "refused while it runs": [start(0, 1), signal("a", 2, 3, outcome=REFUSED), describe(4, 5, True)],
    "accepted after the close": [start(0, 1), request("close", 2, 3), signal("a", 4, 5)],
    "accepted after it was seen closed": [start(0, 1), describe(2, 3, False), signal("a", 4, 5)],
    "it runs again": [start(0, 1), describe(2, 3, False), describe(4, 5, True)],
    "closed twice": [start(0, 1), request("close", 2, 3), request("close", 4, 5)],
    "started twice": [start(0, 1), start(2, 3, "second")],
    "refused by nobody": [start(0, 1, outcome=REFUSED), start(2, 3, "second")],
    "an update that does not see itself": [start(0, 1), update("a", 2, 3, "")],
    "an answer before it was there": [query(0, 1, ""), start(2, 3)],
    # All subsets of the reads would be a billion.
    "a stale read beside many at once": [start(0, 1), update("a", 2, 9, "a"), query(10, 11, ""),
                                         *[describe(2, 9 + i, True) for i in range(30)]],
}


@pytest.mark.parametrize("name", GOOD)
def test_an_order_is_found(name):
    assert check(GOOD[name]) == []


@pytest.mark.parametrize("name", BAD)
def test_there_is_no_order(name):
    wrongs = check(BAD[name])
    assert len(wrongs) == 1 and wrongs[0].startswith("w: ")


def recorded(seed: int, clients: int, count: int) -> list[Request]:
    """What clients of a right workflow see, each request in effect at a moment between its begin and its end."""
    choice = random.Random(seed)
    log: list[str] = []
    free = [1.0] * clients
    made = [start(0, 0.5)]
    moments = []
    for number in range(count):
        client = choice.randrange(clients)
        begin = free[client] + choice.random()
        moment, end = sorted(begin + choice.random() * 5 for _ in range(2))
        free[client] = end
        moments.append((moment, begin, end, number))
    for _, begin, end, number in sorted(moments):
        draw = choice.random()
        entry = f"e{number}"
        if draw < 0.3:
            made.append(query(begin, end, log))
        elif draw < 0.6:
            log.append(entry)
            made.append(update(entry, begin, end, log))
        elif draw < 0.9:
            log.append(entry)
            made.append(signal(entry, begin, end))
        else:
            if draw < 0.95:
                log.append(entry)
            made.append(lost(entry, begin))
    return made


@pytest.mark.parametrize("seed", range(20))
def test_what_a_right_workflow_answers_is_good_and_a_read_too_old_is_bad(seed):
    history = recorded(seed, clients=6, count=400)
    assert check(history) == []
    last = max(r.end for r in history if r.end != float("inf"))
    full = max((r.seen for r in history if r.seen), key=len)
    assert check([*history, query(last + 1, last + 2, full[:-1])]) != []


def test_workflows_are_searched_apart():
    history = recorded(1, clients=2, count=20)
    other = Request("v", "query", 0, 1, seen=("z",))
    wrongs = check([*history, other])
    assert len(wrongs) == 1 and wrongs[0].startswith("v: ")


def test_workflows_may_be_there_already():
    assert check([query(0, 1, "")], is_started=True) == []
    assert check([query(0, 1, "")]) != []
