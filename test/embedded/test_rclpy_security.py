"""TLS and access control by Zenoh's own configuration, on loopback."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from rclpy_world import free_port, processes
from test_rclpy_processes import LISTENER, TALKER

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made with openssl")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Path:
    """An authority, and a certificate of it for ``localhost``."""
    folder = tmp_path_factory.mktemp("pki")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test-authority")
    openssl("req", *key, "-keyout", "peer.key", "-out", "peer.csr", "-subj", "/CN=localhost")
    (folder / "ext").write_text("subjectAltName=DNS:localhost\n")
    sign = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ext")
    openssl("x509", "-req", "-in", "peer.csr", *sign, "-out", "peer.pem")
    return folder


def configuration(file: Path, folder: Path | None, listen: list[str], connect: list[str], **extra: object) -> str:
    tls = {}
    if folder is not None:
        tls = {
            "root_ca_certificate": str(folder / "ca.pem"),
            "listen_private_key": str(folder / "peer.key"),
            "listen_certificate": str(folder / "peer.pem"),
            "connect_private_key": str(folder / "peer.key"),
            "connect_certificate": str(folder / "peer.pem"),
            "enable_mtls": True,
        }
    settings = {
        "mode": "peer",
        "listen": {"endpoints": listen},
        "connect": {"endpoints": connect, "timeout_ms": -1, "exit_on_failure": False},
        "scouting": {"multicast": {"enabled": False}, "delay": 1},
        "transport": {"link": {"tls": tls}},
        **extra,
    }
    file.write_text(json.dumps(settings))
    return str(file)


def test_two_processes_talk_over_mutual_tls(certificates: Path, tmp_path: Path) -> None:
    endpoint = f"tls/localhost:{free_port()}"
    server = configuration(tmp_path / "server.json5", certificates, [endpoint], [])
    client = configuration(tmp_path / "client.json5", certificates, [], [endpoint])
    with processes() as start:
        start(TALKER, ZENOH_SESSION_CONFIG_URI=server).wait_for("ready")
        start(LISTENER, ZENOH_SESSION_CONFIG_URI=client).wait_for("heard")


GRAPH_FOR_A_WHILE = """
import sys, rclpy
rclpy.init()
node = rclpy.create_node("outsider")
met = node.handle.session.graph.wait_for(lambda: "talker" in node.get_node_names(), 3.0)
print("met" if met else "alone", flush=True)
"""


def test_a_peer_without_a_certificate_stays_outside(certificates: Path, tmp_path: Path) -> None:
    endpoint = f"tls/localhost:{free_port()}"
    server = configuration(tmp_path / "server.json5", certificates, [endpoint], [])
    plain = configuration(tmp_path / "plain.json5", None, [], [endpoint])
    with processes() as start:
        start(TALKER, ZENOH_SESSION_CONFIG_URI=server).wait_for("ready")
        outsider = start(GRAPH_FOR_A_WHILE, ZENOH_SESSION_CONFIG_URI=plain)
        assert outsider.wait_for("") == "alone"


TWO_TOPICS = """
import rclpy
from std_msgs.msg import String
rclpy.init()
node = rclpy.create_node("listener")
for topic in ("open", "secret"):
    node.create_subscription(String, topic, lambda m, t=topic: print("heard", t, m.data, flush=True), 10)
rclpy.spin(node)
"""

TWO_TALKS = """
import rclpy
from std_msgs.msg import String
rclpy.init()
node = rclpy.create_node("talker")
publishers = [node.create_publisher(String, topic, 10) for topic in ("secret", "open")]
count = 0
def say():
    global count
    count += 1
    for publisher in publishers:
        publisher.publish(String(data=str(count)))
node.create_timer(0.05, say)
print("ready", flush=True)
rclpy.spin(node)
"""


def test_access_control_keeps_a_topic_in(tmp_path: Path) -> None:
    endpoint = f"tcp/127.0.0.1:{free_port()}"
    control = {
        "enabled": True,
        "default_permission": "allow",
        "rules": [
            {
                "id": "secret stays",
                "permission": "deny",
                "flows": ["egress"],
                "messages": ["put"],
                "key_exprs": ["*/secret/**"],
            }
        ],
        "subjects": [{"id": "everyone"}],
        "policies": [{"rules": ["secret stays"], "subjects": ["everyone"]}],
    }
    server = configuration(tmp_path / "server.json5", None, [endpoint], [], access_control=control)
    client = configuration(tmp_path / "client.json5", None, [], [endpoint])
    with processes() as start:
        start(TWO_TALKS, ZENOH_SESSION_CONFIG_URI=server).wait_for("ready")
        listener = start(TWO_TOPICS, ZENOH_SESSION_CONFIG_URI=client)
        for _ in range(5):
            listener.wait_for("heard")
        assert all("open" in line for line in listener.seen if "heard" in line)
