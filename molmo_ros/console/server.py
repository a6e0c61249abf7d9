"""Opens the web server of the console, or says in one sentence why not."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

from molmo_ros.core.errors import ErrorCode, MolmoRosError

TITLE = "molmo_ros"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_port(host: str, port: int) -> None:
    """Says whether a port can be listened on.

    Raises:
        MolmoRosError: PORT_TAKEN, or CONFIG_INVALID for an address that is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except socket.gaierror as error:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, f'The console\'s host "{host}" is no address.') from error
        except OSError as error:
            raise MolmoRosError(
                ErrorCode.PORT_TAKEN,
                f"Port {port} of {host} is not free for the console; end what uses it or set console_port to another.",
            ) from error


def open_server(host: str, port: int) -> Any:
    """A viser server on a port of this machine, with the z axis up.

    Raises:
        MolmoRosError: DEPENDENCY_MISSING without viser, PORT_TAKEN, CONFIG_INVALID.
    """
    try:
        import viser
    except ImportError as error:
        raise MolmoRosError(
            ErrorCode.DEPENDENCY_MISSING,
            'The browser console needs viser: pip install "molmo_ros[console]", or launch with console:=false.',
        ) from error
    check_port(host, port)
    server = viser.ViserServer(host=host, port=port, label=TITLE, verbose=False)
    if port and server.get_port() != port:
        server.stop()
        raise MolmoRosError(
            ErrorCode.PORT_TAKEN, f"Port {port} of {host} was taken while the console started; set console_port."
        )
    server.scene.set_up_direction("+z")
    server.scene.configure_default_lights(enabled=True, cast_shadow=False)
    return server
