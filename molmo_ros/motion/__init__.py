"""Kinematics, planning, timing, trace lifting and the last safety gate.

The way of a motion: a target pose or a lifted trace becomes a joint path, the path gets time, and every command passes
the gate. Nothing here knows which robot it moves: names and numbers come from a URDF and ``config/robots/<name>.yaml``.

Described robot (`motion.description`, `motion.limits`)
    ``load_robot("fr3", prefix="") -> RobotConfig`` (``limits, poses, tcp_frame, never_checked, urdf_text, ...``),
    ``load_urdf(path, mappings) -> str``, ``share_file(relative) -> Path``.
Kinematics (`motion.model`), all poses in the base frame
    ``RobotModel.from_config(config)``; ``fk(q, frame=None)``, ``fk_batch(Q)``, ``jacobian(q)``, ``names``, ``limits``;
    ``ik(T, seed, flip=False) -> q``, ``ik_all(...) -> (K, N)``, ``ik_batch(T (M, 4, 4), seed) -> IKBatch(q, ok, ...)``.
Contact (`motion.collision`)
    ``CollisionWorld.from_config(model, config, margin_m=0.01)``; ``set_support(plane)``,
    ``set_obstacles(boxes, points_base_m)``, ``set_scene(scene, without=ids)``, ``attach(T_tcp_box, size_m)``,
    ``detach()``; ``in_collision(q, margin_m=None)``, ``contact(q) -> str``, ``clearance(q)``, ``first_contact(path)``.
Paths (`motion.planner`)
    ``Planner`` (Protocol), ``OmplPlanner(model, world)``; ``plan_free(q_start, goal, cancelled=, time_limit_s=, seed=)``,
    ``plan_linear(q_start, T_goal, margin_m=None)``, ``follow(q_start, poses)``; answers are (K, N) joint paths.
Time (`motion.timing`, `motion.stopping`)
    ``time_parameterise(path, limits, speed=0.5, tcp=, tcp_speed_m_s=, free=) -> JointTrajectory`` (100 Hz samples),
    ``point_to_point(q, v, a, goal, limits)``, ``stop_trajectory(q, v, a, limits)``.
Traces (`motion.lifting`)
    ``lift_trace(trace, scene, frame, start_base_m=, end_base_m=) -> Trace`` with 32 ``points_base_m``.
The last gate (`motion.gate`)
    ``Gate.from_config(model, config, support=, keep_out=)``; ``check(names, positions, measured=, now_ns=, memory=)`` and
    ``check_trajectory(trajectory, ...)`` answer a ``GateVerdict(code, reason, positions, memory)``.

Faults are `PlanningError`: a code and one sentence.
"""

from molmo_ros.motion.errors import PlanningError

__all__ = ["PlanningError"]
