"""Where the blocking client could wait for itself, or lose its thread: each case in a process of its own."""

from __future__ import annotations

import sys
import textwrap

import pytest

from horay_async._transport.loops import NO_LOOP
from tests.processes import printed_by, run_python, unmeasured

PREAMBLE = """
import asyncio, gc, os, signal, sys, threading, warnings
from horay_async import APIConnectionError, ConfigurationError, Horay, HorayError
from horay_async.testing import FaultServer, Gate, Stall, raw, stream

warnings.filterwarnings("ignore", "This process .* multi-threaded", DeprecationWarning)  # of fork
server = FaultServer().__enter__()

def connect(**options):
    return Horay(server.api_key, base_url=server.base_url, **options)

def refused(act):
    try:
        act()
    except ConfigurationError as error:
        print(error)
    else:
        print("nothing was raised")
"""

END = """
server.__exit__(None, None, None)
"""


def run(code: str, *, before: str = "", signals: bool = False, quiet: bool = True) -> str:
    """What a script prints. It is killed, and the test fails, where it hangs."""
    if signals and sys.platform == "win32":
        pytest.skip("needs POSIX signals")
    script = PREAMBLE + before + textwrap.dedent(code) + END
    env = unmeasured() if signals or "fork" in script else None
    done = run_python("-W", "error", "-X", "faulthandler", "-c", script, env=env)
    assert done.returncode == 0, done.stderr
    assert not quiet or done.stderr == ""
    return done.stdout


def test_call_in_a_hook() -> None:
    """A hook runs on the loop's thread: calling a blocking client there raises, and the call goes on."""
    printed = run("""
        other = connect()
        seen = []
        def hook(event):
            refused(other.models.list)
            refused(client.models.list)
            refused(lambda: next(stream_))
        client = connect(on_request=hook)
        server.stream(["a", "b"])
        stream_ = connect().completions.create(model="m", prompt="p", stream=True)
        print(len(client.models.list()))
        print("".join(stream_.text()))
    """)
    lines = printed.splitlines()
    assert all("use AsyncHoray in hooks" in line for line in lines[:3])
    assert lines[3:] == ["2", "ab"]


def test_call_in_an_async_tool() -> None:
    """The same in an async tool: the model is told of the error."""
    printed = run("""
        from horay_async import tool
        from horay_async.testing import respond, sse
        @tool
        async def ask() -> str:
            "Asks."
            refused(client.models.list)
            return "asked"
        client = connect()
        call = {"index": 0, "id": "1", "function": {"name": "ask", "arguments": "{}"}}
        chunk = {"choices": [{"index": 0, "finish_reason": "tool_calls", "delta": {"tool_calls": [call]}}]}
        server.add(respond(sse(chunk) + sse("[DONE]"), content_type="text/event-stream"))
        server.reply("done")
        run = client.chat.completions.run_tools(model="m", messages=[{"role": "user", "content": "?"}], tools=[ask])
        print(run.final().choices[0].message.content)
    """)
    assert "use AsyncHoray in hooks" in printed
    assert printed.splitlines()[-1] == "done"


def test_call_beside_trio() -> None:
    """A call made on trio's thread runs on asyncio all the same, and so does what it calls."""
    printed = run("""
        import anyio, trio
        from horay_async import tool
        from horay_async.testing import chat, respond, sse

        question = [{"role": "user", "content": "?"}]

        @tool
        def weather(city: str) -> str:
            "The weather."
            return anyio.run(sunny, city)

        async def sunny(city):
            await anyio.sleep(0)
            return f"sunny in {city}"

        async def main():
            with connect() as client:
                server.add(chat("Hello"))
                print(client.chat.completions.create(model="m", messages=question).choices[0].message.content)
                call = {"index": 0, "id": "a", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
                choice = {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}
                called = sse({"choices": [choice]}) + sse("[DONE]")
                server.add(respond(called, content_type="text/event-stream"))
                server.stream(["Fine."])
                run = client.chat.completions.run_tools(model="m", messages=question, tools=[weather])
                print([event.content for event in run if event.type == "tool_result"])
        trio.run(main)
    """)
    assert printed == "Hello\n['sunny in Rome']\n"


def test_asynchronous_client_under_trio() -> None:
    """It says what it needs, whatever is asked of it."""
    printed = run("""
        import trio
        from horay_async import AsyncHoray, BatchRequest, tool

        @tool
        def weather(city: str) -> str:
            "The weather."
            return "sunny"

        async def refused(act):
            try:
                await act
            except ConfigurationError as error:
                print(error)

        async def main():
            client = AsyncHoray(server.api_key, base_url=server.base_url)
            asked = {"model": "m", "messages": [{"role": "user", "content": "?"}]}
            chat = client.chat.completions
            batch = client.batch.run([BatchRequest.chat(**asked)])
            inputs = ["a"] * 2049
            for act in (
                client.models.list(), chat.create(**asked), chat.create(**asked, stream=True), anext(aiter(batch)),
                anext(aiter(chat.run_tools(**asked, tools=[weather]))), chat.stream(**asked).__aenter__(),
                client.embeddings.create(model="m", input="a"), client.embeddings.create(model="m", input=inputs),
                client.close(),
            ):
                await refused(act)
        trio.run(main)
    """)
    assert printed.splitlines() == [NO_LOOP] * 9


def test_close_on_the_loops_thread() -> None:
    """`close()` in a hook, or in a `__del__` that the collector runs there, doesn't wait: it is done soon
    after, and the last client's thread ends.
    """
    printed = run("""
        class Holder:
            def __init__(self):
                held.append(connect())
                self.client = held[0]
                self.client.models.list()
                self.cycle = self
            def __del__(self):
                self.client.close()
                print("closed in", threading.current_thread().name)
        gc.disable()
        held = []
        Holder()
        def hook(event):
            gc.collect()
            client.close()
        client = connect(on_request=hook)
        server.add(raw(Stall()))
        refused(client.models.list)
        for thread in threading.enumerate():
            if thread.name == "horay-blocking":
                thread.join(20)
        print([t.name for t in threading.enumerate() if t.name == "horay-blocking"], client.closed)
        refused(client.models.list)
    """)
    where, closed_meanwhile, left, refused = printed.splitlines()
    assert where == "closed in horay-blocking"
    assert "the client was closed while the" in closed_meanwhile
    assert left == "[] True"
    assert refused == "the client is closed: make a new one"


@pytest.mark.parametrize(
    "ending",
    [
        "sys.exit(3)",
        "asyncio.get_running_loop().call_soon(sys.exit, 3)",
        "asyncio.get_running_loop().stop()",
    ],
)
def test_user_code_does_not_end_the_thread(ending: str) -> None:
    """A `SystemExit` in a hook is raised where the call waits; other callers and later calls go on."""
    printed = run(f"""
        server.add(raw(Stall()))
        waiting = connect()
        def wait():
            try:
                waiting.models.list()
            except HorayError as error:
                print(error)
        other = threading.Thread(target=wait)
        other.start()
        server.wait_for_requests()
        def hook(event):
            {ending}
        client = connect(on_request=hook)
        (before,) = [t for t in threading.enumerate() if t.name == "horay-blocking"]
        try:
            client.models.list()
        except SystemExit as end:
            print("exit", end.code)
        quiet = client.with_options(on_request=None)
        print(len(quiet.models.list()), before.is_alive(), other.is_alive())
        waiting.close()
        other.join()
        client.close()
        print(before.is_alive())
    """)
    lines = printed.splitlines()
    assert lines[:1] == (["exit 3"] if ending.startswith("sys") else lines[:1])
    assert lines[-3] == "2 True True"
    assert "the client was closed" in lines[-2]
    assert lines[-1] == "False"


def test_dead_thread_is_replaced() -> None:
    """Where the loop itself breaks, waiting calls raise, and the next call has a new thread."""
    printed = run(
        """
        client = connect()
        def hook(event):
            loop = asyncio.get_running_loop()
            loop._selector.select = None
        breaking = client.with_options(on_request=hook, max_retries=0)
        try:
            breaking.models.list()
        except HorayError as error:
            print(type(error).__name__)
        dying = [t for t in threading.enumerate() if t.name == "horay-blocking"]
        print(len(client.models.list()))
        client.close()
        for thread in dying:
            thread.join(10)
        print([t.name for t in threading.enumerate() if t.name == "horay-blocking"])
    """,
        quiet=False,  # what breaks says so
    )
    assert printed.splitlines()[-2:] == ["2", "[]"]


def test_call_in_a_signal_handler_during_the_first_call() -> None:
    """A signal that comes at any moment of the first call: its handler's call and the first one are both
    answered, and closing ends every thread.
    """
    printed = run(
        """
        import time
        handled = 0
        def handler(number, frame):
            global handled
            client.models.list()
            handled += 1
        signal.signal(signal.SIGALRM, handler)
        for step in range(60):
            client = connect()
            signal.setitimer(signal.ITIMER_REAL, 0.00002 + step * 0.00005)
            assert len(client.models.list()) == 2
            while handled == step:
                pass
            client.close()
            left = [t.name for t in threading.enumerate() if t.name == "horay-blocking"]
            assert not left, (step, left)
        print("done")
    """,
        signals=True,
    )
    assert printed == "done\n"


def test_close_in_a_signal_handler_during_the_first_call() -> None:
    """The same with a handler that closes the client: the call is answered, or raises that it is closed."""
    printed = run(
        """
        def handler(number, frame):
            client.close()
        signal.signal(signal.SIGALRM, handler)
        for step in range(60):
            client = connect()
            signal.setitimer(signal.ITIMER_REAL, 0.00002 + step * 0.00005)
            try:
                client.models.list()
            except (APIConnectionError, ConfigurationError) as error:
                assert "closed" in str(error), error
            while signal.getitimer(signal.ITIMER_REAL)[0]:
                pass
            client.close()
            left = [t for t in threading.enumerate() if t.name == "horay-blocking"]
            for thread in left:
                thread.join(5)
            assert not any(t.is_alive() for t in left), step
        print("done")
    """,
        signals=True,
    )
    assert printed == "done\n"


def test_interrupted_first_call() -> None:
    """Ctrl-C at any moment of the first call: the next one works."""
    printed = run(
        """
        import time
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        for step in range(60):
            client = connect()
            try:
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0.00002 + step * 0.00005)
                    client.models.list()
                    while True:
                        time.sleep(0.0001)
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                pass
            assert len(client.models.list()) == 2
            client.close()
        print("done")
    """,
        signals=True,
    )
    assert printed == "done\n"


INTERRUPT = """
import dis
from horay_async._bridge.thread import LoopHandle

async def nothing():
    pass

async def give():
    return 42

places = {}

def looks_for_signals(code):
    # The instructions before which CPython does: after a call, and at the beginning of a function.
    if code not in places:
        names = [(each.offset, each.opname) for each in dis.get_instructions(code)]
        places[code] = {
            offset
            for (_, before), (offset, _) in zip(names, names[1:])
            if before.startswith(("CALL", "RESUME")) and "INTRINSIC" not in before
        }
    return places[code]

def interrupted(call, act, at):
    # Whether `call` had so many places for `act`.
    left, before = at, sys.gettrace()
    def trace(frame, event, arg):
        nonlocal left
        frame.f_trace_opcodes = True
        if event == "opcode" and frame.f_lasti in looks_for_signals(frame.f_code):
            left -= 1
            if left == 0:
                sys.settrace(None)
                act()
        return trace
    sys.settrace(trace)
    try:
        call()
    except (KeyboardInterrupt, ConfigurationError):
        pass
    finally:
        sys.settrace(before)  # measures coverage
    return left <= 0

def ctrl_c():
    raise KeyboardInterrupt

def call():
    assert handle.run(give) == 42

def close():
    handle.close(nothing)

def in_thread(act):
    thread = threading.Thread(target=act)
    thread.start()
    thread.join()

def threads():
    return [thread for thread in threading.enumerate() if thread.name == "horay-blocking"]
"""


@pytest.mark.parametrize("act", ["ctrl_c", "call", "close"])
@pytest.mark.parametrize("used", [False, True])
def test_interrupt_at_every_place(act: str, used: bool) -> None:
    """Ctrl-C, or a signal handler that calls or closes the client, at each place of a call where Python looks for
    signals: the client is as good as before, for other threads too, and closing ends the thread.
    """
    printed = run(
        f"""
        at, came = 0, True
        while came:
            at += 1
            handle = LoopHandle()
            if {used}:
                call()
            came = interrupted(lambda: handle.run(give), {act}, at)
            if came and {act} is close:
                refused(call)
            else:
                in_thread(call)
                call()
            close()
            for thread in threads():
                thread.join()
        print(at)
    """,
        before=INTERRUPT,
    )
    assert int(printed.split()[-1]) > 10


@pytest.mark.posix
def test_fork_at_every_place() -> None:
    """A signal handler that forks at each place where a call looks for signals: the parent has the response, the child
    that or an error, and both can call.
    """
    printed = run(
        """
        child = None
        def fork():
            global child
            child = os.fork()
            if not child:
                signal.alarm(60)
        def forked_call():
            try:
                call()
            except ConfigurationError as error:
                if child or "was forked" not in str(error):
                    os._exit(2)
        at, came = 0, True
        while came:
            at += 1
            handle = LoopHandle()
            call()
            came = interrupted(forked_call, fork, at)
            call()
            close()
            if child == 0:
                os._exit(0)
            assert not came or os.waitpid(child, 0)[1] == 0, at
        print(at)
    """,
        before=INTERRUPT,
        signals=True,
    )
    assert int(printed.split()[-1]) > 10


@pytest.mark.parametrize("used", [False, True])
def test_closing_interrupted_at_every_place(used: bool) -> None:
    """Ctrl-C at each place where `close` looks for signals: closing again closes, and no thread is left."""
    printed = run(
        f"""
        at, came = 0, True
        while came:
            at += 1
            handle = LoopHandle()
            if {used}:
                call()
            came = interrupted(close, ctrl_c, at)
            close()
            refused(call)
            for thread in threads():
                thread.join()
        print(at)
    """,
        before=INTERRUPT,
        quiet=False,  # what comes in a callback of the garbage collector, Python prints and drops
    )
    assert int(printed.split()[-1]) > (10 if used else 1)


def test_reading_interrupted_at_every_place() -> None:
    """An exception of a signal handler at each place where reading a stream looks for signals: who reads on nevertheless
    never sees the end of the stream behind a gap.
    """
    printed = run(
        """
        at, came, stopped = 0, True, 0
        with connect() as client:
            while came:
                at += 1
                server.add(stream(["0", "1", "2", "3"], kind="completion"))
                chunks = client.completions.create(model="m", prompt="p", stream=True)
                got = []
                iterator = iter(chunks.text())
                def read():
                    for text in iterator:
                        got.append(text)
                came = interrupted(read, ctrl_c, at)
                try:
                    read()
                except HorayError as error:
                    assert "closed" in str(error), error
                    stopped += 1
                else:
                    assert "".join(got) == "0123", (at, got)
                chunks.close()
        print(at, stopped)
    """,
        before=INTERRUPT,
        quiet=False,  # what comes in a callback of the garbage collector, Python prints and drops
    )
    places, stopped = map(int, printed.split())
    assert places > 20
    assert stopped > 10


def test_fork_while_the_thread_loads_anyio() -> None:
    """The child's first call doesn't wait for what the parent's thread was loading."""
    if sys.platform == "win32":
        pytest.skip("needs fork")
    printed = run("""
        import importlib.abc
        loading, go_on = threading.Event(), threading.Event()
        class Slow(importlib.abc.MetaPathFinder):
            def find_spec(self, name, path, target=None):
                if name == "anyio.from_thread":
                    loading.set()
                    go_on.wait(10)
                return None
        sys.meta_path.insert(0, Slow())
        client = connect()
        caller = threading.Thread(target=client.models.list)
        caller.start()
        assert loading.wait(10)
        os.register_at_fork(before=go_on.set)  # called before those that were registered earlier
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            os._exit(0 if len(client.models.list()) == 2 else 1)
        print(os.waitpid(child, 0)[1])
        caller.join()
        client.close()
    """)
    assert printed == "0\n"


def test_closing_while_others_call() -> None:
    """Clients closed by one thread while others are calling: each call is answered or raises, none hangs."""
    printed = run("""
        server.always(lambda request: request.json()["prompt"])
        def call(client):
            try:
                while True:
                    client.completions.create(model="m", prompt="p")
            except (APIConnectionError, ConfigurationError) as error:
                assert "closed" in str(error), error
        for turn in range(25):
            client = connect()
            threads = [threading.Thread(target=call, args=(client,)) for _ in range(4)]
            for thread in threads:
                thread.start()
            if turn % 2:
                server.wait_for_requests(len(server.requests) + 1)
            client.close()
            for thread in threads:
                thread.join()
        print("done")
    """)
    assert printed == "done\n"


@pytest.mark.posix
def test_forked_child_has_a_thread_of_its_own() -> None:
    """A client that the parent used works in a forked child, and so does closing it there."""
    printed = run(
        """
        client = connect()
        assert len(client.models.list()) == 2
        server.stream(["a"])
        opened = client.completions.create(model="m", prompt="p", stream=True)
        child = os.fork()
        if not child:
            try:
                assert len(client.models.list()) == 2
                client.close()
                refused(client.models.list)
                sys.stdout.flush()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        print("".join(opened.text()))
        client.close()
    """,
        signals=True,
    )
    assert printed.splitlines() == ["the client is closed: make a new one", "a"]


@pytest.mark.posix
def test_stream_in_a_forked_child() -> None:
    """A stream of the parent ends with an error in a forked child, which reads what had come; the parent reads on."""
    printed = run(
        """
        client = connect()
        server.add(stream(["a"] * 5000), stream(["a"] * 5000))
        unread = client.completions.create(model="m", prompt="p", stream=True)
        opened = client.completions.create(model="m", prompt="p", stream=True)
        texts = opened.text()
        next(texts)
        child = os.fork()
        if not child:
            try:
                for text in texts:
                    assert text == "a", text
            except HorayError as error:
                print(type(error).__name__, error)
                refused(lambda: next(texts))
                refused(lambda: next(unread))
                print(len(client.models.list()))
                client.close()
            finally:
                sys.stdout.flush()
                os._exit(0)
        os.waitpid(child, 0)
        print(len("".join(texts)))
        assert len("".join(unread.text())) == 5000
        client.close()
    """,
        signals=True,
    )
    first, again, unread, models, rest = printed.splitlines()
    assert first.startswith("ConfigurationError this process was forked after")
    assert first.endswith(again)
    assert unread == again
    assert models == "2"
    assert rest == "4999"


@pytest.mark.posix
def test_fork_between_a_call_and_its_stream() -> None:
    """A fork when the response has come and the stream isn't made yet: the child doesn't read the parent's connection."""
    if sys.platform == "win32":
        pytest.skip("needs fork")
    printed = run("""
        from horay_async.sync import Stream
        made = Stream.__init__
        def forked(self, *args):
            global child
            child = os.fork()
            made(self, *args)
        Stream.__init__ = forked
        server.stream(["s", "t"])
        client = connect()
        try:
            text = "".join(client.completions.create(model="m", prompt="p", stream=True).text())
        except ConfigurationError as error:
            os._exit(0 if not child and "was forked" in str(error) else 1)
        if not child:
            os._exit(2)
        print(text, os.waitpid(child, 0)[1])
        client.close()
    """)
    assert printed == "st 0\n"


def test_fork_in_the_middle_of_a_call() -> None:
    """A signal handler forks while a call and a stream are waited for: the child gets an error, the parent the response."""
    printed = run(
        """
        client = connect()
        def fork(*_):
            global child
            child = os.fork()
            if child:
                gate.open()
        signal.signal(signal.SIGUSR1, fork)
        def signalled(count):
            server.wait_for_requests(count)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
        def call():
            return f"{len(client.models.list())} models"
        def read():
            return "".join(client.completions.create(model="m", prompt="p", stream=True).text())
        for count, act in enumerate([call, read], 1):
            gate = Gate()
            if act is call:
                body = b'{"object":"list","data":[]}'
                head = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n"
                server.add(raw(gate, head % len(body) + body))
            else:
                server.stream(["s", gate, "t"])
            timer = threading.Thread(target=signalled, args=(count,))
            timer.start()
            try:
                said = act()
            except ConfigurationError as error:
                said = error
            os.write(1, f"{said}\\n".encode())  # at once, whatever the other process writes
            if not child:
                os._exit(0)
            os.waitpid(child, 0)
            timer.join()
        client.close()
        """,
        signals=True,
    )
    # Parent and child print in any order.
    lines = sorted(printed.splitlines())
    assert (lines[0], lines[1]) == ("0 models", "st")
    assert lines[2].startswith("this process was forked after the call began")
    assert lines[3:] == lines[2:3]


@pytest.mark.parametrize("closed", [False, True])
def test_end_of_the_program(closed: bool) -> None:
    """Calls while the interpreter ends are answered or raise; none hangs, however the clients were left."""
    printed = run(f"""
        import atexit
        def late():
            try:
                print(len(client.models.list()))
            except HorayError as error:
                print("refused")
        class Global:
            def __del__(self):
                late()
                self.client.close()
        atexit.register(server.__exit__, None, None, None)
        atexit.register(late)
        client = connect()
        held = Global()
        held.client = client
        print(len(client.models.list()))
        if {closed}:
            client.close()
        server.__class__.__exit__ = lambda *_: None
    """)
    lines = printed.splitlines()
    assert lines[0] == "2"
    assert set(lines[1:]) <= {"2", "refused"}


@pytest.mark.parametrize(
    ("response", "act"),
    [
        ("server.add(raw(Stall()))", "client.models.list"),
        (
            'server.call_tools(("hang", {}))',
            'client.chat.completions.run_tools(model="m", messages=[{"role": "user", "content": "Hi"}], tools=[hang]).final',
        ),
    ],
    ids=["call", "run"],
)
def test_what_the_end_of_the_program_cuts_off(response: str, act: str) -> None:
    """Says so: no client was closed. The error isn't the one that says that nothing was sent."""
    code = f"""
import asyncio, atexit, threading
def end():  # before the package's own, so after it
    thread.join(20)
    server.__exit__(None, None, None)
atexit.register(end)
from horay_async import Horay, HorayError, tool
from horay_async.testing import FaultServer, Stall, raw
begun = threading.Event()
@tool
async def hang() -> None:
    begun.set()
    await asyncio.Event().wait()
def call():
    try:
        act()
    except HorayError as error:
        print(type(error).__name__, error, sep=": ", flush=True)
server = FaultServer().__enter__()
{response}
client = Horay(server.api_key, base_url=server.base_url)
act = {act}
thread = threading.Thread(target=call, daemon=True)
thread.start()
server.wait_for_requests()
if {"hang" in act}:
    begun.wait(20)
"""
    assert printed_by("-c", code) == "HorayError: the program ended while the call was under way\n"


def test_tool_that_ignores_every_cancellation() -> None:
    """It holds the loop for ever, and closing the client only for a while."""
    printed = run(
        """
        from horay_async import APITimeoutError, tool
        from horay_async._bridge import thread as module
        module.EXIT_TIMEOUT = 0.1
        @tool
        async def stubborn() -> str:
            "Never ends."
            print("called")
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    print("cancelled")
        function = {"name": "stubborn", "arguments": "{}"}
        delta = {"tool_calls": [{"index": 0, "id": "1", "type": "function", "function": function}]}
        choice = {"index": 0, "delta": delta, "finish_reason": "tool_calls"}
        server.add(respond([sse({"id": "1", "choices": [choice]}), sse("[DONE]")], content_type="text/event-stream"))
        client = connect()
        try:
            client.chat.completions.run_tools(model="m", messages=[{"role": "user", "content": "?"}], tools=[stubborn], timeout=0.5).final()
        except APITimeoutError:
            print("timed out")
        client.close()
        print("closed")
        sys.stdout.flush()
        os._exit(0)
        """,
        before="from horay_async.testing import respond, sse\n",
    )
    assert [line for line in printed.splitlines() if line != "cancelled"] == [
        "called",
        "timed out",
        "closed",
    ]
