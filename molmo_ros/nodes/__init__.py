"""Thin ROS 2 nodes: parameters, topics and timers around the pure parts.

The same files run on a real ROS 2 and on the embedded runtime, which only ever fills gaps at the end of the import path.
"""

from molmo_ros.embedded import install

install()
