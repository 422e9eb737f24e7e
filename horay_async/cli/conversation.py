"""The conversation of `horay chat`: lines typed on a terminal, responses streamed below them."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import horay_async
from horay_async._files import is_regular
from horay_async.cli import responses
from horay_async.cli.errors import report_error
from horay_async.cli.exit_codes import CommandError
from horay_async.cli.inputs import END_OF_INPUT, Content, decode, decode_argument, read_file
from horay_async.cli.interrupts import Ended
from horay_async.cli.output import new_file, note, write_file
from horay_async.cli.terminal import has_colours, styled

ROLES: Final = frozenset({"system", "user", "assistant"})
LEAVING: Final = frozenset({"exit", "exit()", "quit", "quit()"})
"""Lines that are hardly meant for the model. They aren't sent. They don't leave either, since the conversation would
be lost."""
HOW_TO_LEAVE: Final = f"{END_OF_INPUT} or /exit leaves"


@dataclass
class Conversation:
    """A conversation: it sends all messages again with each new one, until `/clear`."""

    client: horay_async.Horay
    model: str
    system: str | None
    params: dict[str, Any]
    markdown: bool = False
    attached: Content = field(default_factory=Content)
    """Files that go with the next message."""

    def __post_init__(self) -> None:
        self._said: list[dict[str, Any]] = []
        self._saved: set[Path] = set()
        """Files that were written here, and may be again."""
        self._commands: dict[str, Callable[[str], None]] = {
            "/model": self._change_model,
            "/system": self._change_system,
            "/clear": self._clear,
            "/save": self._save,
            "/save!": self._save_over,
            "/load": self._load,
            "/help": self._help,
        }

    def run(self) -> None:
        """Talks until the user leaves. Ctrl-C stops a response, or drops the line that is being typed."""
        with contextlib.suppress(ImportError):  # not on Windows: its console edits lines itself
            import_module("readline")  # from here on `input` edits and remembers lines
        note(
            f"{self.model}: /help lists what else you can type; Ctrl-C stops a response; {HOW_TO_LEAVE}"
        )
        while True:
            try:
                line = decode_argument(self._read(), "the line")
                word, _, rest = line.partition(" ")
                if word in ("/exit", "/quit"):
                    return
                if line.strip().lower() in LEAVING:
                    note(f"(not sent: {HOW_TO_LEAVE})")
                    continue
                if word.startswith("/"):
                    if word not in self._commands:
                        raise CommandError(
                            f"there is no command {word}; /help lists those there are"
                        )
                    self._commands[word](rest.strip())
                elif line.strip():
                    self._ask(line)
            except (CommandError, OSError) as error:
                report_error(error)
            except EOFError:
                print()
                return
            except Ended:
                raise
            except KeyboardInterrupt:
                print()
                note(f"({HOW_TO_LEAVE})")

    def _read(self) -> str:
        """A line, and those after it as long as each ends in a backslash."""
        line = input(_prompt("> "))
        while line.endswith("\\"):
            line = f"{line[:-1]}\n{input(_prompt('. '))}"
        return line

    def _ask(self, text: str) -> None:
        content = Content(text)
        content.add_content(self.attached)
        self._said.append({"role": "user", "content": content.parts()})
        deltas: list[str] = []
        completions: Any = self.client.chat.completions  # no checker can tell what `params` holds
        try:
            try:
                stream = completions.stream(
                    model=self.model, messages=self._messages(), **self.params
                )
            except (TypeError, ValueError) as error:  # of what was loaded
                raise CommandError(str(error)) from error
            with stream as events:
                choice = responses.write_stream(events, deltas, markdown=self.markdown)
            if remark := responses.ending_of(choice).remark:
                note(remark)
        except Ended:
            raise
        except KeyboardInterrupt:
            note("(stopped)")
        except (horay_async.HorayError, CommandError) as error:
            if isinstance(error, horay_async.APIError) and not deltas:
                # A response that is no stream, though one was asked for, is as good as one.
                written = responses.write_partial(error)
                deltas += [written] if written else []
            report_error(error)
        finally:
            if deltas:
                self._said.append({"role": "assistant", "content": "".join(deltas)})
                self.attached = Content()
            else:
                del self._said[-1]  # so that the same can be asked again

    def _messages(self) -> list[dict[str, Any]]:
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, *self._said]

    def _change_model(self, name: str) -> None:
        """NAME: ask another model from now on."""
        self.model = name or self.model
        note(f"model: {self.model}")

    def _change_system(self, text: str) -> None:
        """TEXT: what the model is told first; nothing without a text."""
        self.system = text or None
        note(f"system message: {self.system or 'none'}")

    def _clear(self, _: str) -> None:
        """Forget what was said."""
        self._said.clear()
        note("forgotten")

    def _save_over(self, name: str) -> None:
        """FILE: the same, in the place of a file that is there."""
        self._save(name, replace=True)

    def _save(self, name: str, *, replace: bool = False) -> None:
        """FILE: write the conversation there, as the JSON of `messages`."""
        path = _path("/save", name)
        text = json.dumps(self._messages(), ensure_ascii=False, indent=2)
        if replace or not is_regular(path) or path.resolve() in self._saved:
            write_file(path, text)
        else:
            try:
                with new_file(path, numbered=False) as new:
                    write_file(new, text)
            except FileExistsError as error:
                raise CommandError(
                    f"{path} is there already: take another name, or write /save! {name} to replace it"
                ) from error
        if is_regular(path):
            self._saved.add(path.resolve())
        note(f"saved as {path}")

    def _load(self, name: str) -> None:
        """FILE: go on with a conversation that /save wrote."""
        path = _path("/load", name)
        self.system, self._said = _parse_messages(read_file(path), str(path))
        note(f"loaded {path}: {len(self._said)} messages")

    def _help(self, _: str) -> None:
        """Show these lines."""
        for word, command in self._commands.items():
            note(f"{word:<9}{command.__doc__}", indent=9)
        note(f"{'/exit':<9}Leave, as {END_OF_INPUT} does.")
        note("A line that ends in a backslash goes on in the next.")


def _path(word: str, name: str) -> Path:
    """The file that a command was given. Raises `CommandError` without one."""
    if not name:
        raise CommandError(f"{word} needs the name of a file")
    try:
        return Path(name).expanduser()
    except RuntimeError as error:  # of a user who isn't there
        raise CommandError(f"{name}: there is no such user's home directory") from error


def _parse_messages(data: bytes, source: str) -> tuple[str | None, list[dict[str, Any]]]:
    """The system message and the others. Raises `CommandError` for what isn't the JSON of `messages`."""
    messages: Any = []
    try:
        messages = json.loads(decode(data, source))
        # Raises for what can't be sent: numbers that JSON doesn't have, and half of a surrogate pair.
        json.dumps(messages, ensure_ascii=False, allow_nan=False).encode()
        roles = [str(message["role"]) for message in messages if "content" in message]
    except (ValueError, TypeError, KeyError, RecursionError):
        roles = []
    if not roles or len(roles) < len(messages) or not {*roles} <= ROLES:
        raise CommandError(f"{source} isn't a conversation as /save writes it")
    if roles[0] == "system" and isinstance(messages[0]["content"], str):
        return messages[0]["content"], messages[1:]
    return None, messages


def _prompt(mark: str) -> str:
    if not has_colours(sys.stdout):
        return mark
    if "readline" not in sys.modules:
        return styled(mark, "bold", sys.stdout)
    # The escapes stand between the marks that tell readline that they take no room.
    return f"\001\x1b[1m\002{mark}\001\x1b[0m\002"
