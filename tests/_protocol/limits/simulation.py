"""A server with limits that it doesn't tell, and a batch that never runs out of requests, without a clock."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable
from typing import Any

import attrs

from horay_async._protocol.limits.concurrency import ConcurrencyLimit
from horay_async._protocol.limits.overload_control import Admission, OverloadControl, Wait

WAY = 0.01
"""Seconds from the client to the server, and back."""

GRAIN = 1e-6
"""Seconds by which a timer is late, so that what it waits for is due whichever way times were rounded."""


@attrs.define
class Server:
    """Responds after about `latency` seconds, unless one of its limits says otherwise.

    `spread` is the standard deviation of the latency's logarithm.
    """

    latency: float = 1.0
    spread: float = 0.3
    at_once: float = math.inf
    """Most requests under way; one more is refused."""
    workers: float = math.inf
    """Most requests that are worked on; further ones wait in line."""
    window: tuple[int, float] | None = None
    """So many requests in any so many seconds; one more is refused."""
    failing: float = 0.0
    """The part of the requests that is refused for no reason."""
    refusing: set[int] = attrs.field(factory=set[int])
    """Which requests are refused for no reason, by their number from 1 on."""
    retry_after: float | str | None = None
    """Seconds to be told with a refusal; `"window"` is until the window has room."""

    came: int = 0
    under_way: int = 0
    line: deque[tuple[Admission, float]] = attrs.field(factory=deque[tuple[Admission, float]])
    accepted: deque[float] = attrs.field(factory=deque[float])

    def refuses(self, now: float, chance: random.Random) -> bool:
        """Whether there is no room for a request; otherwise it counts from here on."""
        self.came += 1
        if self.came in self.refusing:
            return True
        if self.under_way >= self.at_once or chance.random() < self.failing:
            return True
        if self.window is not None:
            most, seconds = self.window
            while self.accepted and self.accepted[0] <= now - seconds:
                self.accepted.popleft()
            if len(self.accepted) >= most:
                return True
            self.accepted.append(now)
        self.under_way += 1
        return False

    def told(self, now: float) -> float | None:
        """What a refusal says of when to come back."""
        if not isinstance(self.retry_after, str):
            return self.retry_after
        assert self.window is not None
        return max(0.0, self.accepted[0] + self.window[1] - now)


@attrs.define
class Course:
    """What happened, by time in seconds."""

    responses: list[float] = attrs.field(factory=list[float])
    refusals: list[float] = attrs.field(factory=list[float])
    limits: list[tuple[float, int]] = attrs.field(factory=list[tuple[float, int]])

    def throughput(self, since: float, until: float) -> float:
        """Responses a second."""
        return sum(since <= at < until for at in self.responses) / (until - since)

    def refused(self, since: float, until: float) -> float:
        """The part of the requests that was refused."""
        refused = sum(since <= at < until for at in self.refusals)
        answered = sum(since <= at < until for at in self.responses)
        return refused / (refused + answered)

    def limit(self, since: float, until: float) -> float:
        """The limit's mean over time."""
        total = 0.0
        for (start, limit), (end, _) in itertools.pairwise(self.limits):
            total += limit * max(0.0, min(end, until) - max(start, since))
        return total / (until - since)


def simulate(
    server: Server,
    seconds: float,
    *,
    concurrency: ConcurrencyLimit | None = None,
    changes: dict[float, dict[str, Any]] | None = None,
    seed: int = 1,
) -> Course:
    """Lets a batch run on a server for so many seconds; `changes` sets fields of the server on the way."""
    chance = random.Random(seed)
    overload = OverloadControl(random.Random(seed + 1).random)
    concurrency = concurrency or ConcurrencyLimit(start=16, ceiling=1000)
    course = Course()
    began: dict[int, float] = {}
    events: list[tuple[float, int, Callable[[float], None]]] = []
    number = itertools.count()

    def later(at: float, event: Callable[[float], None]) -> None:
        heapq.heappush(events, (at, next(number), event))

    def serve(admission: Admission, latency: float, now: float) -> None:
        later(now + latency, lambda now: served(admission, now))

    def arrive(admission: Admission, now: float) -> None:
        if server.refuses(now, chance):
            asked = server.told(now)
            later(now + WAY, lambda now: refused(admission, asked, now))
            return
        latency = server.latency * math.exp(chance.gauss(0, server.spread) - server.spread**2 / 2)
        if server.under_way > server.workers:
            server.line.append((admission, latency))
        else:
            serve(admission, latency, now)

    def served(admission: Admission, now: float) -> None:
        server.under_way -= 1
        later(now + WAY, lambda now: succeeded(admission, now))
        while server.line and server.under_way - len(server.line) < server.workers:
            serve(*server.line.popleft(), now)

    def succeeded(admission: Admission, now: float) -> None:
        course.responses.append(now)
        overload.succeeded(admission, now, latency=now - began.pop(admission.serial))

    def refused(admission: Admission, asked: float | None, now: float) -> None:
        course.refusals.append(now)
        overload.refused(admission, now, retry_after=asked)

    for at, change in (changes or {}).items():

        def alter(_: float, change: dict[str, Any] = change) -> None:
            for name, value in change.items():
                setattr(server, name, value)

        later(at, alter)
    later(0.0, lambda now: None)
    woken, waiting = math.inf, Wait(concurrency)
    while events:
        now, _, event = heapq.heappop(events)
        if now > seconds:
            break
        event(now)
        while (seconds_left := overload.seconds_until_admitted(waiting, now)) <= 0:
            admission = overload.admit(waiting, now)
            waiting = Wait(concurrency)
            began[admission.serial] = now
            later(now + WAY, lambda now, admission=admission: arrive(admission, now))  # type: ignore[misc] # the default binds it
        if seconds_left < math.inf and not now < woken < now + seconds_left + 2 * GRAIN:
            woken = now + seconds_left + GRAIN
            later(woken, lambda now: None)
        course.limits.append((now, concurrency.limit))
    return course
