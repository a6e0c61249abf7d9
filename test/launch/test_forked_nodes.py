"""A Python node forked from the preloaded spawner is a process like any other."""

import json
import signal
import sys

import pytest

SCRIPT = """#!/usr/bin/env python3
import json, os, signal, sys
print("state", json.dumps({
    "argv": sys.argv[1:3],
    "main": __name__,
    "cwd": os.getcwd(),
    "own": os.environ.get("OWN"),
    "leader": os.getsid(0) == os.getpid() == os.getpgid(0),
    "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    "terminate": signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,
    "open": sorted(int(name) for name in os.listdir("/proc/self/fd")),
    "preloaded": "rclpy" in sys.modules,
}))
{then}
"""

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.fixture
def node(launched, tmp_path, monkeypatch):
    """Launch a Python script that is the executable of a package; returns the launch and what the script saw."""
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))

    def start(attributes: str = "", nested: str = "", then: str = "", *arguments: str):
        script = tmp_path / "lib" / "some_pkg" / "prog"
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(SCRIPT.replace("{then}", then))
        script.chmod(0o755)
        body = f'<node pkg="some_pkg" exec="prog" output="screen" {attributes}>{nested}</node>'
        launch = launched(body, *arguments)
        return launch, json.loads(launch.expect(r"state (.*)$")[1])

    return start


def test_forked_node_has_its_own_arguments_folder_environment_session_and_signals(node):
    launch, state = node('args="a b" cwd="/"', '<env name="OWN" value="1"/>')
    assert launch.finish() == 0
    assert state == {
        "argv": ["a", "b"],
        "main": "__main__",
        "cwd": "/",
        "own": "1",
        "leader": True,
        "interrupt": True,
        "terminate": True,
        "open": [0, 1, 2, 3],
        "preloaded": True,
    }


@pytest.mark.parametrize(
    ("attributes", "nested", "arguments"),
    [
        ("", '<env name="PYTHONHASHSEED" value="1"/>', ()),
        ('launch-prefix="nice -n 1"', "", ()),
        ("", "", ("--no-preload",)),
    ],
)
def test_node_that_needs_an_interpreter_of_its_own_gets_one(node, attributes, nested, arguments):
    launch, state = node(attributes, nested, "", *arguments)
    assert launch.finish() == 0
    assert not state["preloaded"]
    assert state["leader"]


def test_exit_code_and_exit_handlers_of_a_forked_node_count(node):
    launch, _ = node(then="import atexit\natexit.register(print, 'bye')\nsys.exit(3)")
    assert launch.finish() == 1
    assert "[prog-1] bye" in launch.lines
    assert "exit code 3" in launch.text


def test_exception_of_a_forked_node_is_shown(node):
    launch, _ = node(then="raise RuntimeError('broken')")
    assert launch.finish() == 1
    assert "[prog-1] RuntimeError: broken" in launch.lines


def test_random_numbers_of_forked_nodes_differ(launched, tmp_path, monkeypatch):
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    script = tmp_path / "lib" / "some_pkg" / "prog"
    script.parent.mkdir(parents=True)
    script.write_text("#!/usr/bin/env python3\nimport random, numpy.random as r\nprint(r.random(), random.random())\n")
    script.chmod(0o755)
    launch = launched('<node pkg="some_pkg" exec="prog" output="screen"/>' * 2)
    assert launch.finish() == 0
    first, second = (line.split()[1:] for line in launch.lines if line.startswith("[prog-"))
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_interrupt_reaches_a_forked_node_as_keyboard_interrupt(node):
    wait = "try:\n    print('waiting')\n    signal.pause()\nexcept KeyboardInterrupt:\n    print('interrupted')"
    launch, _ = node(then=wait)
    launch.expect("waiting")
    launch.signal(signal.SIGINT)
    assert launch.finish() == 0
    assert "[prog-1] interrupted" in launch.lines
