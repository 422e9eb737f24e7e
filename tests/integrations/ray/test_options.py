"""The client's options on their way to the workers."""

from __future__ import annotations

import pickle
import ssl

import pytest

pytest.importorskip("ray", reason="horay_async.integrations.ray needs the extra `ray`")

from horay_async import ConfigurationError, RetryPolicy
from horay_async.integrations.otel import Telemetry
from horay_async.integrations.ray.options import SealedOptions

KEY = "the-key-that-nobody-may-read"


def test_options_arrive() -> None:
    """What was sealed is what the worker opens."""
    sealed = SealedOptions(KEY, retry=RetryPolicy(max_retries=7), base_url="https://one.example/v1")
    opened = pickle.loads(pickle.dumps(sealed)).open()
    assert (opened.api_key, opened.base_url) == (KEY, "https://one.example/v1")
    assert opened.retry.max_retries == 7


def test_key_is_not_shown() -> None:
    """Neither the key nor a header that may hold one is in what Ray prints."""
    sealed = SealedOptions(KEY, default_headers={"X-Gateway": "another-secret"})
    assert repr(sealed) == str(sealed) == "<the client's options>"


def test_key_of_another_client_can_be_passed() -> None:
    """A client's own key, which refuses to be pickled, goes on the way as well."""
    opened = SealedOptions(KEY).open()
    assert isinstance(opened.api_key, str)
    assert pickle.loads(pickle.dumps(SealedOptions(opened.api_key))).open().api_key == KEY


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key the worker's own counts; the URL is that of where it was sealed."""
    monkeypatch.setenv("HORAY_API_KEY", "of-the-driver")
    monkeypatch.setenv("HORAY_BASE_URL", "https://driver.example/v1")
    sent = pickle.dumps(SealedOptions(None))
    assert b"of-the-driver" not in sent
    monkeypatch.setenv("HORAY_API_KEY", "of-the-worker")
    monkeypatch.setenv("HORAY_BASE_URL", "https://worker.example/v1")
    opened = pickle.loads(sent).open()
    assert (opened.api_key, opened.base_url) == ("of-the-worker", "https://driver.example/v1")
    monkeypatch.delenv("HORAY_API_KEY")
    with pytest.raises(ConfigurationError, match="HORAY_API_KEY"):
        pickle.loads(sent).open()


def test_wrong_options_are_told_at_once() -> None:
    """Before anything is sent anywhere."""
    with pytest.raises(ConfigurationError, match="base_url"):
        SealedOptions(KEY, base_url="nowhere")
    with pytest.raises(ConfigurationError, match="ssl_context can't be sent"):
        SealedOptions(KEY, ssl_context=ssl.create_default_context())
    with pytest.raises(ConfigurationError, match="telemetry can't be sent"):
        SealedOptions(KEY, telemetry=Telemetry())
