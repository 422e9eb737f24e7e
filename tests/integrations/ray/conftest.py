"""A real cluster of two nodes on this machine, one of which a test can kill."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from horay_async.testing import FaultServer

KEY = "the-key-that-no-log-may-have"


class Nodes:
    """The cluster: a head node, which the tests' process is connected to, and others."""

    def __init__(self, cluster: Any, folder: Path) -> None:
        self._cluster = cluster
        self.logs: Path = folder
        """Where all of the cluster's processes write."""

    def add(self) -> Any:
        """A further node, with one CPU."""
        return self._cluster.add_node(num_cpus=1)

    def kill(self, node: Any) -> None:
        """Ends all processes of a node at once, as when its power fails."""
        self._cluster.remove_node(node, allow_graceful=False)


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """One cluster for a module's tests, since it takes seconds to start; no node but the head yet."""
    with pytest.MonkeyPatch.context() as patch:
        # What a node's processes have in their environment.
        patch.setenv("HORAY_API_KEY", KEY)
        patch.setenv("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
        ray: Any = import_module("ray")  # an optional package, not all of which has types
        utils: Any = import_module("ray.cluster_utils")

        # A dead node is noticed within a second, not half a minute.
        noticing = {
            "health_check_initial_delay_ms": 0,
            "health_check_period_ms": 200,
            "health_check_timeout_ms": 500,
            "health_check_failure_threshold": 3,
        }
        head = {"num_cpus": 1, "include_dashboard": False, "_system_config": noticing}
        cluster = utils.Cluster(initialize_head=True, head_node_args=head)
        try:
            ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
            folder = Path(cluster.head_node.get_session_dir_path())
            yield Nodes(cluster, folder / "logs")
        finally:
            ray.shutdown()
            cluster.shutdown()


@pytest.fixture
def api() -> Iterator[FaultServer]:
    """A server that the nodes have the key of."""
    with FaultServer(api_key=KEY) as server:
        yield server
