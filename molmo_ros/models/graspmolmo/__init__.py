"""GraspMolmo: where to grasp for a task, as one point in the image, on Molmo v1 weights."""
