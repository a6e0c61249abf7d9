"""moveit_py's boundary as its bindings define it: keyword names, one goal at a time, states that begin undefined."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

import numpy as np

GROUP = "fr3_arm"


class FakeRobotState:
    """Stands for moveit.core.robot_state.RobotState."""

    def __init__(self, robot_model):
        self._q = np.full(7, np.nan)
        self._others_defined = False
        self._fresh = False

    def set_to_default_values(self):
        self._q, self._others_defined = np.zeros(7), True

    def set_joint_group_positions(self, joint_model_group_name, position_values):
        if joint_model_group_name != GROUP or np.shape(position_values) != (7,):
            raise RuntimeError("no such group, or not one value per joint of it")
        self._q, self._fresh = np.array(position_values), False

    def get_joint_group_positions(self, joint_model_group_name):
        assert joint_model_group_name == GROUP
        return self._q.copy()

    def update(self, force=False, type="all"):
        self._fresh = True

    @property
    def usable(self):
        return bool(np.all(np.isfinite(self._q)) and self._others_defined and self._fresh)


class FakeParameters:
    """Stands for moveit.planning.PlanRequestParameters."""

    def __init__(self, moveit, namespace):
        if namespace not in moveit.config:
            raise RuntimeError("no such namespace of parameters")
        self.planning_time = 5.0


class FakeTrajectory:
    """Stands for moveit.core.robot_trajectory.RobotTrajectory."""

    def __init__(self, rows):
        self._states = []
        for row in rows:
            state = FakeRobotState(None)
            state.set_to_default_values()
            state.set_joint_group_positions(GROUP, row)
            self._states.append(state)

    def __len__(self):
        return len(self._states)

    def __getitem__(self, index):
        return self._states[index]


class FakeResponse:
    """Stands for MotionPlanResponse."""

    def __init__(self, trajectory):
        self.trajectory = trajectory

    def __bool__(self):
        return self.trajectory is not None


class FakeMoveIt:
    """Stands for MoveItPy and for the component and scene that hang below it."""

    def __init__(self, config=("plan_request_params",)):
        self.config = set(config)
        self.scene = SimpleNamespace(objects=[], held=None, current_state=FakeRobotState(None))
        self.scene.update_calls = 0
        self.via = None
        self.fails = 0
        self.asked = []
        self.locked = False
        self._start = self._goal = None

    def get_planning_component(self, joint_model_group_name):
        assert joint_model_group_name == GROUP
        return self

    def get_robot_model(self):
        return object()

    def get_planning_scene_monitor(self):
        return self

    @contextmanager
    def read_write(self):
        self.locked = True
        yield self.scene
        self.locked = False

    def set_start_state(self, configuration_name=None, robot_state=None):
        if (configuration_name is None) == (robot_state is None):
            raise ValueError("exactly one argument")
        self._start = robot_state
        return True

    def set_goal_state(
        self, configuration_name=None, robot_state=None, pose_stamped_msg=None, pose_link=None,
        motion_plan_constraints=None,
    ):  # fmt: skip
        given = [configuration_name, robot_state, pose_stamped_msg, motion_plan_constraints]
        if sum(g is not None for g in given) != 1 or (pose_stamped_msg is None) != (pose_link is None):
            raise ValueError("exactly one goal, and a link with a pose")
        self._goal = robot_state
        return True

    def plan(self, single_plan_parameters=None, multi_plan_parameters=None, planning_scene=None):
        if self.locked:
            raise RuntimeError("planning while the scene is locked never ends")
        if not isinstance(single_plan_parameters, FakeParameters):
            raise TypeError("not plan parameters")
        self.asked.append(single_plan_parameters.planning_time)
        if not (self._start.usable and self._goal.usable) or len(self.asked) <= self.fails:
            return FakeResponse(None)
        start, goal = self._start.get_joint_group_positions(GROUP), self._goal.get_joint_group_positions(GROUP)
        middle = [self.via] if self.via is not None else []
        return FakeResponse(FakeTrajectory([start, *middle, goal]))


def install(monkeypatch):
    """Puts the modules where `import moveit...` finds them."""
    planning, states = ModuleType("moveit.planning"), ModuleType("moveit.core.robot_state")
    planning.PlanRequestParameters, states.RobotState = FakeParameters, FakeRobotState
    top, core = ModuleType("moveit"), ModuleType("moveit.core")
    top.planning, top.core, core.robot_state = planning, core, states
    for name, module in (("", top), (".planning", planning), (".core", core), (".core.robot_state", states)):
        monkeypatch.setitem(sys.modules, f"moveit{name}", module)
