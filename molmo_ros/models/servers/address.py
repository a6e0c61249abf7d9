"""Which servers may be spoken to, and where ours may listen: this machine freely, others with TLS or a token."""

from __future__ import annotations

import hmac
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from molmo_ros.core.errors import ErrorCode, MolmoRosError

MIN_TOKEN = 16


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, kw_only=True)
class Address:
    """A server to speak to.

    Attributes:
        url: With scheme, host and port.
        token: Sent as bearer token; empty for none.
    """

    url: str
    token: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """Headers of every request."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


def token_from(options: Mapping[str, Any]) -> str:
    """The token in the environment variable that ``token_env`` names; tokens never stand in a configuration file.

    Raises:
        MolmoRosError: CONFIG_INVALID when the variable is not set or too short.
    """
    name = str(options.get("token_env", ""))
    if not name:
        return ""
    token = os.environ.get(name, "")
    if len(token) < MIN_TOKEN or not token.isascii() or not token.isprintable():
        raise MolmoRosError(
            ErrorCode.CONFIG_INVALID, f"{name} must hold a token of {MIN_TOKEN} printable characters or more."
        )
    return token


def address(options: Mapping[str, Any], default: str, schemes: tuple[str, str]) -> Address:
    """The server that a model's options name.

    Args:
        options: ``url``, ``token_env`` (name of an environment variable), ``trusted_network``.
        default: URL when none is named.
        schemes: Plain and encrypted scheme, such as ("ws", "wss").

    Raises:
        MolmoRosError: CONFIG_INVALID for another scheme, or for plain traffic to another machine.
    """
    url = str(options.get("url", default))
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"{url[:80]} is no address: {error}") from error
    if parts.scheme not in schemes or not host:
        raise MolmoRosError(
            ErrorCode.CONFIG_INVALID, f"{url[:80]} is no address; it must begin with {schemes[0]}:// or {schemes[1]}://"
        )
    if parts.username or parts.password:
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, "A token belongs into token_env, not into the address.")
    token = token_from(options)
    if parts.scheme == schemes[0] and not is_loopback(host) and not options.get("trusted_network"):
        raise MolmoRosError(
            ErrorCode.CONFIG_INVALID,
            f"{host} is another machine: use {schemes[1]}://, a tunnel to this machine, or set trusted_network: true "
            "on a network that only the robot uses.",
        )
    return Address(url=url, token=token)


def may_listen(host: str, token: str) -> None:
    """Refuses to listen beyond this machine without a token.

    Raises:
        MolmoRosError: CONFIG_INVALID.
    """
    if not is_loopback(host) and not token:
        raise MolmoRosError(
            ErrorCode.CONFIG_INVALID,
            f"Listening on {host} is open to other machines; set token_env, or listen on 127.0.0.1.",
        )


def authorised(header: str | None, token: str) -> bool:
    """Whether a request's Authorization header carries the token; always without a token."""
    if not token:
        return True
    return header is not None and hmac.compare_digest(header.encode(), f"Bearer {token}".encode())
