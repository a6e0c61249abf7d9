"""Command lines of `<node>` and `<executable>`: names, parameters, remaps, as launch_ros of ROS 2 Jazzy gives them."""

import pytest
import yaml

from molmo_ros.embedded.launch.document import LaunchError
from molmo_ros.embedded.launch.plan import EntryPoint, ParameterFile


def words(process) -> list[str]:
    return [word for word in process.arguments if isinstance(word, str)]


def parameters(process) -> list[dict]:
    return [yaml.safe_load(word.text) for word in process.arguments if isinstance(word, ParameterFile)]


@pytest.fixture
def node_of(plan_of):
    """The process of the one node in a launch file's body."""

    def evaluate(body: str, **arguments: str):
        (process,) = plan_of(body, **arguments).processes
        return process

    return evaluate


def test_plain_node_gets_only_the_ros_arguments_flag(node_of):
    assert words(node_of('<node exec="/bin/prog"/>')) == ["--ros-args"]


def test_name_namespace_and_arguments_come_in_ros_order(node_of):
    node = node_of(
        '<node exec="/bin/prog" name="n" namespace="a/b" args="--x 1" ros_args="--log-level debug">'
        '<remap from="in" to="out"/></node>'
    )
    assert words(node) == [
        *("--x", "1", "--ros-args", "--log-level", "debug"),
        *("--ros-args", "-r", "__node:=n", "-r", "__ns:=/a/b", "-r", "in:=out"),
    ]


@pytest.mark.parametrize(
    ("pushed", "own", "expected"),
    [
        ("a", None, "/a"),
        ("a", "b", "/a/b"),
        ("/a", "b", "/a/b"),
        ("a", "/b", "/b"),
        ("/", "b", "/b"),
        (None, "b", "/b"),
        (None, "/", "/"),
        ("a/", "b/", "/a/b"),
    ],
)
def test_namespace_is_put_below_the_pushed_one(node_of, pushed, own, expected):
    push = "" if pushed is None else f'<push_ros_namespace namespace="{pushed}"/>'
    namespace = "" if own is None else f'namespace="{own}"'
    node = node_of(f'<group>{push}<node exec="/bin/prog" {namespace}/></group>')
    assert f"__ns:={expected}" in words(node)


def test_pushed_namespace_ends_with_its_group(plan_of):
    inside, outside = plan_of(
        '<group><push_ros_namespace namespace="a"/><node exec="/bin/p"/></group><node exec="/bin/p"/>'
    ).processes
    assert "__ns:=/a" in words(inside)
    assert not any("__ns" in word for word in words(outside))


@pytest.mark.parametrize(
    ("attributes", "value"),
    [
        ('value="1"', 1),
        ('value="1.0"', 1.0),
        ('value="true"', True),
        ('value="text"', "text"),
        ("value=\"'1'\"", "1"),
        ('value=""', ""),
        ('value="1" type="str"', "1"),
        ('value="1" type="float"', 1.0),
        ('value="0" type="bool"', False),
        ('value="[1, 2]"', [1, 2]),
        ('value="[1.0, 2.5]"', [1.0, 2.5]),
        ('value="[a, b]" type="list_of_str"', ["a", "b"]),
        ('value="1;2" value-sep=";"', [1, 2]),
        ('value="1;2" value-sep=";" type="list_of_str"', ["1", "2"]),
        ('value="$(var x)"', 7),
        ('value="$(var x)" type="str"', "7"),
        ('value="{a: 1}" type="str"', "{a: 1}"),
    ],
)
def test_parameter_value_has_its_type(node_of, attributes, value):
    node = node_of(f'<let name="x" value="7"/><node exec="/bin/p"><param name="v" {attributes}/></node>')
    (found,) = parameters(node)
    assert found == {"/**": {"ros__parameters": {"v": value}}}
    assert type(found["/**"]["ros__parameters"]["v"]) is type(value)


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ('value="x" type="int"', "not a whole number"),
        ('value="[1, a]" type="list_of_int"', "not a list of int"),
        ('value="[1, a]"', "not a list of one type"),
        ('value="{a: 1}"', "add type"),
        ('value="1" type="complex"', "not a parameter type"),
        ("", "needs a value"),
    ],
)
def test_parameter_of_the_wrong_type_is_refused(plan_of, attributes, said):
    with pytest.raises(LaunchError, match=said):
        plan_of(f'<node exec="/bin/p"><param name="v" {attributes}/></node>')


def test_nested_parameters_are_joined_with_dots_under_the_nodes_full_name(node_of):
    node = node_of(
        '<node exec="/bin/p" name="n" namespace="s"><param name="a"><param name="b" value="1"/>'
        '<param name="c"><param name="d" value="x"/></param></param></node>'
    )
    assert parameters(node) == [{"/s/n": {"ros__parameters": {"a.b": 1, "a.c.d": "x"}}}]


def test_parameter_file_is_passed_by_its_path(node_of, tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text("/**: {ros__parameters: {a: 1}}")
    node = node_of(f'<node exec="/bin/p"><param from="{file}"/></node>')
    assert node.arguments == ("--ros-args", "--params-file", ParameterFile(path=str(file)))


def test_parameter_file_with_substitutions_is_rewritten(node_of, tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text("/**: {ros__parameters: {a: $(var x)}}")
    node = node_of(f'<let name="x" value="7"/><node exec="/bin/p"><param from="{file}" allow_substs="true"/></node>')
    assert parameters(node) == [{"/**": {"ros__parameters": {"a": 7}}}]


@pytest.mark.parametrize(("text", "said"), [(None, "does not exist"), ("a: [", "not YAML"), ("[1]", "no mapping")])
def test_unusable_parameter_file_is_refused(plan_of, tmp_path, text, said):
    file = tmp_path / "p.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(LaunchError, match=said):
        plan_of(f'<node exec="/bin/p"><param from="{file}"/></node>')


def test_set_parameter_and_set_remap_reach_the_nodes_of_their_scope(plan_of):
    inside, outside = plan_of(
        '<group><set_parameter name="use_sim_time" value="true"/><set_remap from="a" to="b"/>'
        '<node exec="/bin/p"><remap from="c" to="d"/></node></group><node exec="/bin/p"/>'
    ).processes
    assert words(inside) == ["--ros-args", "-p", "use_sim_time:=true", "-r", "a:=b", "-r", "c:=d"]
    assert words(outside) == ["--ros-args"]


@pytest.mark.parametrize(("name", "namespace"), [("1x", "a"), ("x-y", "a"), ("x", "a b"), ("x", "a//b"), ("x", "1")])
def test_invalid_name_or_namespace_is_refused(plan_of, name, namespace):
    with pytest.raises(LaunchError, match="not a valid"):
        plan_of(f'<node exec="/bin/p" name="{name}" namespace="{namespace}"/>')


def test_python_node_of_this_package_is_an_entry_point(node_of):
    node = node_of('<node pkg="molmo_ros" exec="task_node"/>')
    assert node.program == EntryPoint(module="molmo_ros.nodes.task_node", function="main")
    assert node.name == "task_node"


def test_executable_in_a_prefix_is_found(node_of, tmp_path, monkeypatch):
    program = tmp_path / "lib" / "other_pkg" / "prog"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    assert node_of('<node pkg="other_pkg" exec="prog"/>').program == str(program)


def test_missing_executable_is_refused(plan_of):
    with pytest.raises(LaunchError, match=r"test\.launch\.xml:2: package 'molmo_ros' has no executable 'nope'"):
        plan_of('<node pkg="molmo_ros" exec="nope"/>')


def test_missing_viewer_is_skipped_with_a_warning(plan_of, monkeypatch):
    monkeypatch.setenv("PATH", "")
    (step,) = plan_of('<node pkg="rviz2" exec="rviz2"/>').steps
    assert step.warning
    assert "continuing without it" in step.text


def test_executable_takes_its_options(plan_of):
    (process,) = plan_of(
        '<executable cmd="ls -l -a" cwd="/" name="my_ls" output="screen" launch-prefix="nice -n 5" respawn="true" '
        'respawn_delay="0.5" respawn_max_retries="3" sigterm_timeout="7" sigkill_timeout="4" emulate_tty="true" '
        'on_exit="shutdown"><env name="VAR" value="1"/></executable>'
    ).processes
    assert (process.program, process.arguments, process.prefix) == ("ls", ("-l", "-a"), ("nice", "-n", "5"))
    assert (process.cwd, process.name, process.output) == ("/", "my_ls", "screen")
    assert (process.respawn, process.respawn_delay_s, process.respawn_max_retries) == (True, 0.5, 3)
    assert (process.sigterm_timeout_s, process.sigkill_timeout_s) == (7.0, 4.0)
    assert process.emulate_tty
    assert process.shutdown_on_exit
    assert process.environment["VAR"] == "1"


def test_launch_prefix_argument_reaches_the_filtered_executables(plan_of):
    body = '<node exec="/bin/one"/><node exec="/bin/two"/>'
    one, two = plan_of(body, **{"launch-prefix": "gdb --args", "launch-prefix-filter": "t"}).processes
    assert one.prefix == ()
    assert two.prefix == ("gdb", "--args")


def test_second_node_of_the_same_name_warns(plan_of):
    plan = plan_of('<node exec="/bin/p" name="n" namespace="s"/>' * 2 + '<node exec="/bin/p" name="n" namespace="t"/>')
    (warning,) = [step for step in plan.steps if not hasattr(step, "program")]
    assert "at least 2 nodes with the name /s/n" in warning.text
