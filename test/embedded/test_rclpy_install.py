"""The way in: the finder, what it leaves to a real ROS 2, and running scripts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def run(*arguments: str, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environ},
        cwd=cwd,
        check=False,
    )


INSTALL = "import molmo_ros.embedded as e; e.install(); e.install()\n"


def test_rclpy_is_importable_only_after_install() -> None:
    before = run("-c", "import rclpy")
    after = run("-c", INSTALL + "import rclpy, std_msgs.msg; print(rclpy.__file__)")
    assert "ModuleNotFoundError" in before.stderr
    assert "embedded" in after.stdout


def test_installing_twice_adds_one_finder_at_the_end() -> None:
    shown = run("-c", INSTALL + "import sys; print([type(f).__name__ for f in sys.meta_path])")
    assert shown.stdout.count("EmbeddedFinder") == 1
    assert shown.stdout.strip().endswith("'EmbeddedFinder']")


def test_a_real_rclpy_wins_and_gets_no_companions(tmp_path: Path) -> None:
    package = tmp_path / "rclpy"
    package.mkdir()
    (package / "__init__.py").write_text("REAL = True\n")
    source = INSTALL + (
        "import rclpy, importlib.util as u\n"
        "print(rclpy.REAL, *[u.find_spec(n) is not None for n in ('std_msgs', 'tf2_ros', 'tf_transformations')])"
    )
    assert run("-c", source, PYTHONPATH=str(tmp_path)).stdout.split() == ["True", "False", "False", "True"]


def test_interfaces_of_a_named_folder_are_importable(tmp_path: Path) -> None:
    folder = tmp_path / "my_interfaces"
    (folder / "msg").mkdir(parents=True)
    (folder / "msg" / "Reading.msg").write_text("float64 value\nstring unit\n")
    source = INSTALL + "from my_interfaces.msg import Reading; print(Reading(value=1.5, unit='m').value)"
    assert run("-c", source, MOLMO_ROS_INTERFACES_PATH=str(folder)).stdout.strip() == "1.5"


def test_a_script_runs_with_its_arguments(tmp_path: Path) -> None:
    script = tmp_path / "talk.py"
    (tmp_path / "beside.py").write_text("WORD = 'beside'\n")
    script.write_text("import sys, rclpy, beside\nprint(__name__, sys.argv[1:], beside.WORD, rclpy.__name__)\n")
    done = run("-m", "molmo_ros.embedded", str(script), "a", "--ros-args", "-r", "x:=y")
    assert done.stdout.strip() == "__main__ ['a', '--ros-args', '-r', 'x:=y'] beside rclpy"


def test_a_module_runs_with_its_arguments(tmp_path: Path) -> None:
    (tmp_path / "talk.py").write_text("import sys, rclpy\nprint(__name__, sys.argv[1:])\n")
    done = run("-m", "molmo_ros.embedded", "-m", "talk", "a", cwd=tmp_path)
    assert done.stdout.strip() == "__main__ ['a']"


def test_the_exit_code_of_the_script_is_kept(tmp_path: Path) -> None:
    (tmp_path / "fail.py").write_text("raise SystemExit(7)\n")
    assert run("-m", "molmo_ros.embedded", str(tmp_path / "fail.py")).returncode == 7


def test_without_a_script_the_usage_is_shown() -> None:
    done = run("-m", "molmo_ros.embedded")
    assert (done.returncode, "usage:" in done.stderr) == (2, True)


def test_a_missing_script_is_named() -> None:
    done = run("-m", "molmo_ros.embedded", "nowhere.py")
    assert (done.returncode, "nowhere.py" in done.stderr) == (2, True)
