"""Without Ray."""

from __future__ import annotations

from tests.processes import printed_by, run_python


def test_extra_is_named() -> None:
    """Importing the module says what to install; importing the package needs nothing of it."""
    code = (
        "import sys; sys.modules['ray'] = sys.modules['pyarrow'] = None; "
        "import horay_async; import horay_async.integrations.ray"
    )
    last = run_python("-c", code).stderr.strip().splitlines()[-1]
    assert (
        last == "ImportError: horay_async.integrations.ray needs ray and pyarrow: pip install "
        "'horay-async[ray]'"
    )


def test_package_leaves_ray_alone() -> None:
    """All public names can be had without Ray being imported."""
    code = (
        "import sys, horay_async; [getattr(horay_async, name) for name in horay_async.__all__]; "
        "sys.exit(bool({'ray', 'pyarrow', 'horay_async.integrations.ray'} & sys.modules.keys()))"
    )
    printed_by("-c", code)
