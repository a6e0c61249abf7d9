"""Key expressions, liveliness tokens and attachments of ``rmw_zenoh_cpp``.

Sources: ``docs/design.md`` of ros2/rmw_zenoh and the PyPI package ``zenoh-ros2-sdk``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from molmo_ros.embedded.transport import qos as _qos

ADMIN_SPACE = "@ros2_lv"
NODE, PUBLISHER, SUBSCRIPTION, SERVICE, CLIENT = "NN", "MP", "MS", "SS", "SC"
KINDS = frozenset((NODE, PUBLISHER, SUBSCRIPTION, SERVICE, CLIENT))

GID_SIZE = 16
MAX_TOKEN_LENGTH = 2048
"""Longest liveliness token believed: ROS names end at 255 characters, so real ones stay far below."""

_ATTACHMENT = struct.Struct("<qqB16s")
ATTACHMENT_SIZE = _ATTACHMENT.size


def mangle(name: str) -> str:
    """Make one key-expression chunk of a ROS name."""
    return name.replace("/", "%") or "%"


def demangle(chunk: str) -> str:
    """Undo :func:`mangle`."""
    return chunk.replace("%", "/")


def data_key(domain_id: int, name: str, dds_type: str, type_hash: str) -> str:
    """Key expression on which a topic's samples or a service's requests travel."""
    return f"{domain_id}/{name.strip('/')}/{dds_type}/{type_hash}"


def ros_type(dds_type: str) -> str:
    """``std_msgs::msg::dds_::String_`` as ``std_msgs/msg/String``."""
    parts = [part for part in dds_type.split("::") if part != "dds_"]
    return "/".join(parts).removesuffix("_")


def gid_of(token: str) -> bytes:
    """The 16-byte global id rmw_zenoh derives from an entity's token: XXH3-128, low half first."""
    import xxhash

    return xxhash.xxh3_128_intdigest(token.encode()).to_bytes(GID_SIZE, "little")


def pack_attachment(sequence: int, timestamp_ns: int, gid: bytes) -> bytes:
    """Sequence number, source timestamp and origin, as every sample, request and reply carries."""
    return _ATTACHMENT.pack(sequence, timestamp_ns, GID_SIZE, gid)


def unpack_attachment(data: bytes) -> tuple[int, int, bytes]:
    """Read an attachment as ``(sequence, timestamp_ns, gid)``.

    Raises:
        ValueError: It has another size or announces another length of gid.
    """
    if len(data) != ATTACHMENT_SIZE:
        raise ValueError(f"an attachment has {ATTACHMENT_SIZE} bytes, got {len(data)}")
    sequence, timestamp_ns, length, gid = _ATTACHMENT.unpack(data)
    if length != GID_SIZE:
        raise ValueError(f"a gid has {GID_SIZE} bytes, got {length}")
    return sequence, timestamp_ns, gid


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A node, or an endpoint of one, as its liveliness token tells."""

    domain_id: int
    zid: str
    node_id: str
    entity_id: str
    kind: str
    enclave: str
    namespace: str
    node_name: str
    name: str = ""
    dds_type: str = ""
    type_hash: str = ""
    qos: _qos.QoS = field(default_factory=_qos.QoS)

    @property
    def node_key(self) -> tuple[str, str]:
        """What identifies the node this entity belongs to."""
        return self.zid, self.node_id

    @property
    def full_node_name(self) -> tuple[str, str]:
        """Name and namespace of the node."""
        return self.node_name, self.namespace

    def token(self) -> str:
        """The liveliness token that announces this entity."""
        parts = [
            ADMIN_SPACE,
            str(self.domain_id),
            self.zid,
            self.node_id,
            self.entity_id,
            self.kind,
            mangle(self.enclave),
            mangle(self.namespace),
            mangle(self.node_name),
        ]
        if self.kind != NODE:
            parts += [mangle(self.name), mangle(self.dds_type), mangle(self.type_hash)]
            parts.append(_qos.encode(self.qos))
        return "/".join(parts)


def parse_token(token: str) -> Entity:
    """Read a liveliness token, which any peer may have written.

    Raises:
        ValueError: It is too long, has the wrong number of parts, or a part is malformed.
    """
    if len(token) > MAX_TOKEN_LENGTH:
        raise ValueError("liveliness token is too long")
    parts = token.split("/")
    if len(parts) < 9 or parts[0] != ADMIN_SPACE or parts[5] not in KINDS or not all(parts):
        raise ValueError("not a liveliness token of rmw_zenoh")
    if not (parts[1].isascii() and parts[1].isdigit()):
        raise ValueError("the domain is not a number")
    kind = parts[5]
    endpoint = {}
    if kind != NODE:
        if len(parts) != 13:
            raise ValueError("an endpoint's token has 13 parts")
        endpoint = {
            "name": demangle(parts[9]),
            "dds_type": demangle(parts[10]),
            "type_hash": demangle(parts[11]),
            "qos": _qos.decode(parts[12]),
        }
    return Entity(
        domain_id=int(parts[1]),
        zid=parts[2],
        node_id=parts[3],
        entity_id=parts[4],
        kind=kind,
        enclave=demangle(parts[6]),
        namespace=demangle(parts[7]),
        node_name=demangle(parts[8]),
        **endpoint,  # type: ignore[arg-type]
    )
