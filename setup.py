from glob import glob
from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = "molmo_ros"
NODES = (
    "sim_node",
    "perception_node",
    "grasp_node",
    "trace_node",
    "policy_node",
    "executor_node",
    "task_node",
    "recorder_node",
    "progress_node",
    "trace_editor_node",
    "console_node",
    "realsense_node",
)
SHARED_TREES = ("launch", "config", "urdf", "rviz")
INTERFACES = "molmo_ros_interfaces"


def tree(root: str, share: str) -> list[tuple[str, list[str]]]:
    """Every file below root, grouped by folder, as data_files entries below share."""
    folders: dict[str, list[str]] = {}
    for path in sorted(Path(root).rglob("*")):
        if path.is_file():
            folders.setdefault(f"{share}/{path.parent}", []).append(str(path))
    return list(folders.items())


data_files = [
    ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
    (f"share/{PACKAGE}", ["package.xml"]),
]
for name in (*SHARED_TREES, *(f"{INTERFACES}/{kind}" for kind in ("msg", "srv", "action"))):
    data_files += tree(name, f"share/{PACKAGE}")

# rclpy's stand-in lies in a folder of its own that is not a package, and definitions are plain text.
embedded = [
    *glob(f"{PACKAGE}/embedded/interfaces/**/*.*", recursive=True),
    *glob(f"{PACKAGE}/embedded/site/**/*.py", recursive=True),
]

extras = {
    "sim": ["mujoco>=3.3,<5"],
    "runtime": ["eclipse-zenoh>=1.10,<2", "xxhash>=3.4,<4"],
    "models": [
        "torch>=2.5,<3",
        "transformers>=5.23,<6",
        "safetensors>=0.4,<1",
        "tokenizers>=0.20,<1",
        "pillow>=10,<14",
    ],
    "quantise": ["torchao>=0.8,<1"],
    "serve": ["msgpack>=1,<2", "websockets>=13,<17", "httpx>=0.27,<1"],
    "console": ["viser>=1.0,<2"],
    "franka": ["franky-control>=2.0,<3"],
    "rby1": ["rby1-sdk>=0.10,<0.11"],
    "realsense": ["pyrealsense2>=2.55,<3"],
    "test": [
        "pytest>=8,<10",
        "pytest-timeout>=2.3,<3",
        "hypothesis>=6.100,<7",
        "ruff>=0.12,<1",
        "mypy>=1.11,<3",
        "zenoh-ros2-sdk>=0.1.8,<0.2",
    ],
}

setup(
    name=PACKAGE,
    version="0.1.0",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    package_data={PACKAGE: [path[len(PACKAGE) + 1 :] for path in embedded]},
    data_files=data_files,
    python_requires=">=3.11",
    install_requires=[
        "setuptools",
        "numpy>=1.26,<3",
        "scipy>=1.11,<2",
        "opencv-python-headless>=4.8,<5",
        "PyYAML>=6,<7",
        "xacro>=2.0,<3",
        "pin>=3.3,<5",
        "coal>=3.0,<4",
        "ompl>=1.7,<3",
        "ruckig>=0.14,<1",
        "rosbags>=0.10,<0.12",
        "mcap>=1.6,<2",
        "zstandard>=0.22,<1",
        "transforms3d>=0.4,<0.5",
        "typer>=0.12,<1",
        "rich>=13,<16",
    ],
    extras_require=extras,
    zip_safe=False,
    maintainer="molmo_ros maintainers",
    maintainer_email="maintainers@molmo-ros.dev",
    description="Molmo-family robot models as a ROS 2 manipulation stack for Franka FR3 and Rainbow RB-Y1.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "molmo-ros = molmo_ros.cli.main:main",
            *(f"{node} = {PACKAGE}.nodes.{node}:main" for node in NODES),
        ],
    },
)
