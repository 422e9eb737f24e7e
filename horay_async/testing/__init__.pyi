# Written by .ci/stubs.py from the parameter classes: change those, and run it again.

"""A scripted Horay server for tests, which responds well or badly, on the real wire."""

from horay_async.testing._server_connection import ConnectFault as ConnectFault
from horay_async.testing.canned import Piece as Piece
from horay_async.testing.canned import Reply as Reply
from horay_async.testing.canned import chat as chat
from horay_async.testing.canned import completion as completion
from horay_async.testing.canned import embeddings as embeddings
from horay_async.testing.canned import image as image
from horay_async.testing.canned import models as models
from horay_async.testing.canned import picture as picture
from horay_async.testing.canned import stream as stream
from horay_async.testing.canned import user as user
from horay_async.testing.cassettes import cassette_options as cassette_options
from horay_async.testing.chaos import Chaos as Chaos
from horay_async.testing.chaos import ChaosKind as ChaosKind
from horay_async.testing.chaos import Dealt as Dealt
from horay_async.testing.failures import ErrorShape as ErrorShape
from horay_async.testing.failures import RetryForm as RetryForm
from horay_async.testing.failures import decompression_bomb as decompression_bomb
from horay_async.testing.failures import error as error
from horay_async.testing.failures import error_event as error_event
from horay_async.testing.failures import pings as pings
from horay_async.testing.failures import rate_limits as rate_limits
from horay_async.testing.failures import redirect as redirect
from horay_async.testing.faults import CloseUnderNext as CloseUnderNext
from horay_async.testing.faults import Cut as Cut
from horay_async.testing.faults import Delay as Delay
from horay_async.testing.faults import Ending as Ending
from horay_async.testing.faults import Executed as Executed
from horay_async.testing.faults import Hang as Hang
from horay_async.testing.faults import Split as Split
from horay_async.testing.recorder import Recorder as Recorder
from horay_async.testing.records import Connection as Connection
from horay_async.testing.records import Headers as Headers
from horay_async.testing.records import Request as Request
from horay_async.testing.responses import Coding as Coding
from horay_async.testing.responses import Fault as Fault
from horay_async.testing.responses import MessageOptions as MessageOptions
from horay_async.testing.responses import ScriptedResponse as ScriptedResponse
from horay_async.testing.responses import Then as Then
from horay_async.testing.responses import json_response as json_response
from horay_async.testing.responses import raw as raw
from horay_async.testing.responses import respond as respond
from horay_async.testing.responses import sse as sse
from horay_async.testing.script import Handler as Handler
from horay_async.testing.script import Scripted as Scripted
from horay_async.testing.server import FaultServer as FaultServer
from horay_async.testing.steps import Fin as Fin
from horay_async.testing.steps import Gate as Gate
from horay_async.testing.steps import MarkExecuted as MarkExecuted
from horay_async.testing.steps import Pause as Pause
from horay_async.testing.steps import Repeat as Repeat
from horay_async.testing.steps import Reset as Reset
from horay_async.testing.steps import Send as Send
from horay_async.testing.steps import Stall as Stall
from horay_async.testing.steps import Step as Step
from horay_async.testing.tls import TLSKind as TLSKind

__all__ = [
    "Chaos",
    "ChaosKind",
    "CloseUnderNext",
    "Coding",
    "ConnectFault",
    "Connection",
    "Cut",
    "Dealt",
    "Delay",
    "Ending",
    "ErrorShape",
    "Executed",
    "Fault",
    "FaultServer",
    "Fin",
    "Gate",
    "Handler",
    "Hang",
    "Headers",
    "MarkExecuted",
    "MessageOptions",
    "Pause",
    "Piece",
    "Recorder",
    "Repeat",
    "Reply",
    "Request",
    "Reset",
    "RetryForm",
    "Scripted",
    "ScriptedResponse",
    "Send",
    "Split",
    "Stall",
    "Step",
    "TLSKind",
    "Then",
    "cassette_options",
    "chat",
    "completion",
    "decompression_bomb",
    "embeddings",
    "error",
    "error_event",
    "image",
    "json_response",
    "models",
    "picture",
    "pings",
    "rate_limits",
    "raw",
    "redirect",
    "respond",
    "sse",
    "stream",
    "user",
]
