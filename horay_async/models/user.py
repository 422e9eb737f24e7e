"""`GET /user/info`: the account behind the key."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

import attrs

from horay_async.models._base import Response, WireForm

__all__ = ["UserInfo"]


@attrs.define(kw_only=True, eq=False, repr=False)
class UserInfo(Response):
    """The account behind the key."""

    __wire__: ClassVar[WireForm] = WireForm(
        case="camel",
        required=(
            "id",
            "name",
            "image",
            "email",
            "is_admin",
            "balance",
            "status",
            "introduction",
            "role",
            "charge_balance",
            "total_balance",
        ),
    )

    id: str = ""
    """The account's number."""
    name: str = ""
    """The account's name."""
    image: str | None = None
    """The URL of the account's picture."""
    email: str | None = None
    """Where mail reaches the user."""
    is_admin: bool = False
    """Whether the user may manage others."""
    balance: Decimal | None = None
    """What is left of the granted credit, in the account's currency."""
    status: str = ""
    """`"normal"`, or another value of the server's."""
    introduction: str | None = None
    """What the user says of themselves."""
    role: str | None = None
    """What the account is for, as the server names it."""
    charge_balance: Decimal | None = None
    """What is left of the money paid in."""
    total_balance: Decimal | None = None
    """What is left in all."""
