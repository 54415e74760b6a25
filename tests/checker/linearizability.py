"""Decides from recorded requests and answers whether, for each workflow, there is an order of them that one correct
workflow on one machine could have given: linearizability, by the search of Wing and Gong with the memo of Lowe.

The model of a workflow is a log that only grows, and whether the workflow is there, running or closed:
- a signal or an update appends its entry, once however often it comes; it is refused once the workflow is closed;
- an update and a query answer with the contents: the update with its own entry as the last;
- a start with another request id is refused while the workflow runs; `describe` says whether it runs;
- `close` (terminate) ends it; it may also end by itself.
A request that was not answered may have happened at any time after it was sent, or never.

Each workflow is searched alone: what holds of each holds of all. All reads return the whole contents, so the longest
one fixes the order of the entries; that prunes the search to the few requests that are open at a time.
"""

import dataclasses
import math
from collections import defaultdict

DONE, REFUSED, UNKNOWN = "done", "refused", "unknown"
ABSENT, RUNNING, CLOSED = "absent", "running", "closed"


@dataclasses.dataclass(frozen=True)
class Request:
    workflow: str
    kind: str  # start, signal, update, query, describe, close
    begin: float
    end: float = math.inf  # when its answer came
    outcome: str = DONE
    entry: str = ""  # what signal and update append; of a start, its request id
    seen: tuple[str, ...] | None = None  # the contents it answered with
    is_running: bool | None = None  # what describe said

    def __str__(self) -> str:
        answer = "no answer" if self.outcome == UNKNOWN else f"{self.outcome} at {self.end:.3f}"
        if self.seen is not None:
            answer += f", saw {len(self.seen)} entries up to {self.seen[-1] if self.seen else 'none'}"
        if self.is_running is not None:
            answer += f", saw it {RUNNING if self.is_running else CLOSED}"
        return f"{self.kind} {self.entry} of {self.workflow}, sent at {self.begin:.3f}: {answer}"


@dataclasses.dataclass(frozen=True)
class State:
    length: int = 0  # of the log; one more than the longest read has, once it holds what nobody saw
    status: str = ABSENT
    started_by: str = ""


class Search:
    """Of one workflow's requests."""

    def __init__(self, requests: list[Request], is_started: bool):
        self.log = max((r.seen for r in requests if r.seen is not None), key=len, default=())
        self.place = {entry: number for number, entry in enumerate(self.log)}
        self.initial = State(status=RUNNING) if is_started else State()
        self.requests = sorted((r for r in requests if self.matters(r)), key=lambda r: r.begin)
        # It may end by itself, at any time.
        self.requests.insert(0, Request("", "close", -math.inf, outcome=UNKNOWN))
        self.needed = sum(1 << number for number, r in enumerate(self.requests) if self.must_happen(r))

    def matters(self, request: Request) -> bool:
        """One that nobody answered and whose entry nobody saw may be said never to have happened."""
        if request.outcome != UNKNOWN or request.kind in ("start", "close"):
            return True
        return request.kind in ("signal", "update") and request.entry in self.place

    def must_happen(self, request: Request) -> bool:
        return request.outcome != UNKNOWN

    def contradiction(self, requests: list[Request]) -> str:
        """What no order can mend."""
        sent = {r.entry for r in requests if r.kind in ("signal", "update") and r.outcome != REFUSED}
        for request in requests:
            if request.seen is None:
                continue
            if len(set(request.seen)) != len(request.seen):
                return f"an entry is there twice: {request}"
            if request.seen != self.log[:len(request.seen)]:
                return f"it saw other contents than a later read: {request}"
            if not set(request.seen) <= sent:
                return f"it saw {sorted(set(request.seen) - sent)}, which nobody sent: {request}"
            if request.kind == "update" and (not request.seen or request.seen[-1] != request.entry):
                return f"its answer does not end with its own entry: {request}"
        return ""

    def append(self, state: State, request: Request) -> State | None:
        place = self.place.get(request.entry, len(self.log))
        if place < min(state.length, len(self.log)):
            return state  # A repeat.
        if state.status != RUNNING or place > state.length:
            return None
        return dataclasses.replace(state, length=min(state.length, len(self.log)) + 1)

    def after(self, state: State, request: Request) -> State | None:
        """The state it leaves, or None if it could not have been answered like that in this one."""
        if request.kind == "start":
            if request.outcome == REFUSED:
                return state if state.status == RUNNING and state.started_by != request.entry else None
            if state.status == ABSENT:
                return dataclasses.replace(state, status=RUNNING, started_by=request.entry)
            return state if state.started_by == request.entry else None
        if state.status == ABSENT:
            return state if request.outcome == REFUSED else None
        if request.outcome == REFUSED:
            return state if state.status == CLOSED else None
        if request.kind in ("signal", "update"):
            return self.append(state, request)
        if request.kind == "close":
            return dataclasses.replace(state, status=CLOSED) if state.status == RUNNING else None
        if request.seen is not None and len(request.seen) != state.length:
            return None
        if request.is_running is not None and request.is_running != (state.status == RUNNING):
            return None
        return state

    def next_ones(self, done: int, first: int):
        """Those that nothing left over precedes."""
        end = math.inf
        for number in range(first, len(self.requests)):
            request = self.requests[number]
            if request.begin > end:
                return
            if not done >> number & 1:
                end = min(end, request.end)
                yield number

    def with_what_changes_nothing(self, done: int, first: int, state: State) -> int:
        """What may come now and leaves all as it is may as well come now: whatever could follow without it can follow
        it. Without this the search tries all subsets of what is open at a time."""
        while True:
            taken = done
            for number in self.next_ones(done, first):
                if self.after(state, self.requests[number]) == state:
                    taken |= 1 << number
            if taken == done:
                return done
            done = taken

    def run(self) -> str:
        """Why there is no order; empty if there is one."""
        seen = {(0, self.initial)}
        todo = [(0, 0, self.initial)]
        most, stuck = -1, ""
        while todo:
            done, first, state = todo.pop()
            done = self.with_what_changes_nothing(done, first, state)
            while first < len(self.requests) and done >> first & 1:
                first += 1
            if done & self.needed == self.needed:
                return ""
            candidates = list(self.next_ones(done, first))
            if done.bit_count() > most:
                most = done.bit_count()
                stuck = self.describe(state, candidates)
            for number in reversed(candidates):
                follower = self.after(state, self.requests[number])
                if follower is None or (done | 1 << number, follower) in seen:
                    continue
                seen.add((done | 1 << number, follower))
                todo.append((done | 1 << number, first, follower))
        return stuck

    def describe(self, state: State, candidates: list[int]) -> str:
        left = [str(self.requests[number]) for number in candidates if self.must_happen(self.requests[number])]
        return (f"no order explains what is left when it is {state.status} with {state.length} entries:\n  "
                + "\n  ".join(left))


def check(requests: list[Request], is_started: bool = False) -> list[str]:
    """What is wrong, a line or more for each workflow that no order explains. `is_started`: they ran already."""
    of_workflow: dict[str, list[Request]] = defaultdict(list)
    for request in requests:
        of_workflow[request.workflow].append(request)
    wrongs = []
    for workflow, own in of_workflow.items():
        search = Search(own, is_started)
        wrong = search.contradiction(own) or search.run()
        if wrong:
            wrongs.append(f"{workflow}: {wrong}")
    return wrongs
