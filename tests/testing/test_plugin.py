"""The pytest plugin, in test suites of others."""

from __future__ import annotations

import pytest

from horay_async import APIConnectionError, Horay
from tests.processes import printed_by

pytest_plugins = ["pytester"]

OPTIONS = (
    # By its module's name, whether or not an entry point has loaded it by another.
    *("-p", "no:horay_async", "-p", "horay_async.testing.plugin"),
    # Hypothesis is loaded anew by each inner run, which takes longer than all the rest.
    *("-p", "no:hypothesispytest", "-p", "no:cacheprovider", "-W", "error"),
    # The outer run has loaded it; whether by an import that rewrites asserts, installers decide.
    *("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"),
)


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    """Each inner run forgets what it imported, so what it would load for long is here beforehand."""
    with Horay("key", base_url="http://127.0.0.1:1") as client, pytest.raises(APIConnectionError):
        client.models.list(max_retries=0)


def run(pytester: pytest.Pytester, passed: int) -> None:
    """Runs the suite, in which so many tests pass and nothing else happens."""
    result = pytester.runpytest_inprocess(*OPTIONS)
    result.assert_outcomes(passed=passed)


BLOCKING = """
import pytest
from horay_async import Horay, RateLimitError
from horay_async.testing import error

def capital(client):
    return client.completions.create(model="m", prompt="The capital of Germany is").choices[0].text

def test_response(horay_server, blocking_horay_client):
    horay_server.reply("Berlin")
    assert capital(blocking_horay_client) == "Berlin"
    [request] = horay_server.requests
    assert request.json() == {"model": "m", "prompt": "The capital of Germany is"}

def test_retry(horay_server, blocking_horay_client):
    horay_server.add(error(500), error(503))
    horay_server.reply("Berlin")
    assert capital(blocking_horay_client) == "Berlin"
    assert len(horay_server.requests) == 3

def test_environment(horay_env):
    horay_env.reply("Berlin")
    with Horay() as client:
        assert capital(client) == "Berlin"

def test_retries_of_a_client_in_the_code(horay_env):
    from horay_async import RetryPolicy
    horay_env.add(error(500), error(503))
    horay_env.reply("Berlin")
    with Horay() as client:
        assert capital(client) == "Berlin"
        assert client.options.retry.max_backoff <= 0.05
        assert client.with_options(max_retries=7).options.retry.max_backoff <= 0.05
    assert Horay(max_retries=7).options.retry.max_backoff <= 0.05
    given = RetryPolicy(max_retries=7)
    assert given.max_backoff == 8
    assert Horay(retry=given).options.retry == given

def test_retries_restored():
    assert Horay("key").options.retry.max_backoff == 8

def test_unused(blocking_horay_client, horay_client):
    assert not blocking_horay_client.closed

def test_environment_restored():
    import os
    assert "HORAY_BASE_URL" not in os.environ
"""

AWAITED = """
from horay_async import AsyncHoray

async def test_response(horay_server, horay_client):
    horay_server.stream(["Ber", "lin"])
    stream = await horay_client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}], stream=True)
    assert [text async for text in stream.text()] == ["Ber", "lin"]
    assert horay_server.requests[0].json()["stream"] is True

async def test_stream_left_open(horay_server, horay_client):
    stream = await horay_client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}], stream=True)
    await anext(stream)

async def test_environment(horay_env):
    async with AsyncHoray() as client:
        assert len(await client.models.list()) == 2
"""


def test_blocking_tests(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fixtures of the server, the blocking client and the environment."""
    monkeypatch.delenv("HORAY_BASE_URL", raising=False)
    pytester.makepyfile(BLOCKING)
    run(pytester, 7)


def test_awaited_tests_under_anyio(pytester: pytest.Pytester) -> None:
    """anyio's plugin keeps the event loop until after the fixtures are torn down."""
    pytester.makepyfile("import pytest\npytestmark = pytest.mark.anyio\n" + AWAITED)
    pytester.makeconftest(
        "import pytest\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
    )
    run(pytester, 3)


def test_awaited_tests_with_a_loop_each(pytester: pytest.Pytester) -> None:
    """A plugin such as pytest-asyncio runs each test on a loop that is closed before the teardown."""
    pytester.makepyfile(AWAITED)
    pytester.makeconftest(
        """
        import asyncio, inspect, pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_pyfunc_call(pyfuncitem):
            if inspect.iscoroutinefunction(pyfuncitem.obj):
                names = pyfuncitem._fixtureinfo.argnames
                arguments = {name: pyfuncitem.funcargs[name] for name in names}
                with asyncio.Runner() as runner:
                    runner.run(pyfuncitem.obj(**arguments))
                return True
        """
    )
    run(pytester, 3)


def test_a_failing_handler_fails_the_test(pytester: pytest.Pytester) -> None:
    """What a handler raises is shown where the server's fixture ends."""
    pytester.makepyfile(
        """
        import pytest
        from horay_async import InternalServerError

        def check(request):
            if request.json()["model"] != "right":
                pytest.fail("the wrong model")

        def test_it(horay_server, blocking_horay_client):
            horay_server.always(check)
            with pytest.raises(InternalServerError):
                blocking_horay_client.completions.create(model="wrong", prompt="?", max_retries=0)
        """
    )
    result = pytester.runpytest_inprocess(*OPTIONS)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*Failed: the wrong model*"])


def test_the_fixtures_are_documented(pytester: pytest.Pytester) -> None:
    """`pytest --fixtures` says what each is."""
    result = pytester.runpytest_inprocess(*OPTIONS, "--fixtures")
    result.stdout.fnmatch_lines(
        [
            "horay_server -- *",
            "    A scripted Horay server of this test's own.",
            "horay_client -- *",
            "blocking_horay_client -- *",
            "horay_env -- *",
        ]
    )


def test_loading_it_is_cheap() -> None:
    """Neither aiohttp nor anyio is loaded before a test asks for a client, nor trustme at all."""
    code = (
        "import sys, horay_async.testing.plugin\n"
        "print([n for n in ('aiohttp', 'anyio', 'trustme', 'cattrs') if n in sys.modules])"
    )
    assert printed_by("-c", code) == "[]\n"


def test_plugin_loads_nothing() -> None:
    """It is loaded in every run of everyone who has the package: the fixtures import what they need."""
    code = "import pytest, sys; before = set(sys.modules); import horay_async.testing.plugin; "
    code += "print(*sorted(set(sys.modules) - before))"
    assert printed_by("-c", code).split() == [
        "horay_async",
        "horay_async._version",
        "horay_async.testing",
        "horay_async.testing.plugin",
    ]
