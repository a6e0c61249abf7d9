"""One FR3 model for all motion tests."""

import pytest

from molmo_ros.motion.description import load_robot
from molmo_ros.motion.model import RobotModel


@pytest.fixture(scope="session")
def robot():
    return load_robot("fr3")


@pytest.fixture(scope="session")
def model(robot):
    return RobotModel.from_config(robot)


@pytest.fixture(scope="session")
def ready(robot):
    return robot.poses["ready"]
