"""Bags in rosbag2's layout: record, describe, play, repair and convert them.

Everything but `Recorder` and `BagPlayer` works without rclpy.
"""

from .errors import BagError, RecordingError
from .model import BagInfo, BagMessage, Definition, FileInfo, Qos, Topic
from .reader import BagReader, TopicFilter
from .tools import bag_info, convert, format_info, reindex
from .writer import BagWriter

__all__ = [
    "BagError",
    "BagInfo",
    "BagMessage",
    "BagReader",
    "BagWriter",
    "Definition",
    "FileInfo",
    "Qos",
    "RecordingError",
    "Topic",
    "TopicFilter",
    "bag_info",
    "convert",
    "format_info",
    "reindex",
]
