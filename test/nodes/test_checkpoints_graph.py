"""Checkpoints on disk drive grasp_node and trace_node: real loader, tokenizer and decoding, in the launched graph.

The checkpoints are written on the spot and say one thing each, so what is held here is the whole way from the shards
to the motion, not the models' sight.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
from graph import Graph

from molmo_ros.models import tiny
from molmo_ros.models.geometric.backend import GeometricModel
from molmo_ros.models.molmoact.traces import to_grid
from molmo_ros.models.protocols import TraceRequest
from molmo_ros.perception import perceive
from molmo_ros.perception.config import PerceptionConfig
from molmo_ros.sim.simulation import Simulation
from molmo_ros_interfaces.msg import Thought

pytestmark = pytest.mark.slow
SENTENCE = "put the red block in the bowl"


@pytest.fixture(scope="module")
def answers():
    """What a model that sees would say about the demonstration scene: a point on the block, a trace to the bowl."""
    frame = Simulation("demo", 0).render("front")
    config = PerceptionConfig()
    seeing = GeometricModel(lambda image: perceive(image, config))
    block = seeing.point(frame, "the red block").points_px[0]
    request = TraceRequest(instruction=SENTENCE, reference="the bowl", relation="in", start_px=tuple(block))
    trace = seeing.plan([frame], request).trace_px
    x, y = block / [frame.width_px, frame.height_px] * 100
    points = np.rint(to_grid(trace, frame.width_px, frame.height_px)).astype(int).tolist()
    return (
        f'<point x="{x:.1f}" y="{y:.1f}" alt="Where to grasp the object">Where to grasp the object</point>',
        f"The trajectory of the end effector is {points}.",
    )


def test_a_sentence_is_carried_out_by_checkpoints(answers, tmp_path):
    grasp = tiny.write_graspmolmo(tmp_path / "graspmolmo", answer=answers[0], shards=2)
    trace = tiny.write_molmoact(tmp_path / "molmoact", answer=answers[1], shards=2)
    graph = Graph(
        tmp_path,
        100 + (os.getpid() + 37) % 100,
        f"model:={{backend: graspmolmo, checkpoint: {grasp}}}",
        f"trace_model:={{backend: molmoact, checkpoint: {trace}}}",
        "selection:=point",
        "record:=false",
    )
    thoughts: list[Thought] = []
    try:
        graph.node.create_subscription(Thought, "thought", thoughts.append, 10)
        graph.ready()
        status, result = graph.send(SENTENCE).ends()
    finally:
        graph.close()
    assert (status, result.error_msg) == ("succeeded", "")
    said = {thought.backend: thought.raw_text for thought in thoughts}
    assert said["graspmolmo"] == answers[0]
    assert said["molmoact"] == answers[1]
