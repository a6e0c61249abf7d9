"""The literal prompts of MolmoAct v1 (github allenai/molmoact, README and SimplerEnv client).

The first sentence ends in a full stop although it asks; instructions are lower-case without a final full stop.
"""

from __future__ import annotations


def instruction_text(instruction: str) -> str:
    """Bring an instruction into the form of the demonstrations."""
    return " ".join(instruction.split()).rstrip(".!?").rstrip().lower()


def reasoning(task: str, *, images: int) -> str:
    """Ask for depth, trace and action; the trace is on the first image."""
    if images == 1:
        return (
            f"The task is {task}. What is the action that the robot should take. To figure out the action that the "
            f"robot should take to {task}, let's think through it step by step. First, what is the depth map for "
            "this image? Second, what is the trajectory of the end effector? Based on the depth map of the image and "
            "the trajectory of the end effector, what is the action that the robot should take?"
        )
    return (
        f"The task is {task}. What is the action that the robot should take. To figure out the action that the robot "
        f"should take to {task}, let's think through it step by step. First, what is the depth map for the first "
        "image? Second, what is the trajectory of the end effector in the first image? Based on the depth map of the "
        "first image and the trajectory of the end effector in the first image, along with other images from "
        "different camera views as additional information, what is the action that the robot should take?"
    )


def steering(task: str, *, images: int) -> str:
    """Ask for the action along a trace that is drawn on the first image."""
    if images == 1:
        return (
            f"The task is {task}. Notice that the trajectory of the end effector is annotated on the image. Based on "
            "the trajectory annotated on the image, what is the action that the robot should take?"
        )
    return (
        f"The task is {task}. Notice that the trajectory of the end effector is annotated on the first image. Based "
        "on the trajectory annotated on the image, along with other images from different camera views as additional "
        "information, what is the action that the robot should take?"
    )
