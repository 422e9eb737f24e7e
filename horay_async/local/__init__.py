"""A development server that speaks the Horay API on a real language model, on this machine.

`LocalServer` runs it inside your program; `python -m horay_async.local` runs it from a shell.
Text comes from llama.cpp (the `local` extra brings it) on SmolLM2-135M-Instruct, or on any GGUF
file of yours. Images are computed by rule, not by a diffusion model. The subpackage stands alone: it
needs nothing of the client.
"""

from .errors import LocalServerError
from .server import LocalServer

__all__ = ["LocalServer", "LocalServerError"]
