# Written by .ci/stubs.py from the parameter classes: change those, and run it again.

"""The account behind the key: `GET /user/info`."""

from collections.abc import Mapping
from typing import Final

from horay_async._protocol.wire.request import Operation
from horay_async._timeouts import Timeouts
from horay_async.models.options import CallOptions
from horay_async.models.user import UserInfo
from horay_async.resources._base import Resource

__all__ = ["AsyncUser"]
INFO: Final = Operation(method="GET", path="/user/info", params=CallOptions, response=UserInfo)

class AsyncUser(Resource):
    """The account behind the key."""
    async def info(
        self,
        *,
        max_retries: int = ...,
        idempotency_key: str = ...,
        bulk: bool = ...,
        timeout: float | Timeouts | None = ...,
        extra_headers: Mapping[str, str] = ...,
        extra_query: Mapping[str, object] = ...,
        extra_body: Mapping[str, object] = ...,
    ) -> UserInfo:
        """The account's name, status and balances. Raises `APIError` in one of its classes.

        Args:
            max_retries: Most attempts after the first.
            idempotency_key: Sent as `Idempotency-Key` with every attempt of a POST; 128 random bits unless given.
            bulk: Low priority, for work that nobody waits for: where the client's `limits` make calls wait, all other calls go first. False unless given.
            timeout: The deadline of the whole call in seconds, all attempts and backoffs included; None sets no deadline. `Timeouts` sets each of the five timeouts.
            extra_headers: Sent in addition to the client's own, which they override; none that the connection sets by itself, such as `Host` and `Content-Length`.
            extra_query: Added to the URL's query: texts, numbers and booleans; of a list each item, under the same name.
            extra_body: Fields that this client doesn't know, put into the JSON body over those that it does.
        """
