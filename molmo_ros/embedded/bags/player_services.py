"""The services by which a player is controlled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rosbag2_interfaces.srv import (
    Burst,
    GetRate,
    IsPaused,
    Pause,
    PlayNext,
    Resume,
    Seek,
    SetRate,
    Stop,
    TogglePaused,
)

from .model import SECONDS

if TYPE_CHECKING:
    from .player import BagPlayer


def create_services(node: Node, player: BagPlayer, group: CallbackGroup) -> list[Any]:
    """Offer a player's services below the node's name; returns them."""

    def pause(_: Any, response: Any) -> Any:
        player.pause()
        return response

    def resume(_: Any, response: Any) -> Any:
        player.resume()
        return response

    def toggle_paused(_: Any, response: Any) -> Any:
        player.toggle_paused()
        return response

    def is_paused(_: Any, response: Any) -> Any:
        response.paused = player.is_paused
        return response

    def get_rate(_: Any, response: Any) -> Any:
        response.rate = player.rate
        return response

    def set_rate(request: Any, response: Any) -> Any:
        response.success = player.set_rate(request.rate)
        return response

    def play_next(_: Any, response: Any) -> Any:
        response.success = player.play_next() == 1
        return response

    def burst(request: Any, response: Any) -> Any:
        response.actually_burst = player.play_next(request.num_messages or 2**62)
        return response

    def seek(request: Any, response: Any) -> Any:
        response.success = player.seek(request.time.sec * SECONDS + request.time.nanosec)
        return response

    def stop(_: Any, response: Any) -> Any:
        player.stop()
        return response

    offered = (
        (Pause, "pause", pause),
        (Resume, "resume", resume),
        (TogglePaused, "toggle_paused", toggle_paused),
        (IsPaused, "is_paused", is_paused),
        (GetRate, "get_rate", get_rate),
        (SetRate, "set_rate", set_rate),
        (PlayNext, "play_next", play_next),
        (Burst, "burst", burst),
        (Seek, "seek", seek),
        (Stop, "stop", stop),
    )
    return [node.create_service(kind, f"~/{name}", callback, callback_group=group) for kind, name, callback in offered]
