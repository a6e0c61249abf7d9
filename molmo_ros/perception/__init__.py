"""RGB-D frames to clouds, the support plane and object instances."""
