"""`python -m horay_async.cli` is `horay`."""

from horay_async.cli import main

main()
