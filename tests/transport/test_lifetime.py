"""A client's life in a process of its own: loops, threads, forks, and the end of the interpreter.

Each script runs with warnings as errors and in Python's development mode, and has to end with nothing on
its standard error.
"""

from __future__ import annotations

import gc
import sys
from textwrap import dedent
from typing import Any

import pytest

from horay_async._transport import connection_pool
from horay_async.testing import FaultServer, Stall, completion, raw, stream
from tests.processes import run_python, unmeasured

PRELUDE = """
import asyncio, gc, logging, os, socket, sys, threading, warnings
from horay_async import AsyncHoray, Horay

# A slow machine is no fault of the client's, and newer Pythons warn of any fork beside a thread.
logging.getLogger("asyncio").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", message=".*multi-threaded", category=DeprecationWarning)

key, base_url = sys.argv[1:]
asked = dict(model="m", prompt="p")

async def call(client):
    response = await client.completions.create(**asked)
    assert response.choices[0].text == "Hello from the test server."
    chunks = await client.completions.create(**asked, stream=True)
    assert "".join([piece async for piece in chunks.text()]) == response.choices[0].text

def blocking_call(client):
    response = client.completions.create(**asked)
    assert response.choices[0].text == "Hello from the test server."
    assert "".join(client.completions.create(**asked, stream=True).text()) == response.choices[0].text

def forked(work):
    child = os.fork()
    if child == 0:
        work()
        sys.exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7

"""


def run(server: FaultServer, script: str) -> str:
    """Runs a script with a client of `server`; gives what it printed."""
    given = ("-W", "error", "-X", "dev", "-c", PRELUDE + dedent(script))
    done = run_python(*given, server.api_key, server.base_url, env=unmeasured())
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


@pytest.mark.posix
def test_loops_threads_and_forks(fault_server: FaultServer) -> None:
    """One client over three runs, four threads and a fork: right responses on both sides, no warning."""
    run(
        fault_server,
        """
        client = AsyncHoray(key, base_url=base_url)
        for _ in range(3):
            asyncio.run(call(client))
        threads = [threading.Thread(target=lambda: asyncio.run(call(client))) for _ in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        forked(lambda: asyncio.run(call(client)))
        asyncio.run(call(client))
        """,
    )
    assert fault_server.wait(lambda: fault_server.open_connections == 0)
    assert len(fault_server.requests) == 2 * (3 + 4 + 1 + 1)


@pytest.mark.posix
def test_fork_beside_a_running_loop(fault_server: FaultServer) -> None:
    """A fork in the middle of a loop leaves the parent its connections, and the child makes its own."""
    run(
        fault_server,
        """
        async def main():
            async with AsyncHoray(key, base_url=base_url) as client:
                await call(client)

                def work():
                    asyncio._set_running_loop(None)  # what the child inherits isn't running in it
                    asyncio.run(call(client))
                    gc.collect()
                    os._exit(7)  # what is left of the parent's loop here isn't the child's to end

                forked(work)
                await call(client)
        asyncio.run(main())
        """,
    )
    assert len(fault_server.connections) == 2


@pytest.mark.posix
def test_blocking_clients_and_forks(fault_server: FaultServer) -> None:
    """Blocking clients share one thread, and all of them go on in parent and child."""
    run(
        fault_server,
        """
        first, second = Horay(key, base_url=base_url), Horay(key, base_url=base_url)
        blocking_call(first)
        blocking_call(second)
        names = [thread.name for thread in threading.enumerate()]
        assert names.count("horay-blocking") == 1, names

        def work():
            blocking_call(first)
            blocking_call(second)
            first.close()
            blocking_call(second)

        forked(work)
        blocking_call(second)
        first.close()
        blocking_call(second)
        second.close()
        assert threading.active_count() == 1
        """,
    )


def test_exit_without_closing(fault_server: FaultServer) -> None:
    """A client that nobody closed ends with its loop, without a word."""
    run(
        fault_server,
        """
        client = AsyncHoray(key, base_url=base_url)
        asyncio.run(call(client))
        """,
    )
    assert fault_server.wait(lambda: fault_server.open_connections == 0)


@pytest.mark.parametrize("end", ["", "loop.close()"])
def test_exit_with_a_loop_of_ones_own(fault_server: FaultServer, end: str) -> None:
    """Even where the loop was just dropped, or closed with no time for anything to end."""
    run(
        fault_server,
        f"""
        warnings.filterwarnings("ignore", message="unclosed (event loop|transport|<socket)")
        client = AsyncHoray(key, base_url=base_url)
        loop = asyncio.new_event_loop()
        loop.run_until_complete(call(client))
        {end}
        """,
    )


@pytest.mark.parametrize("what", ["call(client)", "begin(client)"])
def test_loops_closed_with_no_time_for_anything(fault_server: FaultServer, what: str) -> None:
    """Connections of loops that were closed so go when the next loop comes, or the client does."""
    fault_server.always(completion("Hello from the test server."))
    if "begin" in what:
        fault_server.always(stream(["a", Stall()], kind="completion"))
    printed = run(
        fault_server,
        f"""
        warnings.filterwarnings("ignore", message="unclosed (event loop|transport|<socket)")

        async def call(client):
            await client.completions.create(**asked)

        async def begin(client):
            await anext(await client.completions.create(**asked, stream=True))

        def open_sockets():
            gc.collect()
            found = [one for one in gc.get_objects() if isinstance(one, socket.socket)]
            return [one for one in found if one.fileno() >= 0 and one.type == socket.SOCK_STREAM]

        client = AsyncHoray(key, base_url=base_url)
        for _ in range(4):
            loop = asyncio.new_event_loop()
            loop.run_until_complete({what})
            loop.close()
        print(len(open_sockets()))
        asyncio.run(client.close())
        print(len(open_sockets()))
        """,
    )
    left, after_close = map(int, printed.split())
    assert left <= 1
    assert after_close == 0


def test_exit_with_blocking_clients(fault_server: FaultServer) -> None:
    """Blocking clients need no closing either, used or unused."""
    run(
        fault_server,
        """
        unused = Horay(key, base_url=base_url)
        used = Horay(key, base_url=base_url)
        blocking_call(used)
        blocking_call(used.with_options(timeout=5))
        """,
    )
    assert fault_server.wait(lambda: fault_server.open_connections == 0)


def test_exit_in_the_middle_of_streams(fault_server: FaultServer) -> None:
    """Streams that were not read to their end don't hold up the exit."""
    fault_server.always(stream(["a", Stall()], kind="completion"))
    run(
        fault_server,
        """
        blocking = Horay(key, base_url=base_url)
        half_read = blocking.completions.create(**asked, stream=True)
        next(half_read)
        unread = blocking.completions.create(**asked, stream=True)
        for _ in blocking.completions.create(**asked, stream=True): break

        client = AsyncHoray(key, base_url=base_url)
        async def main():
            global chunks
            chunks = await client.completions.create(**asked, stream=True)
            await anext(chunks)
        asyncio.run(main())
        """,
    )
    assert fault_server.wait(lambda: fault_server.open_connections == 0)


def test_exit_beside_a_call(fault_server: FaultServer) -> None:
    """Nor does a call that another thread waits for."""
    fault_server.always(raw(Stall()))
    out = run(
        fault_server,
        """
        from horay_async import HorayError
        client = Horay(key, base_url=base_url)
        sent = threading.Event()

        def wait():
            try:
                client.completions.create(**asked)
            except HorayError as error:
                os.write(1, b"told")

        threading.Thread(target=wait, daemon=True).start()
        while not [pool for pool in client._wrapped._transport.pools.live_pools() if any(slots.in_use for slots in pool.slots.values())]:
            threading.Event().wait(0.005)
        """,
    )
    assert out in ("", "told")  # the daemon thread may or may not get to speak


@pytest.mark.parametrize("cls", ["AsyncHoray", "Horay"])
def test_dropping_an_open_client_warns_once(fault_server: FaultServer, cls: str) -> None:
    """A client that is dropped with open connections says where it was made."""
    out = run(
        fault_server,
        f"""
        def made():
            return {cls}(key, base_url=base_url)

        async def main():
            client = made()
            await (call(client) if {cls} is AsyncHoray else asyncio.to_thread(blocking_call, client))
            del client
            gc.collect()
            await asyncio.sleep(0.01)

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            asyncio.run(main())
            gc.collect()
        for warning in caught:
            print(warning.category.__name__, warning.message)
        """,
    )
    assert out.count("ResourceWarning") == 1
    assert "client made at <string>:32 was not closed" in out
    assert fault_server.wait(lambda: fault_server.open_connections == 0)


FORGOTTEN = 200


@pytest.mark.posix
@pytest.mark.parametrize("closed", [False, True], ids=["open loops", "closed loops"])
@pytest.mark.parametrize("clients", ["one client", "a client each", "streams"])
def test_forgotten_loops(fault_server: FaultServer, clients: str, closed: bool) -> None:
    """Loops that are forgotten, with clients that are, keep no descriptor; only Python's own warnings tell of them."""
    out = run(
        fault_server,
        f"""
        warnings.simplefilter("ignore", ResourceWarning)
        shared = AsyncHoray(key, base_url=base_url)

        async def main():
            client = shared if {clients == "one client"} else AsyncHoray(key, base_url=base_url)
            await client.models.list()
            if {clients == "streams"}:
                chunks = await client.completions.create(**asked, stream=True)
                await anext(chunks)

        def opened():
            gc.collect()
            return len(os.listdir("/dev/fd"))

        for number in range({FORGOTTEN}):
            loop = asyncio.new_event_loop()
            loop.run_until_complete(main())
            if {closed}:
                loop.close()
            del loop
            if number == 20:
                first = opened()
        print(opened() - first)
        asyncio.run(shared.close())
        """,
    )
    assert int(out) < 20


def test_end_of_a_client_when_modules_have_lost_their_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As at the end of the interpreter, when what a test or a frame held goes last."""
    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    pools = connection_pool.ConnectionPools("here")
    monkeypatch.setattr(connection_pool, "sys", None)
    del pools
    gc.collect()
    assert not told
