"""The state machine: a sentence to stages, each verified, with bounded recovery and exactly one end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.robot import JointTrajectory
from molmo_ros.core.scene import Scene, SceneObject
from molmo_ros.core.types import Grasp, GraspStatus, Trace
from molmo_ros.task.arm import ArmMotions, HeldObject
from molmo_ros.task.instruction import Command, CommandKind, parse_instruction
from molmo_ros.task.ports import Feedback, GraspAnswer, Motion, Ports, Question
from molmo_ros.task.verify import is_placed, still_there


@dataclass(frozen=True, kw_only=True)
class TaskConfig:
    """How the tabletop tasks are done.

    Attributes:
        open_width_m: Opening before a grasp [m].
        approach_m: Straight way in before a grasp [m].
        lift_m: How far a held thing is lifted [m].
        retreat_m: How far the hand backs off after letting go [m].
        grip_effort_n: Closing force [N].
        min_held_width_m: A narrower gripper holds nothing [m].
        release_clearance_m: Height above its support at which a thing is let go [m].
        max_attempts: Tries of the whole before giving up.
        max_grasps: Grasps tried per attempt when planning fails.
        max_resumes: Times a motion goes on after the joint states were lost for a moment.
        max_objects: Things moved for an "all the ..." sentence.
        answer_deadline_s: How long a model may think [s].
        push_m: Length of a push [m].
        open_vocabulary: Whether the models ground words outside the built-in grammar.
    """

    open_width_m: float = 0.08
    approach_m: float = 0.10
    lift_m: float = 0.12
    retreat_m: float = 0.10
    grip_effort_n: float = 40.0
    min_held_width_m: float = 0.002
    release_clearance_m: float = 0.006
    max_attempts: int = 3
    max_grasps: int = 6
    max_resumes: int = 5
    max_objects: int = 10
    answer_deadline_s: float = 30.0
    push_m: float = 0.10
    open_vocabulary: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The one end of a goal.

    Attributes:
        code: NONE for success.
        message: One sentence.
        stop_cause: "succeeded", "canceled", "superseded", "time_limit", "not_confirmed", "refused" or "failed".
        progress: 0..1.
    """

    code: ErrorCode
    message: str
    stop_cause: str
    progress: float


DONE_RADIUS_M = 0.07
_CAUSES = {
    ErrorCode.NONE: "succeeded",
    ErrorCode.CANCELED: "canceled",
    ErrorCode.SUPERSEDED: "superseded",
    ErrorCode.TIME_LIMIT: "time_limit",
    ErrorCode.NOT_CONFIRMED: "not_confirmed",
    ErrorCode.STOPPED: "stopped",
}
# What another look can mend; anything else ends the goal at once.
_RECOVERABLE = frozenset(
    {
        ErrorCode.GRASP_MISSED,
        ErrorCode.GRASP_SLIPPED,
        ErrorCode.VERIFICATION_FAILED,
        ErrorCode.PLANNING_FAILED,
        ErrorCode.IK_FAILED,
        ErrorCode.TRACKING_ERROR,
        ErrorCode.TRACE_NOT_LIFTED,
        ErrorCode.GRASP_IN_COLLISION,
        ErrorCode.GATE_SCENE_COLLISION,
        ErrorCode.TARGET_UNREACHABLE,
    }
)
_REFUSED = frozenset(c for c in ErrorCode if 100 <= c < 110 or c in (ErrorCode.NOT_GROUNDED, ErrorCode.AMBIGUOUS))


def cause_of(code: ErrorCode) -> str:
    """The stop cause of an outcome."""
    return _CAUSES.get(code) or ("refused" if code in _REFUSED else "failed")


class TaskMachine:
    """Runs one goal at a time.

    Args:
        ports: Hands and eyes.
        arm: Plans motions.
        config: How things are done.
    """

    def __init__(self, ports: Ports, arm: ArmMotions, config: TaskConfig | None = None) -> None:
        self._ports = ports
        self._arm = arm
        self._config = config or TaskConfig()
        self._progress = 0.0
        self._holding: HeldObject | None = None
        self._placed_m: list[npt.NDArray[np.float64]] = []

    def run(self, goal_id: str, instruction: str, *, confirm: bool = False) -> Outcome:
        """Does what the sentence says; never raises for a named fault."""
        self._progress = 0.0
        self._holding = None
        self._placed_m = []
        try:
            self._report("understand", f'Reading "{instruction[:80]}".', 0.02)
            readings = parse_instruction(instruction, open_vocabulary=self._config.open_vocabulary)
            message = self._do(goal_id, readings, confirm)
        except MolmoRosError as error:
            return Outcome(
                code=error.code, message=error.message, stop_cause=cause_of(error.code), progress=self._progress
            )
        self._report("done", message, 1.0)
        return Outcome(code=ErrorCode.NONE, message=message, stop_cause="succeeded", progress=1.0)

    def _do(self, goal_id: str, readings: tuple[Command, ...], confirm: bool) -> str:
        command = readings[0]
        if not command.every:
            return self._with_recovery(goal_id, readings, confirm)
        done = 0
        for _ in range(self._config.max_objects):
            try:
                message = self._with_recovery(goal_id, readings, confirm and done == 0)
            except MolmoRosError as error:
                if done and error.code is ErrorCode.NOT_GROUNDED:
                    return f"Moved {done} things."
                raise
            done += 1
            if command.kind is CommandKind.PICK:
                return message
        return f"Moved {done} things."

    def _with_recovery(self, goal_id: str, readings: tuple[Command, ...], confirm: bool) -> str:
        last: MolmoRosError | None = None
        for attempt in range(self._config.max_attempts):
            self._ports.check()
            try:
                return self._attempt(goal_id, readings, confirm and attempt == 0)
            except MolmoRosError as error:
                if error.code not in _RECOVERABLE:
                    raise
                last = error
                self._report("recover", f"{error.message} Trying again ({attempt + 2}).", 0.1)
                self._let_go()
        if last is None:
            raise MolmoRosError(ErrorCode.INTERNAL, "No attempt was allowed; set max_attempts to 1 or more.")
        raise MolmoRosError(last.code, f"{last.message} Gave up after {self._config.max_attempts} tries.")

    def _attempt(self, goal_id: str, readings: tuple[Command, ...], confirm: bool) -> str:
        self._go_home("look")
        frame, scene = self._ports.look()
        command, answer = self._ground(goal_id, readings, scene)
        target = self._target(scene, answer)
        self._arm.see(scene, frame)
        if command.kind is CommandKind.PUSH:
            return self._push(command, target, frame.T_base_camera)
        grasps = [g for g in answer.grasps if g.status in (GraspStatus.CHOSEN, GraspStatus.ACCEPTED)]
        trace = None
        if command.kind is not CommandKind.PICK:
            trace = self._ask_trace(goal_id, command, target, grasps[0])
        if confirm:
            self._report("confirm", "Waiting for a person to accept the plan.", 0.3, trace=trace, grasp=grasps[0])
            decision = self._ports.confirm(trace, tuple(grasps))
            if not decision.accepted:
                raise MolmoRosError(ErrorCode.NOT_CONFIRMED, decision.message or "The plan was rejected.")
            trace = decision.trace or trace
            grasps.sort(key=lambda g: g.grasp_id != decision.grasp_id)
        grasp = self._take(target, grasps, trace, command)
        if command.kind is CommandKind.PICK:
            return f"Holding the {target.colour} {target.shape}."
        self._carry(target, grasp, trace, command)
        self._verify(command, target, trace, scene)
        if trace is not None and trace.points_base_m is not None:
            self._placed_m.append(np.asarray(trace.points_base_m[-1]))
        where = f"{command.relation.replace('_', ' ')} {command.reference}".strip()
        return f"Put the {target.colour} {target.shape} {where}.".replace("  ", " ")

    def _ground(self, goal_id: str, readings: tuple[Command, ...], scene: Scene) -> tuple[Command, GraspAnswer]:
        """The first reading whose target is in view."""
        first: MolmoRosError | None = None
        for command in readings:
            self._report("ground", f"Looking for {command.target}.", 0.1)
            question = Question(
                goal_id=goal_id,
                instruction=command.text,
                prompt=command.target,
                stage="grasp",
                deadline_s=self._config.answer_deadline_s,
            )
            answer = self._without_placed(self._ports.ask_grasps(question))
            self._ports.check()
            if answer.code is ErrorCode.NONE:
                chosen = next(g for g in answer.grasps if g.status is GraspStatus.CHOSEN)
                seen = self._target(scene, answer)
                text = f"Found {_a(seen)}; {len([g for g in answer.grasps if not g.reason])} ways to grasp it."
                self._report("grasp", text, 0.2, grasp=chosen)
                return command, answer
            first = first or MolmoRosError(answer.code, answer.message)
            if answer.code not in (ErrorCode.NOT_GROUNDED, ErrorCode.AMBIGUOUS):
                break
        if first is None:
            raise MolmoRosError(ErrorCode.INTERNAL, "The sentence has no reading.")
        raise first

    def _without_placed(self, answer: GraspAnswer) -> GraspAnswer:
        """The answer less grasps of things this goal has already put where they belong."""
        if not self._placed_m or answer.code is not ErrorCode.NONE:
            return answer

        def placed(grasp: Grasp) -> bool:
            return any(float(np.linalg.norm(grasp.T_base_tcp[:2, 3] - p[:2])) < DONE_RADIUS_M for p in self._placed_m)

        left = [g for g in answer.grasps if not placed(g)]
        usable = [g for g in left if g.status in (GraspStatus.CHOSEN, GraspStatus.ACCEPTED)]
        if not usable:
            return GraspAnswer(code=ErrorCode.NOT_GROUNDED, message="All of them are where they should be.")
        first = replace(usable[0], status=GraspStatus.CHOSEN)
        return replace(answer, grasps=(first, *(g for g in left if g is not usable[0])))

    @staticmethod
    def _target(scene: Scene, answer: GraspAnswer) -> SceneObject:
        chosen = next((g for g in answer.grasps if g.status is GraspStatus.CHOSEN), None)
        if chosen is None:
            raise MolmoRosError(ErrorCode.NO_GRASP, answer.message or "No grasp was found.")
        tcp = chosen.T_base_tcp[:3, 3]
        if not scene.objects:
            raise MolmoRosError(ErrorCode.NOT_GROUNDED, "The thing was gone when looking again.")
        return min(scene.objects, key=lambda o: float(np.min(np.linalg.norm(o.points_base_m - tcp, axis=1))))

    def _ask_trace(self, goal_id: str, command: Command, target: SceneObject, grasp: Grasp) -> Trace | None:
        self._report("trace", "Drawing the way to carry it.", 0.25)
        answer = self._ports.ask_trace(
            Question(
                goal_id=goal_id,
                instruction=command.text,
                prompt=command.reference,
                stage="trace",
                relation=command.relation,
                grasp_point_base_m=grasp.T_base_tcp[:3, 3],
                held_size_m=target.size_m,
                deadline_s=self._config.answer_deadline_s,
            )
        )
        self._ports.check()
        if answer.code is not ErrorCode.NONE or answer.trace is None:
            raise MolmoRosError(answer.code, answer.message or "The model drew no trace.")
        self._report("trace", "The way to carry it is drawn.", 0.3, trace=answer.trace)
        return answer.trace

    def _take(self, target: SceneObject, grasps: list[Grasp], trace: Trace | None, command: Command) -> Grasp:
        """Approaches, closes and lifts with the first grasp that can be planned."""
        problem: MolmoRosError | None = None
        for grasp in grasps[: self._config.max_grasps]:
            self._ports.check()
            start = self._ports.joint_state()
            try:
                plan = self._arm.plan_grasp(start, grasp, target, self._config.approach_m, self._config.lift_m)
                if trace is not None:
                    self._arm.check_place(plan, grasp, target, trace, command.relation, self._config)
            except MolmoRosError as error:
                problem = error
                continue
            self._report("approach", "Moving in.", 0.4, grasp=grasp)
            self._move(Motion(gripper_width_m=self._config.open_width_m))
            self._move(Motion(trajectory=plan.approach))
            self._move(Motion(trajectory=plan.insert, allowed_contacts=self._arm.hand_links))
            self._report("grasp", "Closing the fingers.", 0.5, grasp=grasp)
            self._close()
            self._holding = self._arm.held(grasp, target)
            self._report("lift", "Lifting.", 0.55, grasp=grasp)
            lift = self._arm.plan_lift(self._ports.joint_state(), self._config.lift_m, target)
            self._move(Motion(trajectory=lift, allowed_contacts=self._arm.hand_links))
            self._check_held(ErrorCode.GRASP_SLIPPED, "It slipped out of the fingers while being lifted.")
            return grasp
        raise problem or MolmoRosError(
            ErrorCode.NO_GRASP, f"No grasp of the {target.colour} {target.shape} can be reached."
        )

    def _close(self) -> None:
        result = self._ports.move(
            Motion(gripper_width_m=0.0, gripper_max_effort_n=self._config.grip_effort_n, expect_contact=True)
        )
        if result.code is not ErrorCode.NONE:
            raise MolmoRosError(result.code, result.message)
        self._check_held(ErrorCode.GRASP_MISSED, "The fingers closed on nothing.")

    def _check_held(self, code: ErrorCode, message: str) -> None:
        if self._ports.gripper_state().width_m < self._config.min_held_width_m:
            self._holding = None
            raise MolmoRosError(code, message)

    def _carry(self, target: SceneObject, grasp: Grasp, trace: Trace | None, command: Command) -> None:
        if trace is None or self._holding is None:
            raise MolmoRosError(ErrorCode.TRACE_INVALID, "There is no trace to follow.")
        self._report("carry", "Carrying it along the trace.", 0.65, trace=trace, grasp=grasp)
        plan = self._arm.plan_place(
            self._ports.joint_state(), grasp, target, trace, command.relation, self._holding, self._config
        )
        self._move(Motion(trajectory=plan.carry))
        self._check_held(ErrorCode.GRASP_SLIPPED, "It slipped out of the fingers on the way.")
        self._move(Motion(trajectory=plan.lower, allowed_contacts=self._arm.hand_links))
        self._report("release", "Letting go.", 0.85)
        self._move(Motion(gripper_width_m=plan.release_width_m, allowed_contacts=self._arm.hand_links))
        self._holding = None
        self._report("retreat", "Backing off.", 0.9)
        retreat = self._arm.plan_off(self._ports.joint_state(), self._config.retreat_m, plan.around)
        self._move(Motion(trajectory=retreat, allowed_contacts=self._arm.hand_links))

    def _verify(self, command: Command, target: SceneObject, trace: Trace | None, before: Scene) -> None:
        self._go_home("verify")
        self._report("verify", "Looking whether it is where it should be.", 0.95)
        _, scene = self._ports.look()
        if trace is None or trace.points_base_m is None:
            return
        place = np.asarray(trace.points_base_m[-1])
        if is_placed(scene, target, place, command.relation, before):
            return
        if still_there(scene, target):
            raise MolmoRosError(
                ErrorCode.VERIFICATION_FAILED, f"The {target.colour} {target.shape} is not where it should be."
            )

    def _push(self, command: Command, target: SceneObject, T_base_camera: npt.NDArray[np.float64]) -> str:
        self._report("approach", "Moving in to push.", 0.4)
        plan = self._arm.plan_push(
            self._ports.joint_state(), target, command.relation, self._config.push_m, T_base_camera
        )
        self._move(Motion(gripper_width_m=0.0))
        self._move(Motion(trajectory=plan.approach))
        self._move(Motion(trajectory=plan.insert, allowed_contacts=self._arm.hand_links))
        self._report("push", "Pushing.", 0.6)
        self._move(Motion(trajectory=plan.push, allowed_contacts=self._arm.hand_links))
        self._move(Motion(trajectory=plan.retreat, allowed_contacts=self._arm.hand_links))
        self._go_home("verify")
        _, scene = self._ports.look()
        if still_there(scene, target):
            raise MolmoRosError(ErrorCode.VERIFICATION_FAILED, f"The {target.colour} {target.shape} did not move.")
        return f"Pushed the {target.colour} {target.shape}."

    def _go_home(self, stage: str) -> None:
        self._arm.let_go()
        for trajectory in self._home_paths():
            self._report(stage, "Moving out of the camera's view.", max(self._progress, 0.05))
            self._move(Motion(trajectory=trajectory))

    def _home_paths(self) -> Iterator[JointTrajectory]:
        path = self._arm.plan_home(self._ports.joint_state())
        if path is not None:
            yield path

    def _let_go(self) -> None:
        """After a fault in mid-task: opens where it is, backs off upwards. Nothing here hides the first fault."""
        if self._holding is not None or self._ports.gripper_state().width_m < self._config.open_width_m * 0.9:
            self._move(Motion(gripper_width_m=self._config.open_width_m, allowed_contacts=self._arm.hand_links))
        self._holding = None
        self._arm.let_go()
        retreat = self._arm.plan_retreat(self._ports.joint_state(), self._config.retreat_m)
        if retreat is not None:
            self._move(Motion(trajectory=retreat, allowed_contacts=self._arm.hand_links))

    def _move(self, motion: Motion) -> None:
        for _ in range(self._config.max_resumes + 1):
            self._ports.check()
            result = self._ports.move(motion)
            self._ports.check()
            if result.code is ErrorCode.NONE:
                return
            if result.code is not ErrorCode.JOINT_STATES_LOST or motion.trajectory is None:
                break
            # The executor holds. Once the robot can be seen again, the rest of the motion is planned from there.
            rest = self._arm.plan_rest(self._ports.joint_state(), motion.trajectory)
            if rest is None:
                return
            motion = replace(motion, trajectory=rest)
        raise MolmoRosError(result.code, result.message)

    def _report(
        self, stage: str, message: str, progress: float, trace: Trace | None = None, grasp: Grasp | None = None
    ) -> None:
        self._progress = progress
        self._ports.report(Feedback(stage=stage, message=message, progress=progress, trace=trace, grasp=grasp))


def _a(item: SceneObject) -> str:
    return f"{'an' if item.colour[:1] in 'aeiou' else 'a'} {item.colour} {item.shape}"
