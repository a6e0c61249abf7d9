"""Stock executables of other packages, such as `robot_state_publisher`, in Python."""
