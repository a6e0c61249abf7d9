"""Lets the tests here use the ray-cast scenes of the perception tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "perception"))
