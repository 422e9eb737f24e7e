"""`GET /user/info`: the account behind the key."""

from __future__ import annotations

from decimal import Decimal

import attrs

from horay_async.models._base import Response

__all__ = ["UserInfo"]


@attrs.define(kw_only=True, eq=False, repr=False)
class UserInfo(Response):
    """The account behind the key."""

    wire_case = "camel"

    id: str = ""
    name: str = ""
    image: str | None = None
    """The URL of the account's picture."""
    email: str | None = None
    is_admin: bool = False
    balance: Decimal | None = None
    """What is left of the granted credit, in the account's currency."""
    status: str = ""
    """`"normal"`, or another word of the server's."""
    introduction: str | None = None
    role: str | None = None
    charge_balance: Decimal | None = None
    """What is left of the money paid in."""
    total_balance: Decimal | None = None
    """What is left in all."""
