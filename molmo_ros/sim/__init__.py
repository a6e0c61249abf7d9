"""MuJoCo worlds built from the robots' own URDF."""
