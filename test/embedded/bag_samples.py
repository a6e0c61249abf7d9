"""Bags for the tests: a counter, a pose and an image that says which one it is."""

import array

from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import Image
from std_msgs.msg import String

from molmo_ros.embedded.bags import BagReader, BagWriter, Qos, Topic
from molmo_ros.embedded.typesys import deserialize, serialize

START_NS = 1_700_000_000 * 10**9
STEP_NS = 10**8
LATCHED = Qos(depth=1, durability=1)
TOPICS = (
    Topic(name="/count", type="std_msgs/msg/String", offered_qos=(Qos(),)),
    Topic(name="/pose", type="geometry_msgs/msg/PoseStamped", offered_qos=(LATCHED,)),
    Topic(name="/image", type="sensor_msgs/msg/Image", offered_qos=(Qos(reliability=2, depth=5),)),
)


def count(index):
    return serialize(String(data=str(index)))


def pose(index):
    message = PoseStamped()
    message.pose.position.x = float(index)
    return serialize(message)


def image(index, size=30_000):
    return serialize(Image(width=index, data=array.array("B", bytes([index % 256]) * size)))


def write_bag(folder, length=10, **options):
    """A bag with `length` messages on each topic, 0.1 s apart."""
    with BagWriter(folder, **options) as writer:
        fill(writer, length)
    return folder


def fill(writer, length):
    for topic in TOPICS:
        writer.create_topic(topic)
    for index in range(length):
        stamp_ns = START_NS + index * STEP_NS
        writer.write("/count", count(index), stamp_ns, stamp_ns - 5)
        writer.write("/pose", pose(index), stamp_ns + 1)
        writer.write("/image", image(index), stamp_ns + 2)


def counts_in(folder):
    """The numbers on /count, in the order in which they are read."""
    with BagReader(folder) as reader:
        return [int(deserialize(m.data, String).data) for m in reader.messages() if m.topic == "/count"]
