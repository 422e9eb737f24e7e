"""`horay doctor` in set-ups that are broken in one way each, on the real wire."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from horay_async.cli.doctor import route, settings
from horay_async.cli.doctor.clock import compare_clocks
from horay_async.cli.exit_codes import ExitCode
from horay_async.cli.options import ServerOptions
from horay_async.testing import (
    ConnectFault,
    Cut,
    FaultServer,
    TLSKind,
    error,
    json_response,
    models,
    redirect,
    respond,
    user,
)
from tests.processes import run_python

from .conftest import Horay, bare_horay


def diagnosis(*arguments: str) -> dict[str, tuple[str, str]]:
    """The faults that the doctor names: what was found and what to do, by the name of the check."""
    result = bare_horay("doctor", "--json", *arguments)
    told = json.loads(result.stdout)
    faults = {
        found["name"]: (found["found"], found["todo"])
        for found in told["findings"]
        if found["state"] == "fault"
    }
    assert told["healthy"] is not bool(faults)
    assert result.exit_code == (ExitCode.PARTLY if faults else ExitCode.DONE)
    assert all(todo for _, todo in faults.values())
    return faults


@pytest.fixture
def nobody() -> Iterator[str]:
    """A place on this machine that refuses connections."""
    with socket.socket() as taken:  # bound, so that nobody else gets it, but not listening
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def test_all_is_well(horay: Horay, fault_server: FaultServer) -> None:
    """With nothing broken all checks pass, down to a token; the key is shown masked."""
    result = horay("doctor")
    assert result.exit_code == ExitCode.DONE
    assert result.stdout.endswith("\nAll is well.\n")
    assert fault_server.api_key not in result.stdout
    for line in ("API         responds in", "balance     88.88 is left", "generates a token in"):
        assert line in result.stdout
    (asked,) = (found for found in fault_server.requests if found.path == "/completions")
    assert asked.json()["max_tokens"] == 1


@pytest.mark.usefixtures("horay")
def test_model_that_is_not_listed(fault_server: FaultServer) -> None:
    """Is worth a warning where another one responds."""
    choice = {"index": 0, "text": "x", "finish_reason": "length"}
    fault_server.add(json_response({"model": "m-1", "choices": [choice]}), path="/completions")
    result = bare_horay("doctor", "-m", "gpt-4")
    assert result.exit_code == ExitCode.DONE
    told = "warning  generation  gpt-4 is not in the list of models; the response is from m-1\n"
    assert told in result.stdout


def test_token_is_spared(horay: Horay, fault_server: FaultServer) -> None:
    """`--no-token` asks nothing that is paid for."""
    assert horay("doctor", "--no-token").exit_code == ExitCode.DONE
    assert {request.method for request in fault_server.requests} == {"GET"}


def test_no_key(fault_server: FaultServer) -> None:
    """Without a key the rest of the way is looked at all the same."""
    faults = diagnosis("--base-url", fault_server.base_url)
    assert faults.keys() == {"key"}
    assert "HORAY_API_KEY" in faults["key"][1]


@pytest.mark.usefixtures("horay")
def test_malformed_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key with the line end of the file that it was read from."""
    monkeypatch.setenv("HORAY_API_KEY", "secret-of-mine\n")
    faults = diagnosis()
    assert "line break" in faults["key"][0]
    assert "secret" not in faults["key"][0]


@pytest.mark.usefixtures("horay")
def test_wrong_key() -> None:
    """The server refuses the key."""
    faults = diagnosis("--api-key", "not-the-one-it-knows")
    assert faults.keys() == {"key"}
    assert "refuses it" in faults["key"][0]


@pytest.mark.parametrize("host", ["horay.invalid", "api..horay.ai"])
def test_no_dns(host: str) -> None:
    """The name can't be looked up: `.invalid` never can (RFC 2606), and what isn't a name neither."""
    faults = diagnosis("--api-key", "any", "--base-url", f"https://{host}/v1")
    assert faults.keys() == {"DNS"}
    assert host in faults["DNS"][0]


@pytest.mark.usefixtures("horay")
def test_name_that_is_found(fault_server: FaultServer) -> None:
    """The addresses behind a name are told."""
    url = fault_server.base_url.replace("127.0.0.1", "localhost")
    result = bare_horay("doctor", "--base-url", url)
    assert result.exit_code == ExitCode.DONE
    assert re.search("DNS +localhost is .*127.0.0.1", result.stdout)


def test_refused_port(nobody: str) -> None:
    """Nothing listens at the port."""
    faults = diagnosis("--api-key", "any", "--base-url", f"http://{nobody}/v1")
    assert faults.keys() == {"connection"}
    assert f"{nobody} refuses connections" in faults["connection"][0]


def trusting(server: FaultServer, folder: Path) -> str:
    """A file with the authority behind the server's certificate."""
    assert server.ssl_context is not None
    (authority,) = server.ssl_context.get_ca_certs(binary_form=True)
    file = folder / "authority.pem"
    file.write_text(ssl.DER_cert_to_PEM_cert(authority))
    return str(file)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("wrong_name", "the certificate is for another host than 127.0.0.1"),
        ("expired", "has expired"),
        ("old", "no TLS version that this machine accepts"),
    ],
)
def test_wrong_tls(
    kind: TLSKind, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate that is wrong in itself, and a server that speaks nothing newer than TLS 1.1."""
    with FaultServer(tls=kind) as server:
        monkeypatch.setenv("SSL_CERT_FILE", trusting(server, tmp_path))
        faults = diagnosis("--api-key", server.api_key, "--base-url", server.base_url)
    assert faults.keys() == {"TLS"}
    assert words in faults["TLS"][0]


def test_untrusted_certificate() -> None:
    """A certificate that nobody vouches for."""
    with FaultServer(tls="good") as server:
        faults = diagnosis("--api-key", server.api_key, "--base-url", server.base_url)
    assert "an authority that this machine trusts" in faults["TLS"][0]
    assert "SSL_CERT_FILE" in faults["TLS"][1]


def test_trusted_certificate(tmp_path: Path) -> None:
    """With the authority in SSL_CERT_FILE the doctor and the client behind it are content."""
    with FaultServer(tls="good") as server:
        settings = {
            "SSL_CERT_FILE": trusting(server, tmp_path),
            "HORAY_API_KEY": server.api_key,
            "HORAY_BASE_URL": server.base_url,
        }
        # A process of its own: aiohttp reads the authorities once, when it is imported.
        done = run_python("-m", "horay_async.cli", "doctor", env=os.environ | settings)
    assert (done.returncode, done.stderr) == (ExitCode.DONE, "")
    assert "TLSv1.3, and the certificate is trusted" in done.stdout


@pytest.fixture
def plain_http() -> Iterator[str]:
    """A place on this machine that responds to whatever it is sent with plain HTTP, once."""

    def response(listener: socket.socket) -> None:
        accepted, _ = listener.accept()  # the doctor's look whether anybody listens
        accepted.close()
        accepted, _ = listener.accept()
        with accepted:
            accepted.recv(2**16)
            accepted.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=response, args=(listener,))
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_no_tls_at_all(plain_http: str) -> None:
    """An https:// URL whose port speaks plain HTTP."""
    faults = diagnosis("--api-key", "any", "--base-url", f"https://{plain_http}/v1")
    assert faults.keys() == {"TLS"}
    assert "speaks plain HTTP" in faults["TLS"][0]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("stall", "doesn't respond"),
        ("fin", "handshake"),
        ("old_tls", "no TLS version that this machine accepts"),
    ],
)
def test_no_handshake(
    fault: ConnectFault, words: str, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server accepts a connection, and then no TLS."""
    monkeypatch.setattr(route, "STEP_TIMEOUT", 0.05)
    fault_server.on_connect(fault, times=2)
    url = fault_server.base_url.replace("http:", "https:")
    faults = diagnosis("--api-key", "any", "--base-url", url)
    assert faults.keys() == {"TLS"}
    assert words in faults["TLS"][0]


def test_proxy_down(nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy that the environment names isn't there; its password isn't shown."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:hidden@{nobody}")
    faults = diagnosis("--api-key", "any", "--base-url", "https://api.horay.ai/v1")
    assert faults.keys() == {"proxy"}
    assert f"{nobody} refuses connections" in faults["proxy"][0]
    assert "hidden" not in str(faults)


def test_proxy_of_the_environment_is_not_that_of_scripts(
    nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command line takes it, and a client doesn't unless it is asked to."""
    arguments = ("doctor", "--json", "--api-key", "any", "--base-url", "https://api.test/v1")

    def warnings(*more: str) -> list[str]:
        told = json.loads(bare_horay(*arguments, *more).stdout)["findings"]
        return [found["todo"] for found in told if found["state"] == "warning"]

    assert not warnings("--proxy", f"http://{nobody}")
    monkeypatch.setenv("HTTPS_PROXY", f"http://{nobody}")
    (todo,) = warnings()
    assert "pass trust_env=True, or proxy=..." in todo
    assert not warnings("--proxy", f"http://{nobody}")


def test_proxy_refuses(fault_server: FaultServer) -> None:
    """The proxy lets nobody through: this server knows no CONNECT. It is told who asks."""
    proxy = fault_server.origin.replace("//", "//me:p%40ss@")
    faults = diagnosis("--api-key", "any", "--base-url", "https://api.test/v1", "--proxy", proxy)
    assert faults.keys() == {"proxy"}
    assert "404" in faults["proxy"][0]
    (asked,) = fault_server.requests
    assert (asked.method, asked.target) == ("CONNECT", "api.test:443")
    credentials = asked.headers["Proxy-Authorization"].removeprefix("Basic ")
    assert base64.b64decode(credentials) == b"me:p@ss"


def test_proxy_without_a_password(fault_server: FaultServer) -> None:
    """Without a user in its URL the proxy is told nothing of one."""
    arguments = ("--api-key", "any", "--base-url", "https://api.test/v1")
    assert diagnosis(*arguments, "--proxy", fault_server.origin).keys() == {"proxy"}
    assert "Proxy-Authorization" not in fault_server.requests[0].headers


@pytest.mark.usefixtures("horay")
def test_server_that_goes_away(fault_server: FaultServer) -> None:
    """When nobody responds any more, the clock isn't compared."""
    fault_server.always(user().with_faults(Cut(0)))
    faults = diagnosis()
    assert faults.keys() == {"API"}


def test_proxy_for_plain_http(fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without TLS the proxy is asked for whole URLs, unless the host is among the exceptions."""
    monkeypatch.setenv("HTTP_PROXY", fault_server.origin)
    arguments = ("--api-key", fault_server.api_key, "--base-url", "http://api.localhost/v1")
    assert not diagnosis(*arguments)
    assert {found.target for found in fault_server.requests} == {
        f"http://api.localhost/v1{path}" for path in ("/models", "/user/info", "/completions", "")
    }
    monkeypatch.setenv("NO_PROXY", ".localhost")
    told = json.loads(bare_horay("doctor", "--json", *arguments).stdout)["findings"]
    assert ("proxy", "none") in [(found["name"], found["found"]) for found in told]


@pytest.mark.parametrize(
    ("base_url", "proxy", "used"),
    [
        ("http://localhost:8000/v1", "http://proxy.test:3128", None),
        ("http://api.test/v1", "proxy.test:3128", "http://proxy.test:3128"),
        ("http://api.test/v1", "http://proxy.test:port", "http://proxy.test:port"),
    ],
)
def test_proxy_is_the_one_that_requests_go_through(
    monkeypatch: pytest.MonkeyPatch, base_url: str, proxy: str, used: str | None
) -> None:
    """What the client makes of the environment's: in plain HTTP this machine is reached without one."""
    monkeypatch.setenv("HTTP_PROXY", proxy)
    found, _ = settings.proxy(base_url, ServerOptions(base_url=base_url))
    assert (found and found.rstrip("/")) == used


@pytest.mark.parametrize(
    "proxy", ["socks5://127.0.0.1:1080", "127.0.0.1:80", "proxy.test:80", "http://proxy.test:port"]
)
def test_proxy_of_another_kind(proxy: str) -> None:
    """A proxy that speaks SOCKS, or whose scheme was left out, is of no use to the client."""
    faults = diagnosis("--api-key", "any", "--base-url", "https://api.test/v1", "--proxy", proxy)
    assert faults.keys() == {"proxy"}
    assert "http://host:port" in faults["proxy"][0]


def dated(off: timedelta) -> dict[str, str]:
    """The `Date` header of a server whose clock differs from this machine's."""
    return {"Date": format_datetime(datetime.now(UTC) + off, usegmt=True)}


@pytest.mark.parametrize(
    ("off", "words"),
    [
        (timedelta(hours=3), "3 hours behind the server's"),
        (timedelta(days=-40), "40 days ahead of the server's"),
    ],
)
@pytest.mark.usefixtures("horay")
def test_clock_off(off: timedelta, words: str, fault_server: FaultServer) -> None:
    """The server says that it is another time."""
    fault_server.always(models(headers=dated(off)), path="/models")
    faults = diagnosis()
    assert faults.keys() == {"clock"}
    assert words in faults["clock"][0]


def test_clock_of_a_server_without_a_date() -> None:
    """Nothing is said of a clock that can't be compared."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert compare_clocks(None, now).state == "unknown"
    assert compare_clocks("yesterday", now).state == "unknown"
    assert compare_clocks("Thu, 01 Jan 2026 00:00:29 GMT", now).state == "ok"


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="there is no way to change the time zone")
def test_clock_of_a_server_that_names_no_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of HTTP's dates are in UTC, wherever this machine is."""
    try:
        monkeypatch.setenv("TZ", "XXX-9")
        time.tzset()
        now = datetime(2026, 1, 1, tzinfo=UTC)
        assert compare_clocks("Thu Jan  1 00:00:29 2026", now).state == "ok"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.usefixtures("horay")
def test_clock_a_little_off(fault_server: FaultServer) -> None:
    """A minute breaks nothing, and is worth a warning."""
    fault_server.always(models(headers=dated(timedelta(minutes=2))), path="/models")
    result = bare_horay("doctor")
    assert result.exit_code == ExitCode.DONE
    assert "warning  clock" in result.stdout
    assert result.stdout.endswith("\nNothing is wrong, but for the warnings.\n")


def test_clock_behind_an_expired_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When this machine's clock is to blame for a certificate, that is named too."""
    with FaultServer(tls="expired", check_key=False) as server:
        server.always(respond(b"{}", 401, headers=dated(timedelta(days=-2))))
        monkeypatch.setenv("SSL_CERT_FILE", trusting(server, tmp_path))
        faults = diagnosis("--api-key", "any", "--base-url", server.base_url)
        assert not any("Authorization" in request.headers for request in server.requests)
    assert faults.keys() == {"TLS", "clock"}
    assert "2 days ahead" in faults["clock"][0]


def misplaced(server: FaultServer) -> None:
    server.always(error(404, "404 page not found", shape="plain"))


def html(server: FaultServer) -> None:
    server.always(respond("<html></html>", content_type="text/html"))


def moved(server: FaultServer) -> None:
    server.always(redirect("https://api.test/v2/models"))


@pytest.mark.parametrize("responses", [misplaced, html, moved])
def test_wrong_base_url(
    responses: Callable[[FaultServer], None], fault_server: FaultServer
) -> None:
    """Something responds, but it isn't the API."""
    responses(fault_server)
    faults = diagnosis("--api-key", fault_server.api_key, "--base-url", fault_server.base_url)
    assert faults.keys() == {"base URL"}
    assert "https://api.horay.ai/v1" in faults["base URL"][1]


def test_unusable_base_url() -> None:
    """The base URL is none, or would send the key in the open."""
    assert "base URL" in diagnosis("--api-key", "any", "--base-url", "api.horay.ai")
    open_ = diagnosis("--api-key", "any", "--base-url", "http://api.horay.ai")
    assert "--allow-insecure-http" in open_["base URL"][0]


def exhausted_account(server: FaultServer) -> None:
    server.always(user({"totalBalance": "0.00"}), path="/user/info")


def payment_required(server: FaultServer) -> None:
    server.always(error(402, "no funds"), path="/completions")


def forbidden_for_lack_of_money(server: FaultServer) -> None:
    server.always(error(403, "insufficient balance"))


@pytest.mark.parametrize(
    "responses", [exhausted_account, payment_required, forbidden_for_lack_of_money]
)
@pytest.mark.usefixtures("horay")
def test_exhausted_balance(
    responses: Callable[[FaultServer], None], fault_server: FaultServer
) -> None:
    """The account has nothing left, whichever response tells it."""
    responses(fault_server)
    assert diagnosis().keys() == {"balance"}


def forbidden(server: FaultServer) -> None:
    server.always(error(403, "not for you"), path="/user/info")


def no_model(server: FaultServer) -> None:
    server.always(error(404, "no such model"), path="/completions")


def ill(server: FaultServer) -> None:
    server.always(error(503, "overloaded", shape="code", code=50505))


def strange(server: FaultServer) -> None:
    server.always(error(400, "what?"), path="/completions")


def garbled(server: FaultServer) -> None:
    server.always(respond("{"), path="/user/info")


def silent(server: FaultServer) -> None:
    server.always(user().with_faults(Cut(0)), path="/user/info")


@pytest.mark.parametrize(
    ("responses", "name", "words"),
    [
        (forbidden, "key", "may not do this"),
        (no_model, "generation", "there is no model"),
        (ill, "API", "fault of its own"),
        (strange, "generation", "what?"),
        (garbled, "account", "isn't valid JSON"),
        (silent, "account", "closed the connection"),
    ],
)
@pytest.mark.usefixtures("horay")
def test_other_faults(
    responses: Callable[[FaultServer], None], name: str, words: str, fault_server: FaultServer
) -> None:
    """What else the API may respond with."""
    responses(fault_server)
    faults = diagnosis()
    assert faults.keys() == {name}
    assert words in faults[name][0]


@pytest.mark.usefixtures("horay")
def test_limits_and_missing_accounts_are_no_faults(fault_server: FaultServer) -> None:
    """A rate limit passes, and a server needn't know accounts."""
    fault_server.always(error(404), path="/user/info")
    fault_server.always(error(429, "slow down"), path="/completions")
    result = bare_horay("doctor")
    assert result.exit_code == ExitCode.DONE
    assert "?        account" in result.stdout
    assert "warning  generation" in result.stdout


@pytest.mark.usefixtures("horay")
def test_account_without_a_balance(fault_server: FaultServer) -> None:
    """A server may not speak of money; then nothing is said of it."""
    fault_server.always(user({"totalBalance": None}), path="/user/info")
    result = bare_horay("doctor")
    assert result.exit_code == ExitCode.DONE
    assert "balance" not in result.stdout


def test_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be found among the installed packages is told as well."""
    monkeypatch.setattr(settings, "SHOWN", ("aiohttp", "no-such-package"))
    assert re.search(r"aiohttp 3\.\d.*, no-such-package missing,", settings.versions().found)


@pytest.mark.usefixtures("horay")
def test_blocked_account(fault_server: FaultServer) -> None:
    """An account that isn't in its normal state is worth a warning."""
    fault_server.always(user({"status": "blocked"}), path="/user/info")
    assert "its status is 'blocked'" in bare_horay("doctor").stdout
