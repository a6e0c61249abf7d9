"""What launch files come to: scopes, conditions, arguments, includes, errors with file and line."""

import pytest

from molmo_ros.embedded.launch.document import LaunchError
from molmo_ros.embedded.launch.evaluate import declared_arguments, make_plan, parse_arguments


def refused(plan_of, body: str, **arguments: str) -> str:
    with pytest.raises(LaunchError) as caught:
        plan_of(body, **arguments)
    return caught.value.message


def test_let_uses_earlier_values(logged):
    body = '<let name="a" value="asd"/><let name="b" value="2 $(var a)"/><log message="$(var b)"/>'
    assert logged(body) == ["2 asd"]


def test_argument_on_the_command_line_wins_over_the_default(logged):
    body = '<arg name="a" default="x"/><log message="$(var a)"/>'
    assert logged(body) == ["x"]
    assert logged(body, a="y") == ["y"]


def test_default_may_use_an_earlier_argument(logged):
    body = '<arg name="a" default="x"/><arg name="b" default="$(var a)/y"/><log message="$(var b)"/>'
    assert logged(body, a="z") == ["z/y"]


@pytest.mark.parametrize(
    ("word", "runs"), [("true", True), ("1", True), ("True", True), ("false", False), ("0", False)]
)
def test_condition_words(logged, word, runs):
    body = '<arg name="c"/><log message="if" if="$(var c)"/><log message="unless" unless="$(var c)"/>'
    assert logged(body, c=word) == (["if"] if runs else ["unless"])


def test_other_condition_is_refused_with_file_and_line(plan_of):
    message = refused(plan_of, '<log message="x" if="maybe"/>')
    assert "test.launch.xml:2:" in message
    assert "'maybe' is not a condition" in message


def test_scoped_group_keeps_its_values_to_itself(logged):
    body = """
      <let name="a" value="outer"/>
      <group><let name="a" value="inner"/><set_env name="E" value="1"/><log message="$(var a)$(env E)"/></group>
      <log message="$(var a)$(env E none)"/>"""
    assert logged(body) == ["inner1", "outernone"]


def test_unscoped_group_does_not(logged):
    body = """
      <let name="a" value="outer"/>
      <group scoped="false"><let name="a" value="inner"/></group>
      <log message="$(var a)"/>"""
    assert logged(body) == ["inner"]


def test_group_without_forwarding_keeps_only_what_it_is_told(logged):
    body = """
      <let name="a" value="A"/><let name="b" value="B"/>
      <group forwarding="false"><keep name="b" value="$(var b)"/><log message="$(var a none)$(var b)"/></group>
      <log message="$(var a)"/>"""
    assert logged(body) == ["noneB", "A"]


def test_reset_keeps_only_what_it_is_told(logged):
    body = """
      <let name="a" value="A"/><let name="b" value="B"/>
      <reset><keep name="b" value="$(var b)"/><keep name="c" value="C"/></reset>
      <log message="$(var a none)$(var b)$(var c)"/>"""
    assert logged(body) == ["noneBC"]


def test_environment_is_set_appended_and_unset(logged):
    body = """
      <set_env name="E" value="a"/><append_env name="E" value="b"/>
      <append_env name="E" value="c" prepend="true" separator="|"/><log message="$(env E)"/>
      <unset_env name="E"/><log message="$(env E gone)"/>"""
    assert logged(body) == ["c|a:b", "gone"]


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("$(not true)", "false"),
        ("$(and true 1)", "true"),
        ("$(or false 0)", "false"),
        ("$(any false true)", "true"),
        ("$(all true false)", "false"),
        ("$(equals 1.0 1)", "true"),
        ("$(equals True 1)", "true"),
        ("$(not-equals a b)", "true"),
        ("$(if true yes no)", "yes"),
        ("$(if false yes)", ""),
        ("$(eval '1 + 1')", "2"),
        ("$(optenv NOT_SET)", ""),
        ("$(optenv NOT_SET x)", "x"),
        ("$(command 'printf %s there')", "there"),
        ("$(log_dir)", "/logs"),
        ("$(param unset fallback)", "fallback"),
        ("$(find-exec sh)", None),
    ],
)
def test_substitution_value(logged, expression, result):
    (text,) = logged(f'<log message="{expression}"/>')
    assert text.endswith("/sh") if result is None else text == result


def test_dirname_and_filename_are_of_the_included_file(plan_of, tmp_path):
    inner = tmp_path / "sub"
    inner.mkdir()
    (inner / "i.launch.xml").write_text('<launch><log message="$(dirname) $(filename)"/></launch>')
    plan = plan_of('<include file="$(dirname)/sub/i.launch.xml"/><log message="$(dirname)"/>')
    assert [step.text for step in plan.steps] == [f"{inner} {inner}/i.launch.xml", str(tmp_path)]


def test_anonymous_name_is_the_same_for_the_same_word(logged):
    first, second, other = logged('<log message="$(anon a)"/><log message="$(anon a)"/><log message="$(anon b)"/>')
    assert first == second != other


def test_find_pkg_share_finds_this_package(logged):
    (text,) = logged('<log message="$(find-pkg-share molmo_ros)"/>')
    assert text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<log message="$(var a)"/>', "'a' is not set"),
        ('<log message="$(env NOT_SET)"/>', "environment variable 'NOT_SET' is not set"),
        ('<log message="$(find-pkg-share no_such)"/>', "package 'no_such' is not installed"),
        ('<log message="$(command false)"/>', "failed with exit code 1"),
        ('<log message="$(command no_such_program)"/>', "does not exist"),
        ("<log message=\"$(command 'sh -c \\'echo bad >&amp;2\\'')\"/>", "wrote to stderr: bad"),
        ('<log message="$(no-such x)"/>', "unknown substitution $(no-such ...)"),
        ('<log message="$(not)"/>', "takes 1 arguments, got 0"),
        ('<log message="$(eval __import__)"/>', "not known"),
        ('<log message="$(var a"/>', "missing ')'"),
        ("<log/>", "needs the attribute 'message'"),
        ('<log message="x" colour="red"/>', "has no attribute 'colour'"),
        ("<logg/>", "<logg> cannot stand inside <launch>"),
        ('<node_container pkg="a"/>', "not supported by this launcher"),
        ('<include file="/no/such.launch.xml"/>', "does not exist"),
        ('<include file="$(dirname)/other.launch.py"/>', "does not exist"),
        ('<log message="x" if="1" unless="1"/>', "both 'if' and 'unless'"),
        ("hello", "unexpected text 'hello'"),
        ('<timer period="-1"><log message="x"/></timer>', "not a number of seconds"),
        ("<log>", "not well-formed XML"),
    ],
)
def test_error_is_one_sentence_with_file_and_line(plan_of, body, said):
    message = refused(plan_of, body)
    assert said in message
    assert "\n" not in message
    assert "test.launch.xml:" in message


def test_document_types_are_refused(tmp_path):
    path = tmp_path / "bomb.launch.xml"
    path.write_text('<!DOCTYPE launch [<!ENTITY a "b">]><launch><log message="&a;"/></launch>')
    with pytest.raises(LaunchError, match="document types"):
        make_plan(path)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(LaunchError, match="no such file"):
        make_plan(tmp_path / "none.launch.xml")


def test_required_argument_is_named_with_its_description(plan_of):
    message = refused(plan_of, '<arg name="ip" description="address of the robot"/>')
    assert "'ip' (address of the robot) is required; give it as ip:=<value>" in message


def test_unknown_argument_is_refused_with_a_suggestion(plan_of):
    message = refused(plan_of, '<arg name="robot_ip" default=""/>', robot_pi="1.2.3.4")
    assert "unknown launch argument 'robot_pi'; did you mean 'robot_ip'?" in message


def test_argument_of_an_include_is_known(plan_of, tmp_path):
    (tmp_path / "i.launch.xml").write_text(
        '<launch><arg name="deep" default="1"/><log message="$(var deep)"/></launch>'
    )
    plan = plan_of('<include file="$(dirname)/i.launch.xml"/>', deep="2")
    assert plan.steps[0].text == "2"


def test_include_needs_the_arguments_without_a_default(plan_of, tmp_path):
    (tmp_path / "i.launch.xml").write_text('<launch><arg name="ip"/></launch>')
    assert "'ip' is required" in refused(plan_of, '<include file="$(dirname)/i.launch.xml"/>')
    assert plan_of('<include file="$(dirname)/i.launch.xml"><arg name="ip" value="x"/></include>').steps == ()


def test_file_that_includes_itself_is_refused(plan_of):
    assert "include each other deeper" in refused(plan_of, '<include file="$(filename)"/>')


def test_choice_outside_the_list_is_refused(plan_of):
    body = '<arg name="r" default="a"><choice value="a"/><choice value="b"/></arg>'
    assert "is 'c'; valid choices are a, b" in refused(plan_of, body, r="c")


@pytest.mark.parametrize("word", ["a", ":=b", "a=b"])
def test_malformed_argument_is_refused(word):
    with pytest.raises(LaunchError, match="name:=value"):
        parse_arguments([word])


def test_last_argument_of_a_name_wins():
    assert parse_arguments(["a:=1", "a:=2", "b:=", "c:=x:=y"]) == {"a": "2", "b": "", "c": "x:=y"}


def test_declared_arguments_include_nested_and_conditional_ones(tmp_path):
    (tmp_path / "i.launch.xml").write_text('<launch><arg name="deep"/><arg name="given"/></launch>')
    path = tmp_path / "o.launch.xml"
    path.write_text(
        '<launch><arg name="a" default="$(env X y)" description="first"/>'
        '<include file="$(dirname)/i.launch.xml" if="$(var a)"><arg name="given" value="1"/></include></launch>'
    )
    found = {argument.name: argument for argument in declared_arguments(path)}
    assert set(found) == {"a", "deep"}
    assert found["a"].default == "$(env X y)"
    assert found["deep"].conditional
    assert not found["a"].conditional


def test_timer_delays_what_it_holds(plan_of):
    steps = plan_of(
        '<timer period="$(var p 1.5)"><log message="x"/><timer period="1"><shutdown/></timer></timer>'
    ).steps
    assert [step.delay_s for step in steps] == [1.5, 2.5]


def test_set_parameter_can_be_read_back(logged):
    assert logged('<set_parameter name="p" value="2.5"/><log message="$(param p)"/>') == ["2.5"]


def test_deprecated_file_warns(tmp_path):
    path = tmp_path / "old.launch.xml"
    path.write_text('<launch deprecated="use new.launch.xml"/>')
    (step,) = make_plan(path).steps
    assert step.warning
    assert step.text.endswith("is deprecated: use new.launch.xml")


@pytest.mark.parametrize(
    ("name", "said"), [("a.launch.py", "Python launch files"), ("a.launch.yaml", "YAML launch files")]
)
def test_other_formats_are_refused_by_name(tmp_path, name, said):
    path = tmp_path / name
    path.write_text("")
    with pytest.raises(LaunchError, match=said):
        make_plan(path)
