"""The embedded runtime stands in for ROS 2 in these tests."""

from molmo_ros.embedded import install

install()
