"""Nothing that a launch started outlives it, however it ends."""

import os
import signal
import sys
from pathlib import Path

import pytest
from launched import wait_gone

CHILDREN = """
import os, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
runaway = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
print("pids", os.getpid(), child.pid, runaway.pid, flush=True)
{then}
"""

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc and uses Linux' subreaper")


@pytest.fixture
def family(launched, tmp_path):
    """A launch of a process with a child and a child in a session of its own; returns it and the three ids."""

    def start(then: str):
        path = tmp_path / "family.py"
        path.write_text(CHILDREN.format(then=then))
        launch = launched(f'<executable cmd="{sys.executable} {path}" output="screen" sigterm_timeout="0.5"/>')
        match = launch.expect(r"pids (\d+) (\d+) (\d+)")
        return launch, [int(number) for number in match.groups()]

    return start


def spawner_of(launch) -> int:
    (pid,) = Path(f"/proc/{launch.process.pid}/task/{launch.process.pid}/children").read_text().split()
    return int(pid)


def test_interrupt_ends_the_whole_family(family):
    launch, pids = family("signal.pause()")
    launch.signal(signal.SIGINT)
    launch.finish()
    wait_gone(*pids)


def test_process_that_ends_leaves_nobody(family):
    launch, pids = family("")
    assert launch.finish() == 0
    wait_gone(*pids)


def test_killed_launcher_takes_the_family_along(family):
    launch, pids = family("signal.pause()")
    spawner = spawner_of(launch)
    launch.signal(signal.SIGKILL)
    wait_gone(spawner, *pids)


def test_killed_launcher_takes_deaf_processes_along(family):
    deaf = "signal.signal(signal.SIGINT, signal.SIG_IGN)\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    launch, pids = family(deaf + "print('deaf', flush=True)\nwhile True: signal.pause()")
    launch.expect("deaf")
    launch.signal(signal.SIGKILL)
    wait_gone(*pids)


def test_killed_spawner_ends_the_launch_and_its_processes(family):
    launch, pids = family("signal.pause()")
    os.kill(spawner_of(launch), signal.SIGKILL)
    assert launch.finish() == 1
    assert "the process that owns the launched processes was killed" in launch.text
    wait_gone(*pids)


PARAMETERS = """
import pathlib, signal, sys
path = sys.argv[sys.argv.index("--params-file") + 1]
print("file", path, pathlib.Path(path).read_text().replace("\\n", " "), flush=True)
signal.pause()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_temporary_parameter_files_are_removed(launched, tmp_path, number):
    script = tmp_path / "node.py"
    script.write_text(PARAMETERS)
    launch = launched(
        f'<node exec="{sys.executable}" args="{script}" output="screen"><param name="a" value="1"/></node>'
    )
    match = launch.expect(r"file (\S+) (.*)$")
    assert "a: 1" in match[2]
    spawner = spawner_of(launch)
    launch.signal(number)
    launch.finish()
    wait_gone(spawner)
    assert not Path(match[1]).parent.exists()
