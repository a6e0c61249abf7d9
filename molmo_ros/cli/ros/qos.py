"""Quality of service options of topic commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from molmo_ros.cli.ros.node import refuse

Profile = Annotated[str | None, typer.Option("--qos-profile", help="Preset profile.", show_default=False)]
Depth = Annotated[int | None, typer.Option("--qos-depth", min=0, help="Queue size.", show_default=False)]
History = Annotated[str | None, typer.Option("--qos-history", help="keep_last or keep_all.", show_default=False)]
Reliability = Annotated[
    str | None, typer.Option("--qos-reliability", help="reliable or best_effort.", show_default=False)
]
Durability = Annotated[
    str | None, typer.Option("--qos-durability", help="transient_local or volatile.", show_default=False)
]


@dataclass(frozen=True, kw_only=True)
class QosWishes:
    """What the command line asked for; None where it did not."""

    profile: str | None = None
    depth: int | None = None
    history: str | None = None
    reliability: str | None = None
    durability: str | None = None

    @property
    def explicit(self) -> bool:
        """Whether anything was asked for."""
        return any(value is not None for value in vars(self).values())

    def resolve(self, default: str) -> Any:
        """The QoS profile: the preset and what overrides it.

        Raises:
            MolmoRosError: when a word is not known.
        """
        from rclpy import qos

        name = self.profile or default
        profile = _short(qos.QoSPresetProfiles, name, "profile")
        for attribute, policy in (
            ("history", qos.HistoryPolicy),
            ("reliability", qos.ReliabilityPolicy),
            ("durability", qos.DurabilityPolicy),
        ):
            word = getattr(self, attribute)
            if word is not None:
                setattr(profile, attribute, _short(policy, word, attribute))
        if self.depth is not None:
            profile.depth = self.depth
        elif profile.durability == qos.DurabilityPolicy.TRANSIENT_LOCAL and profile.depth == 0:
            profile.depth = 1
        return profile


def _short(policy: Any, word: str, what: str) -> Any:
    import copy

    if word not in policy.short_keys():
        raise refuse(f"'{word}' is not a QoS {what}; expected one of {', '.join(policy.short_keys())}")
    return copy.copy(policy.get_from_short_key(word))


def matching(node: Any, topic: str, default: Any) -> tuple[Any, list[str]]:
    """A profile that hears every publisher of a topic.

    Args:
        node: the command's node.
        topic: the topic's full name.
        default: profile where nobody publishes yet.

    Returns:
        The profile, and sentences about what had to give way.
    """
    from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

    offers = [info.qos_profile for info in node.get_publishers_info_by_topic(topic)]
    notes: list[str] = []
    if not offers:
        return default, notes
    for attribute, strong, weak in (
        ("reliability", ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT),
        ("durability", DurabilityPolicy.TRANSIENT_LOCAL, DurabilityPolicy.VOLATILE),
    ):
        strong_offers = sum(getattr(offer, attribute) == strong for offer in offers)
        setattr(default, attribute, strong if strong_offers == len(offers) else weak)
        if 0 < strong_offers < len(offers):
            name = type(strong).__name__.replace("QoS", "")
            notes.append(
                f"Some, but not all, publishers are offering QoS{name}.{strong.name}. Falling back to "
                f"QoS{name}.{weak.name} as it will connect to all publishers"
            )
    return default, notes
