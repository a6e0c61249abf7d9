"""Every test of the embedded runtime imports rclpy and its companions from it."""

from molmo_ros.embedded import install

install()
