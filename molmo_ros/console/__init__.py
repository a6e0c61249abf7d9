"""The browser view: plain classes around viser, and the edit of a trace; nothing here knows ROS."""
