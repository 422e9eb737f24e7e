"""The settings of a batch."""

from __future__ import annotations

from typing import Any

import pytest

from horay_async import ConfigurationError
from horay_async.batch.options import BatchOptions, Settings, check_interval


def test_defaults() -> None:
    """Capacity is found, nothing is paced, and a failure is a result."""
    settings = Settings.of()
    assert (settings.concurrency, settings.rpm, settings.tpm) == ("auto", None, None)
    assert not settings.fail_fast
    assert settings.give_up_after == 600


def test_options_and_settings_have_the_same_names() -> None:
    """Each option is described in one place and checked in the other."""
    assert set(BatchOptions.__annotations__) == set(Settings.__annotations__)


@pytest.mark.parametrize(
    "options",
    [
        {"concurrency": 0},
        {"concurrency": True},
        {"concurrency": 1.5},
        {"concurrency": "many"},
        {"rpm": 0},
        {"rpm": "600"},
        {"tpm": -1},
        {"tpm": float("inf")},
        {"give_up_after": 0},
        {"give_up_after": None},
        {"give_up_after": True},
    ],
)
def test_what_cant_work_is_refused(options: Any) -> None:
    """With the option's name and what was given."""
    (name,) = options
    with pytest.raises(ConfigurationError, match=name):
        Settings.of(**options)


def test_unknown_options_are_refused() -> None:
    """With the names that there are."""
    options: Any = {"concurency": 3}
    with pytest.raises(TypeError, match=r"'concurency'.*concurrency, fail_fast"):
        Settings.of(**options)


def test_interval() -> None:
    """Nought is an interval, less isn't."""
    assert check_interval(0) == 0
    assert check_interval(2.5) == 2.5
    wrong: Any
    for wrong in (-1, float("inf"), float("nan"), True, None, "5"):
        with pytest.raises(ConfigurationError, match="sync_interval"):
            check_interval(wrong)
