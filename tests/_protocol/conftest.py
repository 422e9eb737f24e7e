"""Property tests that give the same verdict in every run, however slow the machine."""

from __future__ import annotations

import hypothesis

hypothesis.settings.register_profile(
    "steady", derandomize=True, deadline=None, database=None, max_examples=50
)
hypothesis.settings.load_profile("steady")
