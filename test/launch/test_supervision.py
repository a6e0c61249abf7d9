"""Launches as real processes: output, exit codes, respawn, required processes, stopping."""

import signal
import sys

import pytest
from launched import wait_gone

SLEEPER = "import signal, sys; print('ready', flush=True); signal.pause()"
STUBBORN = (
    "import signal, sys, time; signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGTERM, {term}); "
    "print('ready', flush=True)\nwhile True: time.sleep(60)"
)


@pytest.fixture
def script(tmp_path):
    """A Python file as the command of an `<executable>`."""

    def write(name: str, source: str) -> str:
        path = tmp_path / name
        path.write_text(source)
        return f"{sys.executable} {path}"

    return write


def test_lines_are_prefixed_and_a_clean_end_exits_0(launched):
    launch = launched('<executable cmd="sh -c \'echo one; echo two >&amp;2; printf three\'" name="e" output="screen"/>')
    assert launch.finish() == 0
    assert {"[e-1] one", "[e-1] two", "[e-1] three"} <= set(launch.lines)
    assert "[INFO] [e-1]: process has finished cleanly" in launch.text


def test_log_output_keeps_stdout_off_the_screen_and_in_the_log(launched, tmp_path):
    launch = launched('<executable cmd="sh -c \'echo quiet; echo loud >&amp;2\'" name="e"/>')
    assert launch.finish() == 0
    assert "quiet" not in launch.text
    assert "[e-1] loud" in launch.lines
    (log,) = (tmp_path / "log").rglob("launch.log")
    assert "[e-1] quiet" in log.read_text()


def test_process_that_dies_makes_the_launch_exit_1(launched):
    launch = launched('<executable cmd="sh -c \'exit 3\'"/><executable cmd="true"/>')
    assert launch.finish() == 1
    assert "[ERROR] [sh-1]: process has died [pid" in launch.text
    assert "exit code 3" in launch.text


def test_program_that_does_not_exist_says_so(launched):
    launch = launched('<executable cmd="/no/such/program"/>')
    assert launch.finish() == 1
    assert "cannot run '/no/such/program': No such file or directory" in launch.text


def test_refused_file_exits_2_with_one_line(launched):
    launch = launched("<nope/>")
    assert launch.finish() == 2
    assert len(launch.lines) == 1
    assert launch.lines[0].startswith("error [LAUNCH_INVALID] ")


def test_interrupt_stops_every_process_and_exits_0(launched, script):
    command = script("sleeper.py", SLEEPER)
    launch = launched(f'<executable cmd="{command}" output="screen"/><executable cmd="{command}" output="screen"/>')
    pids = [int(launch.expect(r"started with pid \[(\d+)\]")[1]) for _ in range(2)]
    launch.expect("ready")
    launch.expect("ready")
    launch.signal(signal.SIGINT)
    assert launch.finish() == 0
    wait_gone(*pids)
    assert launch.text.count("sending signal 'SIGINT'") == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_ending_signals_stop_it_as_well(launched, script, number):
    launch = launched(f'<executable cmd="{script("sleeper.py", SLEEPER)}" output="screen"/>')
    pid = int(launch.expect(r"started with pid \[(\d+)\]")[1])
    launch.expect("ready")
    launch.signal(number)
    assert launch.finish() == 0
    wait_gone(pid)


@pytest.mark.parametrize(
    ("term", "last", "code"), [("signal.SIG_DFL", "SIGTERM", "-15"), ("signal.SIG_IGN", "SIGKILL", "-9")]
)
def test_deaf_process_is_terminated_and_then_killed(launched, script, term, last, code):
    command = script("stubborn.py", STUBBORN.format(term=term))
    launch = launched(
        f'<executable cmd="{command}" output="screen" name="deaf" sigterm_timeout="0.2" sigkill_timeout="0.2"/>'
    )
    launch.expect("ready")
    launch.signal(signal.SIGINT)
    launch.finish()
    assert f"escalating to '{last}'" in launch.text
    assert f"exit code {code}" in launch.text


def test_required_process_ends_the_launch(launched, script):
    launch = launched(
        f'<executable cmd="{script("sleeper.py", SLEEPER)}" output="screen"/>'
        '<executable cmd="sh -c \'sleep 0.3\'" name="needed" on_exit="shutdown"/>'
    )
    assert launch.finish() == 0
    assert "process[needed-2] was required: shutting down launched system" in launch.text


def test_required_process_that_fails_makes_the_launch_exit_1(launched):
    launch = launched('<executable cmd="false" on_exit="shutdown"/>')
    assert launch.finish() == 1


def test_process_is_respawned_up_to_its_retries(launched):
    launch = launched(
        '<executable cmd="sh -c \'echo again\'" name="e" output="screen" respawn="true" respawn_max_retries="2"/>'
    )
    assert launch.finish() == 0
    assert launch.lines.count("[e-1] again") == 3


def test_respawn_waits_for_its_delay_and_not_for_a_stop(launched):
    launch = launched('<executable cmd="true" name="e" respawn="true" respawn_delay="1000"/>')
    launch.expect("finished cleanly")
    launch.signal(signal.SIGINT)
    assert launch.finish() == 0
    assert launch.text.count("process started") == 1


def test_timer_and_shutdown_actions(launched, script):
    launch = launched(
        f'<executable cmd="{script("sleeper.py", SLEEPER)}" output="screen"/>'
        '<timer period="0.3"><log message="now"/><shutdown reason="enough seen"/></timer>'
    )
    assert launch.finish() == 0
    assert "[INFO] [launch]: now" in launch.lines
    assert "shutting down: enough seen" in launch.text


def test_emulated_terminal_is_a_terminal(launched):
    launch = launched('<executable cmd="test -t 1" emulate_tty="true"/>')
    assert launch.finish() == 0


def test_shell_runs_the_whole_line(launched):
    launch = launched('<executable cmd="echo \\$((40 + 2)) | cat" shell="true" name="e" output="screen"/>')
    assert launch.finish() == 0
    assert "[e-1] 42" in launch.lines


def test_environment_and_folder_reach_the_process(launched):
    launch = launched(
        '<set_env name="A" value="1"/><executable cmd="sh -c \'echo $A$B in $PWD\'" cwd="/" name="e" output="screen">'
        '<env name="B" value="2"/></executable>'
    )
    assert launch.finish() == 0
    assert "[e-1] 12 in /" in launch.lines


def test_long_output_without_a_line_end_is_bounded(launched, script):
    command = script("long.py", "import sys; sys.stdout.write('x' * 300_000)")
    launch = launched(f'<executable cmd="{command}" name="e" output="screen"/>')
    assert launch.finish() == 0
    shown = [line.removeprefix("[e-1] ") for line in launch.lines if line.startswith("[e-1] x")]
    assert "".join(shown) == "x" * 300_000
    assert max(map(len, shown)) <= 65536
