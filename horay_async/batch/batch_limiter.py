"""The batch limiter that all requests of a client's batches pass: one for each event loop."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple
from weakref import WeakValueDictionary

import attrs

from horay_async._protocol.limits.concurrency import ConcurrencyLimit
from horay_async._protocol.limits.overload_control import Admission, OverloadControl
from horay_async._protocol.limits.rate_limiter import RateLimiter
from horay_async._transport.open_files import free_files, session_limit
from horay_async._transport.request_limiter import NO_LIMIT, LimitedRequest, RequestLimiter
from horay_async.batch.options import Settings
from horay_async.batch.refused_models import RefusedModel, RefusedModels
from horay_async.batch.sending_stop import SendingStop
from horay_async.errors import APIError, APIStatusError, ConfigurationError
from horay_async.options import ClientOptions

if TYPE_CHECKING:
    from horay_async._transport.transport import Transport

Rates = tuple[float | None, float | None]
"""Requests and tokens a minute."""


class BatchLimiter:
    """Passes the requests of a client's batches to its `RequestLimiter`, which admits them, and adds what batches alone have: a
    concurrency and rates of their own, and an end of the wait for a server that refuses everything.
    """

    def __init__(self, options: ClientOptions, limiter: RequestLimiter | None = None) -> None:
        self.limiter: RequestLimiter = limiter or RequestLimiter(options)
        """The client's, which its calls wait for as well."""
        self.overload: OverloadControl = self.limiter.overload
        """What is known from the requests that were sent: whether the next one is admitted."""
        self.reached: bool = False
        """Whether the server has ever responded: then one that can't be reached will come back."""
        self.last_error: APIError | None = None
        """A copy of the latest refusal, of any request: the error itself would keep the batch that met it, by the frames of
        its traceback.
        """
        self._latest_refusal: float = -math.inf
        """When the latest refusal came, on the loop's clock."""
        self.refused_models: RefusedModels = RefusedModels()
        """The models that the server refuses everything for."""
        self.not_before: float = -math.inf
        """When the server takes requests again, by its own word, on the loop's clock."""
        self._waits: dict[asyncio.Timeout, WaitLimit] = {}
        """The timeouts of the requests that wait to be admitted, which pass when a new verdict is due."""
        self._session_limit = session_limit(options)
        self._rate_limiters: dict[Rates, RateLimiter] = {}
        self._in_use: WeakValueDictionary[Rates, RateLimiter] = WeakValueDictionary()
        """The rate limiters that a batch holds: they are kept."""

    def concurrency(self, settings: Settings) -> ConcurrencyLimit:
        """The limit that a batch keeps to. Raises `ConfigurationError` where it can't be reached."""
        fixed = settings.concurrency
        if fixed == "auto":
            return self.limiter.auto
        most = self._session_limit
        if most is not None and fixed > most:
            raise ConfigurationError(
                f"concurrency={fixed} can't be reached: the connector of the session that was passed "
                f"in allows {most} connections"
            )
        free = free_files()
        if fixed > free:
            raise ConfigurationError(
                f"concurrency={fixed} can't be reached: each request takes a connection, and the process may "
                f"open {max(0, int(free))} more (see `ulimit -n`)"
            )
        return ConcurrencyLimit(start=fixed, floor=fixed, ceiling=fixed)

    def rate_limiter(self, settings: Settings) -> RateLimiter:
        """What keeps a batch to its `rpm` and `tpm`; batches with the same ones share it."""
        rates = (settings.rpm, settings.tpm)
        rate_limiter = self._rate_limiters.get(rates)
        if rate_limiter is None:
            rate_limiter = self._rate_limiters[rates] = self._in_use[rates] = RateLimiter(*rates)
        return rate_limiter

    def evict_unused(self, now: float) -> None:
        """Drops the rate limiters that no batch holds and that are as good as new, of rates that may not come again."""
        for rates in [rates for rates, one in self._rate_limiters.items() if one.is_idle(now)]:
            del self._rate_limiters[rates]
        self._rate_limiters.update(self._in_use)

    def is_idle(self, now: float) -> bool:
        """Whether a new one would admit the same."""
        return now >= self.not_before and all(
            rate_limiter.is_idle(now) for rate_limiter in self._rate_limiters.values()
        )

    def acquire_nowait(self, request: LimitedRequest, wait_limit: WaitLimit) -> bool:
        """Admits a request where it needn't wait, as nearly always; returns whether it did."""
        verdict = self._verdict(wait_limit, asyncio.get_running_loop().time())
        return verdict.may_be_sent and self.limiter.admit_nowait(request)

    async def acquire(self, request: LimitedRequest, wait_limit: WaitLimit) -> bool:
        """Waits until a request is admitted. Returns False as soon as it is clear that the wait would go past its limit, see `_verdict`."""
        clock = asyncio.get_running_loop().time
        while not self.acquire_nowait(request, wait_limit):
            verdict = self._verdict(wait_limit, clock())
            if verdict.otherwise == "give_up":
                return False
            if verdict.otherwise == "probe":
                request.wait.probe = True
                await self.limiter.admit(request)
                break
            wait = asyncio.timeout_at(verdict.until)
            try:
                async with wait:
                    self._waits[wait] = wait_limit
                    await self.limiter.admit(request)
                    break
            except TimeoutError:
                if not wait.expired():
                    raise
            finally:
                self._waits.pop(wait, None)
        return True

    def _verdict(self, wait_limit: WaitLimit, now: float) -> Verdict:
        """What a request does that is to be sent. The first row decides that applies. "Late" is the time from which on the server has refused
        everything for too long, see `_late_from`; a wait is too long that ends after `WaitLimit.until`.

        | the server | sent where it needn't wait | else |
        |---|---|---|
        | 1. has asked for too long a wait, for its model | no | gives up |
        | 2. refuses its model alone, and has done so when it was late | no | gives up |
        | 3. has asked for too long a wait, for other models, and has refused its model when it was late | no | gives up |
        | 4. has asked for too long a wait, for other models | no | is sent as a probe, behind its model's back-off |
        | 5. responds, or it isn't late yet | yes | waits, until it is late |
        | 6. refuses everything, and has refused its model when it was late | yes | gives up |
        | 7. refuses everything | yes | is sent as a probe |

        In 3, 4, 6 and 7 it waits as long as something is under way that the server may still accept: that tells as much as a probe.
        """
        refused = self.refused_models.get(wait_limit.model)
        if refused is not None and refused.not_before > wait_limit.until:
            return Verdict(False, "give_up", now)  # 1
        asked_of_others = self.not_before > wait_limit.until
        late_from = self._late_from(wait_limit, refused)
        latest = -math.inf if refused is None else refused.latest
        is_late = late_from is not None and now >= late_from
        refused_late = late_from is not None and late_from <= min(now, latest)
        if refused_late and refused is not None and refused.alone:
            return Verdict(False, "give_up", now)  # 2
        if not (is_late or asked_of_others):
            return Verdict(True, "wait", late_from)  # 5
        if self.overload.undecided:
            return Verdict(not asked_of_others, "wait", None)
        if refused_late:
            return Verdict(not asked_of_others, "give_up", now)  # 3, 6
        probed_at = now if is_late or refused is None else refused.latest + refused.backoff
        if now < probed_at:
            return Verdict(not asked_of_others, "wait", probed_at)
        return Verdict(not asked_of_others, "probe", now)  # 4, 7

    def refused(
        self, admission: Admission, model: bytes, error: APIError, now: float, *, sent: float
    ) -> float:
        """Ends the admission of a request for a model that was refused, and was `sent` then. Returns how many seconds the server asked to wait."""
        asked = (error.retry_after if isinstance(error, APIStatusError) else None) or 0.0
        self.last_error = copy(error)
        self._latest_refusal = now
        known = self.refused_models.get(model)
        was_alone = known is not None and known.alone
        found = self.refused_models.refused(model, self.last_error, now, asked=asked, sent=sent)
        if found.alone and not was_alone and not found.others_refused:
            self._forget_refusals(admission)
        if found.alone:
            self.overload.release(admission)
        else:
            self.limiter.refused(admission, now, retry_after=asked or None)
        if asked and (found.alone or not self.overload.pauses_alone):
            found.not_before = now + asked
            if not found.alone:
                self.not_before = max(self.not_before, found.not_before)
        self.on_refusal(now)
        return asked

    def let_through(self, admission: Admission, model: bytes, now: float, *, sent: float) -> None:
        """Notes that a request for a model was let through that was `sent` then."""
        self.refused_models.let_through(model, now, sent=sent)
        if admission.wait.probe and now < self.not_before:
            self.refused_models.mark_refused_alone()
            self._forget_refusals(admission)

    def _forget_refusals(self, admission: Admission) -> None:
        """Forgets what the refusals so far have taught: they were for one model alone, and requests for others needn't wait."""
        self.not_before = -math.inf
        self.overload.forget_refusals(admission.wait.concurrency)

    def on_refusal(self, now: float) -> None:
        """A request was refused, which may be a call's: what waits gets a new verdict."""
        for wait, wait_limit in self._waits.items():
            if not wait.expired():
                wait.reschedule(self._verdict(wait_limit, now).until)

    def on_release(self, now: float) -> None:
        """A request has ended. Where it was the last one under way, one that waits may be sent to see whether the server is back."""
        refusing = now < self.not_before or self.overload.refusing_since is not None
        if refusing and not self.overload.undecided:
            self.on_refusal(now)

    def last_refusal(self, model: bytes) -> APIError:
        """The error of a request for a model that isn't sent because the server refuses everything."""
        refused = self.refused_models.get(model)
        error = copy(self.last_error if refused is None else refused.error)
        assert error is not None
        error.execution = "not_sent"
        error.request_id = None
        return error

    def resumes_at(self, model: bytes, now: float, *, began: float, give_up_after: float) -> float:
        """When a request may be sent for a model that is refused alone. At once, too, where the wait would be too long: then it isn't paused,
        but fails, unsent.
        """
        refused = self.refused_models.get(model)
        if refused is None:
            return -math.inf
        over = refused.latest >= max(refused.since, began) + give_up_after
        too_long = refused.not_before > now + give_up_after
        return -math.inf if over or too_long else refused.resumes_at

    def refusing_since(self, model: bytes) -> float | None:
        """Since when the server has refused everything for a model, on the loop's clock; None while it responds. Where it refuses
        everything for all, all have been as long as the first.
        """
        refused, all_since = self.refused_models.get(model), self.overload.refusing_since
        if refused is None or all_since is None:
            return all_since if refused is None else refused.since
        return min(refused.since, all_since)

    def _late_from(self, wait_limit: WaitLimit, refused: RefusedModel | None) -> float | None:
        """From when on the server has refused everything for a model for too long, on the loop's clock; None while it responds."""
        since = self.refusing_since(wait_limit.model)
        if since is None:
            return None
        until = max(since, wait_limit.began) + wait_limit.seconds
        # Not while the server has asked to send nothing: what is sent then tells nothing. But once it has refused what was
        # sent after that, for this model, or for another one while it refuses everything, it says nothing new by asking for another wait.
        latest = -math.inf if refused is None else refused.latest
        if self.overload.refusing_since is not None:
            latest = max(latest, self._latest_refusal)
        return until if latest >= until else max(until, self.not_before)


class Verdict(NamedTuple):
    """What a request does that is to be sent, for what is known of the server now."""

    may_be_sent: bool
    """Whether it is sent as any other one, where it needn't wait for limits and pauses."""
    otherwise: Literal["wait", "probe", "give_up"]
    """What it does where it has to wait: it waits, is sent all the same to find out whether the server is back, or isn't sent at all."""
    until: float | None
    """When that is to be decided anew, on the loop's clock: the end of the wait; None where only what the server does next decides."""


class WaitLimit(NamedTuple):
    """How long a request waits to be admitted while the server refuses. Times are of the loop's clock."""

    model: bytes
    """The model that the request asks for."""
    began: float
    """When its batch began: a refusal from before is none of its own."""
    since: float
    """When the request was first to be sent, or was first deferred."""
    seconds: float
    """The batch's `give_up_after`."""

    @property
    def until(self) -> float:
        """The latest time to which it waits because the server asks for it."""
        return self.since + self.seconds


@attrs.define(eq=False)
class RequestPermit:
    """What a request of a batch holds of the limits, for all of its attempts: it is the limiter that admits them (`AttemptLimiter`), and what
    each of them holds (`AttemptPermit`). The first one is admitted already, those after it wait as that did. During the back-off
    between them others are sent in its place.
    """

    _batch_limiter: BatchLimiter
    _admitted: LimitedRequest  # for the newest attempt
    _wait_limit: WaitLimit
    _stop: SendingStop  # of the batch
    _used: bool = False  # whether the first attempt was made
    _succeeds: bool = False  # whether the newest one has a response with a status of success
    gave_up: bool = False
    """Whether a retry couldn't be sent within the limit."""

    @property
    def admission(self) -> Admission:
        """The newest attempt's."""
        admission = self._admitted.admission
        assert admission is not None
        return admission

    def give_back(self) -> None:
        """The first attempt isn't made."""
        self._batch_limiter.limiter.give_back(self._admitted)

    def acquire_nowait(self, body: bytes | None, *, bulk: bool) -> RequestPermit | None:
        """See `AttemptLimiter`."""
        if self._used:
            return None
        self._used = True
        return self

    async def acquire(self, body: bytes | None, *, bulk: bool) -> RequestPermit:
        """See `AttemptLimiter`. Raises the server's latest refusal where the retry can't be sent within the limit, and
        `SendingStoppedError` where the batch sends no more.
        """
        retry = attrs.evolve(self._admitted, wait=attrs.evolve(self._admitted.wait, probe=False))
        wait_limit = self._wait_limit._replace(since=asyncio.get_running_loop().time())
        wait = partial(self._batch_limiter.acquire, retry, wait_limit)
        if not await self._stop.unless_stopped(wait):
            self.gave_up = True
            raise self._batch_limiter.last_refusal(wait_limit.model)
        self._admitted, self._succeeds = retry, False
        return self

    async def back_off(self, seconds: float) -> None:
        """See `AttemptLimiter`. Raises `SendingStoppedError` where the batch sends no more."""
        await self._stop.unless_stopped(partial(asyncio.sleep, seconds))

    def received(self, status: int, headers: Mapping[str, str]) -> None:
        """See `AttemptPermit`."""
        self._batch_limiter.limiter.update_windows(headers, self._admitted)
        self._succeeds = 200 <= status < 300

    def complete(self, response: object) -> None:
        """Does nothing: the batch corrects the tokens, when it is done with the response."""

    def unsent(self) -> None:
        """Ends the admission; what wasn't sent costs a place in the rate."""
        self.release(whole=False)

    def release(self, *, whole: bool) -> None:
        """Ends the admission where the request may be retried: else the batch does, when it knows what came of it."""
        if not (whole and self._succeeds):
            self._batch_limiter.overload.release(self.admission)
            # Not now: the batch may have to learn from a refusal first.
            asyncio.get_running_loop().call_soon(self._batch_limiter.limiter.wake)


def unbound(transport: Transport) -> Transport:
    """A transport on the same connections that leaves their number to the batch limiter."""
    return transport.changed(transport.options.changed(max_connections=NO_LIMIT))


def batch_limiter_of(transport: Transport) -> BatchLimiter:
    """The running loop's batch limiter for a client, shared by its copies that share its limiter, and kept as long."""
    limiter = transport.limiter()
    batch_limiter = limiter.batch_limiter
    if not isinstance(batch_limiter, BatchLimiter):
        batch_limiter = limiter.batch_limiter = BatchLimiter(transport.options, limiter)
    return batch_limiter
