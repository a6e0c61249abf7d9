"""What a compiled core does in a native rclpy, on the embedded transport."""
