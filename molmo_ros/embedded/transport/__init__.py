"""The wire of ``rmw_zenoh_cpp``: key expressions, graph tokens, topics and services on Eclipse Zenoh.

Nothing in here knows rclpy. ``docs/explanation/embedded-transport.md`` explains the choices.
"""
