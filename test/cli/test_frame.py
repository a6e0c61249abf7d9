"""The command line's frame: lazy commands, one-line errors, exit codes."""

import subprocess
import sys
import textwrap

import pytest

from molmo_ros.cli import lazy
from molmo_ros.cli import main as cli_main


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """A package of command modules that a test fills, used instead of the real one."""
    folder = tmp_path / "some_commands"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(cli_main.MainGroup, "package", "some_commands")

    def add(name: str, source: str) -> None:
        (folder / f"{name}.py").write_text(textwrap.dedent(source))

    yield add
    for name in [name for name in sys.modules if name.split(".")[0] == "some_commands"]:
        del sys.modules[name]


def run(*argv: str) -> int:
    with pytest.raises(SystemExit) as stop:
        cli_main.main(list(argv))
    return stop.value.code


def test_help_lists_a_command_without_importing_it(commands, capsys):
    commands("heavy", '"""Lift something heavy."""\nraise RuntimeError("imported")\n')
    assert run("--help") == 0
    assert "Lift something heavy." in capsys.readouterr().out


def test_missing_module_does_not_appear(commands, capsys):
    commands("here", '"""Present."""\ndef command() -> None: ...\n')
    assert run("launch") == 2
    assert run("--help") == 0
    assert "launch" not in capsys.readouterr().out


def test_function_command_receives_its_arguments(commands, capsys):
    commands("say_twice", '"""Say."""\ndef command(word: str, times: int = 2) -> None:\n    print(word * times)\n')
    assert run("say-twice", "ha", "--times", "3") == 0
    assert capsys.readouterr().out == "hahaha\n"


def test_group_command_finds_its_subcommand(commands, capsys):
    commands(
        "tool",
        '''
        """Tools."""
        import typer
        app = typer.Typer()
        @app.command()
        def one() -> None:
            print("first")
        @app.command()
        def two() -> None:
            print("second")
        ''',
    )
    assert run("tool", "two") == 0
    assert capsys.readouterr().out == "second\n"


def test_expected_error_is_one_line_with_code_and_exit_2(commands, capsys):
    commands(
        "refuse",
        '''
        """Refuse."""
        from molmo_ros.core.errors import ErrorCode, MolmoRosError
        def command() -> None:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, "the file\\nis not YAML")
        ''',
    )
    assert run("refuse") == 2
    assert capsys.readouterr().err == "error [CONFIG_INVALID] the file is not YAML\n"


def test_ctrl_c_exits_130_quietly(commands, capsys):
    commands("wait", '"""Wait."""\ndef command() -> None:\n    raise KeyboardInterrupt\n')
    assert run("wait") == 130
    assert capsys.readouterr().err == ""


def test_failed_run_exits_1(commands):
    commands("fail", '"""Fail."""\nimport typer\ndef command() -> None:\n    raise typer.Exit(1)\n')
    assert run("fail") == 1


def test_help_imports_no_heavy_library():
    code = (
        "import sys\n"
        "from molmo_ros.cli.main import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'numpy', 'torch', 'mujoco', 'zenoh', 'rclpy', 'cv2', 'rosbags'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_module_that_exposes_nothing_is_a_programming_error(commands):
    commands("empty", '"""Empty."""\n')
    with pytest.raises(AttributeError, match="neither app nor command"):
        lazy.load("some_commands.empty", "empty")


@pytest.mark.parametrize("name", lazy.module_names("molmo_ros.cli.commands"))
def test_every_real_command_has_a_help_page(name, capsys):
    assert run(name, "--help") == 0
    assert "Usage: molmo-ros" in capsys.readouterr().out
