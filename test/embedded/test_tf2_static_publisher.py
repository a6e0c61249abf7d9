"""The command line of static_transform_publisher."""

import math

import pytest

from molmo_ros.embedded.executables.static_transform_publisher import parse_arguments

FRAMES = ["--frame-id", "base", "--child-frame-id", "camera"]


def rotation(message):
    q = message.transform.rotation
    return (q.x, q.y, q.z, q.w)


def test_named_values():
    message = parse_arguments(["--x", "-1.5", "--yaw", str(math.pi / 2), *FRAMES])

    assert (message.header.frame_id, message.child_frame_id) == ("base", "camera")
    assert message.transform.translation.x == -1.5
    assert rotation(message) == pytest.approx((0, 0, math.sqrt(0.5), math.sqrt(0.5)))


def test_the_older_form_has_yaw_before_roll():
    message = parse_arguments(["1", "2", "3", "0", "0", str(math.pi / 2), "base", "camera"])

    assert message.transform.translation.z == 3.0
    assert rotation(message) == pytest.approx((math.sqrt(0.5), 0, 0, math.sqrt(0.5)))


def test_the_older_form_with_a_quaternion():
    assert rotation(parse_arguments(["0", "0", "-1", "0", "1", "0", "0", "base", "camera"])) == (0, 1, 0, 0)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--x", "nan", *FRAMES],
        ["--qw", "1", "--yaw", "1", *FRAMES],
        ["--qw", "0.5", *FRAMES],
        ["--frame-id", "a", "--child-frame-id", "a"],
    ],
)
def test_arguments_that_make_no_sense_end_it(arguments, capsys):
    with pytest.raises(SystemExit):
        parse_arguments(arguments)
    assert "static_transform_publisher" in capsys.readouterr().err
