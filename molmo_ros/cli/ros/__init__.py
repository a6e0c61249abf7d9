"""What the ROS subcommands share: a node, types by name, messages as text. Works on rclpy, embedded or installed."""
