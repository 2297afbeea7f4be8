"""A Ray cluster of several nodes on this machine, for clients, until its input ends.

python ray_nodes.py NODES   prints the port for clients when the cluster is there; each node has one CPU
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from tempfile import TemporaryDirectory


def main() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with TemporaryDirectory(prefix="ray-") as folder:
        Path(folder, "ray").mkdir()
        os.environ["RAY_TMPDIR"] = folder  # read by Ray when it is imported
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 1, "ray_client_server_port": port, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            for _ in range(int(sys.argv[1]) - 1):
                cluster.add_node(num_cpus=1)
            print(port, flush=True)
            sys.stdin.read()
        finally:
            cluster.shutdown()


if __name__ == "__main__":
    main()
