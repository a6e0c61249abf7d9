"""Zenoh's configuration from ROS's and rmw_zenoh's environment variables.

``docs/explanation/embedded-transport.md`` explains how peers meet without a router.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import zenoh

MEETING_PORT = 7447
"""Where rmw_zenoh's router listens; without one, the first embedded peer of the machine does."""

SHM_THRESHOLD_BYTES = 16_384
SHM_POOL_BYTES = 32 * 1024 * 1024
SHM_LEAST_POOL_BYTES = 4 * 1024 * 1024
SHM_FOLDER = "/dev/shm"
LEASE_MS = 4_000
"""A peer that falls silent without closing its socket is dropped after this time."""

OPEN_TIMEOUT_MS = 2_000
"""A peer that takes a connection and says nothing holds up the closing of a session this long."""

TIMESTAMPING = {"router": True, "peer": True, "client": True}

MAX_MESSAGE_BYTES = 1024 * 1024 * 1024


def meeting_port(environ: Mapping[str, str] = os.environ) -> int:
    """Port on which the peers of one machine meet: ``MOLMO_ROS_MEETING_PORT``, or rmw_zenoh's.

    Raises:
        ValueError: It is set to something other than a port.
    """
    text = environ.get("MOLMO_ROS_MEETING_PORT", "").strip()
    if not text:
        return MEETING_PORT
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise ValueError(f"MOLMO_ROS_MEETING_PORT must be a port, not {text!r}")
    return int(text)


def resolve_domain_id(environ: Mapping[str, str] = os.environ) -> int:
    """``ROS_DOMAIN_ID`` as a number, 0 when unset.

    Raises:
        ValueError: It is set to something other than a number of 0 or more.
    """
    text = environ.get("ROS_DOMAIN_ID", "").strip()
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"ROS_DOMAIN_ID must be a number of 0 or more, not {text!r}")
    return int(text)


def discovery_range(environ: Mapping[str, str] = os.environ) -> str:
    """``LOCALHOST`` (the default here), ``SUBNET`` or ``OFF``, from ROS's two variables."""
    if environ.get("ROS_LOCALHOST_ONLY", "0").strip() == "1":
        return "LOCALHOST"
    chosen = environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "").strip().upper()
    if chosen in ("SUBNET", "OFF", "LOCALHOST"):
        return chosen
    return "LOCALHOST"


def static_peers(environ: Mapping[str, str] = os.environ) -> list[str]:
    """``ROS_STATIC_PEERS`` (separated by ``;``) as Zenoh endpoints."""
    hosts = (host.strip() for host in environ.get("ROS_STATIC_PEERS", "").split(";"))
    return [
        host if "/" in host else f"tcp/{host if ':' in host else f'{host}:{MEETING_PORT}'}" for host in hosts if host
    ]


def shared_memory_pool_bytes(environ: Mapping[str, str] = os.environ) -> int:
    """Size of the pool large messages pass through, 0 when shared memory is not to be used.

    Containers often have little of it (64 MiB is Docker's default) and writing beyond it kills the
    writer, so a session takes an eighth of what is free, and nothing where that is too little.
    """
    if environ.get("MOLMO_ROS_SHARED_MEMORY", "1") == "0":
        return 0
    try:
        disk = os.statvfs(SHM_FOLDER)
    except (OSError, AttributeError):
        return 0
    pool = min(SHM_POOL_BYTES, disk.f_bavail * disk.f_frsize // 8)
    return pool - pool % 4096 if pool >= SHM_LEAST_POOL_BYTES else 0


def _every_interface() -> str:
    """The address that stands for all interfaces, of both families where there are two."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return "0.0.0.0"
    return "[::]"


def _low_id() -> str:
    """A session id below those Zenoh draws itself.

    Other implementations' peers, rmw_zenoh's among them, tell only routers of themselves, so we cannot
    call them; of two peers that hear of each other they let the one with the greater id call.
    """
    return f"{secrets.randbelow(0xF0) + 0x10:02x}{secrets.token_hex(10)}01"


def defaults(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Settings of a session nobody configured, by Zenoh's configuration path."""
    reach = discovery_range(environ)
    host = _every_interface() if reach == "SUBNET" else "127.0.0.1"
    port = meeting_port(environ)
    meeting = f"tcp/127.0.0.1:{port}"
    listen = [f"tcp/{host}:0", f"tcp/{host}:{port}"]
    pool = shared_memory_pool_bytes(environ)
    retry = {"period_init_ms": 250, "period_max_ms": 1000, "period_increase_factor": 2}
    return {
        "mode": "peer",
        "id": _low_id(),
        "listen/endpoints": [] if reach == "OFF" else listen,
        # A retry that never ends would keep the session from closing; rendezvous.py retries instead.
        "listen/timeout_ms": 0,
        "listen/exit_on_failure": False,
        "connect/endpoints": [*([] if reach == "OFF" else [meeting]), *static_peers(environ)],
        "connect/timeout_ms": -1,
        "connect/exit_on_failure": False,
        "connect/retry": {**retry, "period_max_ms": 2000},
        "scouting/delay": 1,
        "scouting/multicast/enabled": reach == "SUBNET",
        "scouting/gossip/enabled": reach != "OFF",
        "scouting/gossip/target": {"router": ["router", "peer"], "peer": ["router", "peer"]},
        "scouting/gossip/autoconnect": {"router": [], "peer": ["router", "peer"]},
        "timestamping/enabled": TIMESTAMPING,
        "transport/unicast/open_timeout": OPEN_TIMEOUT_MS,
        "transport/link/tx/lease": LEASE_MS,
        "transport/link/tx/keep_alive": 4,
        "transport/link/rx/max_message_size": MAX_MESSAGE_BYTES,
        "transport/shared_memory/enabled": pool > 0,
        "transport/shared_memory/transport_optimization": {
            "enabled": True,
            "pool_size": pool or SHM_POOL_BYTES,
            "message_size_threshold": SHM_THRESHOLD_BYTES,
        },
    }


def meeting(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Settings of the session that does nothing but serve the meeting port."""
    host = _every_interface() if discovery_range(environ) == "SUBNET" else "127.0.0.1"
    return {
        **defaults(environ),
        "listen/endpoints": [f"tcp/{host}:{meeting_port(environ)}"],
        "listen/exit_on_failure": True,
        "connect/endpoints": [],
        "transport/shared_memory/enabled": False,
    }


def uses_meeting_port(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether sessions meet without the user having configured how."""
    return not environ.get("ZENOH_SESSION_CONFIG_URI", "").strip() and discovery_range(environ) != "OFF"


def overrides(text: str) -> list[tuple[str, str]]:
    """Split ``ZENOH_CONFIG_OVERRIDE`` (``path=json5;path=json5``) into pairs.

    Raises:
        ValueError: A part has no ``=``, no path or no value.
    """
    pairs = []
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        path, separator, value = (piece.strip() for piece in part.partition("="))
        if not (separator and path and value):
            raise ValueError(f"ZENOH_CONFIG_OVERRIDE: expected path=value, got {part!r}")
        pairs.append((path, value))
    return pairs


def build(environ: Mapping[str, str] = os.environ) -> zenoh.Config:
    """The session configuration: a file if one is named, else ours, then the overrides.

    Raises:
        ValueError: The named file is missing, or an override is malformed or not accepted.
    """
    import zenoh

    uri = environ.get("ZENOH_SESSION_CONFIG_URI", "").strip()
    if uri:
        path = Path(uri.removeprefix("file://"))
        if not path.is_file():
            raise ValueError(f"ZENOH_SESSION_CONFIG_URI names no file: {uri}")
        conf = zenoh.Config.from_file(str(path))
        # Transient local publishers number their samples by time, as rmw_zenoh's do.
        conf.insert_json5("timestamping/enabled", json.dumps(TIMESTAMPING))
    else:
        conf = zenoh.Config()
        for key, value in defaults(environ).items():
            conf.insert_json5(key, json.dumps(value))
    for key, text in overrides(environ.get("ZENOH_CONFIG_OVERRIDE", "")):
        try:
            conf.insert_json5(key, text)
        except zenoh.ZError as error:
            raise ValueError(f"ZENOH_CONFIG_OVERRIDE: {key}={text} is not accepted: {error}") from error
    return conf
