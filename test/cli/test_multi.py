"""Options with several words, as ros2's command line has them."""

import pytest

from molmo_ros.cli.multi import MultiValueCommand


class Sample(MultiValueCommand):
    multi = ("--topics", "-m")
    optional = {"--clock": "40"}  # noqa: RUF012


@pytest.mark.parametrize(
    ("given", "expanded"),
    [
        ("bag --topics /a /b --loop", "bag --topics /a --topics /b --loop"),
        ("bag --topics /a", "bag --topics /a"),
        ("bag -m a:=b c:=d -r 2", "bag -m a:=b -m c:=d -r 2"),
        ("bag --clock", "bag --clock 40"),
        ("bag --clock 100", "bag --clock 100"),
        ("--clock bag", "--clock 40 bag"),
        ("--clock --loop", "--clock 40 --loop"),
        ("--topics", "--topics"),
        ("-- --topics /a /b", "-- --topics /a /b"),
    ],
)
def test_words_are_spread_over_the_option(given, expanded):
    assert Sample("sample").expand(given.split()) == expanded.split()
