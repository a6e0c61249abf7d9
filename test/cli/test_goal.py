"""`molmo-ros goal`: stages as they come, exit codes, cancellation."""

import signal


def test_goal_that_succeeds_shows_its_stages_and_exits_0(cli):
    done = cli("goal", "put it there")
    assert done.code == 0
    assert done.out.splitlines() == [
        "waiting:   0 % for /execute_instruction",
        "grasp:  50 % Closing",
        "recorded: /bags/1",
        "succeeded",
    ]


def test_goal_that_fails_exits_1_with_code_and_sentence(cli):
    done = cli("goal", "fail at it")
    assert done.code == 1
    assert done.err == "error [NO_GRASP] nothing there can be grasped\n"


def test_rejected_goal_exits_1(cli):
    done = cli("goal", "")
    assert (done.code, done.err) == (1, "error [REJECTED] the robot rejected the instruction\n")


def test_no_robot_is_refused(cli):
    done = cli("goal", "go", "--namespace", "/elsewhere", "--wait", "0.2")
    assert done.code == 2
    assert "no robot listens to '/elsewhere/execute_instruction' after 0.2 s" in done.err


def test_interrupt_cancels_and_exits_130(cli_process):
    process = cli_process("goal", "wait for me")
    for line in process.stdout:
        if line.startswith("grasp"):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")
    assert out.startswith("canceling: the robot holds still")
