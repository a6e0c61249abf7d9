"""Definitions: the grammar, where they are found, and how they are imported."""

import contextlib
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmo_ros.embedded import typesys
from molmo_ros.embedded.typesys import DefinitionError, UnknownInterfaceError
from molmo_ros.embedded.typesys.model import FieldType
from molmo_ros.embedded.typesys.parse import parse_action, parse_message, parse_service
from molmo_ros.embedded.typesys.text import message_text


def field_of(line):
    return parse_message("my_pkg/msg/Some", line).fields[0]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("bool a", FieldType(base="boolean")),
        ("byte a", FieldType(base="octet")),
        ("char a", FieldType(base="uint8")),
        ("float64[9] a", FieldType(base="double", shape="array", size=9)),
        ("string[] a", FieldType(base="string", shape="sequence")),
        ("string<=5[<=2] a", FieldType(base="string", string_bound=5, shape="sequence", size=2)),
        ("Other a", FieldType(base="my_pkg/msg/Other")),
        ("std_msgs/Header a", FieldType(base="std_msgs/msg/Header")),
        ("\tint8  a   # a comment", FieldType(base="int8")),
    ],
)
def test_field_types(line, expected):
    assert field_of(line).type == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("int8 a -3", -3),
        ("bool a true", True),
        ('string a "hello # there"', '"hello'),
        ("string a 'say \\'hi\\''", "say 'hi'"),
        ("float32[2] a [1.5, -2]", [1.5, -2.0]),
        ("string[<=3] a ['x, y', \"z\"]", ["x, y", "z"]),
        ("uint8[] a []", []),
    ],
)
def test_defaults(line, expected):
    assert field_of(line).default == expected


def test_constants():
    text = "byte OK=0\nstring NAME = 'a=b'\nfloat32 HALF=0.5\nuint8 HEX=0xff\n"
    values = {c.name: c.value for c in parse_message("p/msg/M", text).constants}
    assert values == {"OK": 0, "NAME": "a=b", "HALF": 0.5, "HEX": 255}


@pytest.mark.parametrize(
    "line",
    [
        "int8",
        "int8 A",
        "int8 a_",
        "int8 a__b",
        "int8 a 200",
        "uint8 A=-1",
        "bool a maybe",
        "int8[<=] a",
        "int8[0] a",
        "int8<=3 a",
        "string<=2 a 'abc'",
        "int8[2] a [1]",
        "Other a 3",
        "int8[] A=1",
        "int8 a\nint8 a",
        "__import__('os') a",
        "string a 'it's'",
    ],
)
def test_malformed_lines_are_refused(line):
    with pytest.raises(DefinitionError, match="p/msg/M"):
        parse_message("p/msg/M", line)


@given(st.text(max_size=200))
def test_any_text_is_a_message_or_a_refusal(text):
    with contextlib.suppress(DefinitionError):
        parse_message("p/msg/M", text)


def test_a_definition_survives_being_written():
    text = 'int8 X=1\nstring S="q"\nint8 a 3\nstring<=4 b "cd"\nOther[<=2] c\nstd_msgs/Header[3] d\nbyte[] e\n'
    definition = parse_message("p/msg/M", text)
    assert parse_message("p/msg/M", message_text(definition)) == definition


def test_services_and_actions_need_their_separators():
    with pytest.raises(DefinitionError, match="'---'"):
        parse_service("p/srv/S", "int8 a")
    with pytest.raises(DefinitionError, match="'---'"):
        parse_action("p/action/A", "int8 a\n---\nint8 b")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package folder named in MOLMO_ROS_INTERFACES_PATH."""
    folder = tmp_path / "my_defs"
    for kind, name, text in [
        ("msg", "Leaf", "int32 number 7\n"),
        ("msg", "Tree", "Leaf[] leaves\n"),
        ("srv", "Ask", "Leaf leaf\n---\nbool yes\n"),
        ("action", "Grow", "int8 to\n---\nTree tree\n---\nfloat32 height\n"),
        ("msg", "Snake", "Snake tail\n"),
        ("msg", "Orphan", "nobody_msgs/Nothing a\n"),
    ]:
        (folder / kind).mkdir(parents=True, exist_ok=True)
        (folder / kind / f"{name}.{kind}").write_text(text)
    monkeypatch.setenv("MOLMO_ROS_INTERFACES_PATH", str(folder))
    return folder


def run(code, **environment):
    """Run code in a fresh interpreter with the embedded runtime installed."""
    lines = "import molmo_ros.embedded\nmolmo_ros.embedded.install()\n" + code
    return subprocess.run(
        [sys.executable, "-c", lines],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_named_package_can_be_imported(package):
    code = (
        "from my_defs.msg import Leaf, Tree\nfrom my_defs.srv import Ask\nfrom my_defs.action import Grow\n"
        "from my_defs.msg._tree import Tree as Same, Metaclass_Tree\n"
        "print(Leaf().number, Same is Tree, type(Tree) is Metaclass_Tree,"
        " Ask.Request().leaf.number, Grow.Result().tree.leaves)"
    )
    assert run(code).stdout.split() == ["7", "True", "True", "7", "[]"]


def test_a_star_import_gives_every_name(package):
    code = "from my_defs.srv import *\nprint(Ask.__name__, Ask_Request.__name__, Ask_Event.__name__)"
    assert run(code).stdout.split() == ["Ask", "Ask_Request", "Ask_Event"]


def test_a_definitions_folder_in_the_working_directory_does_not_hide_its_package(package):
    code = f"import os, sys\nos.chdir({str(package.parent)!r})\nsys.path.insert(0, '')\n"
    assert run(code + "from my_defs.msg import Leaf\nprint(Leaf().number)").stdout.strip() == "7"


def test_python_modules_beside_the_definitions_are_found(package):
    (package / "my_defs").mkdir()
    (package / "my_defs" / "helper.py").write_text("ANSWER = 42\n")
    assert run("from my_defs.helper import ANSWER\nprint(ANSWER)").stdout.strip() == "42"


def test_a_missing_name_is_an_import_error(package):
    ended = run("from my_defs.msg import Nothing")
    assert "ImportError: cannot import name 'Nothing' from 'my_defs.msg'" in ended.stderr
    assert "ModuleNotFoundError" in run("import my_defs.msg._nothing").stderr
    assert "ModuleNotFoundError" in run("import no_such_msgs.msg").stderr


def test_looking_for_a_missing_module_does_not_load_the_type_store():
    code = (
        "import sys\ntry:\n    import not_there\nexcept ImportError:\n    pass\n"
        "import rcl_interfaces.msg, std_srvs.srv\nrcl_interfaces.msg.Log()\n"
        "print([name for name in sys.modules if name.startswith(('rosbags', 'numpy'))])"
    )
    assert run(code).stdout.strip() == "[]"


def test_installed_share_comes_first(tmp_path, monkeypatch, package):
    share = tmp_path / "prefix" / "share" / "my_defs" / "msg"
    share.mkdir(parents=True)
    (share / "Leaf.msg").write_text("int32 number 9\n")
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path / "prefix"))
    assert "number 9" in typesys.definition_text("my_defs/msg/Leaf")
    assert "leaves" in typesys.definition_text("my_defs/msg/Tree")


def test_a_message_that_contains_itself_is_refused(package):
    with pytest.raises(DefinitionError, match="contains itself"):
        typesys.get_interface("my_defs/msg/Snake")


def test_a_missing_dependency_is_named(package):
    with pytest.raises(UnknownInterfaceError, match="nobody_msgs/msg/Nothing"):
        typesys.get_interface("my_defs/msg/Orphan")


def test_packages_and_interfaces_are_listed(package):
    packages = typesys.list_packages()
    assert {"my_defs", "std_msgs", "std_srvs", "molmo_ros_interfaces", "vision_msgs"} <= set(packages)
    assert typesys.list_interfaces("my_defs")[-2:] == ["my_defs/srv/Ask", "my_defs/action/Grow"]
    assert "std_msgs/msg/String" in typesys.list_interfaces("std_msgs")


@pytest.mark.parametrize(
    "name", ["std_msgs/msg/Header", "control_msgs/action/FollowJointTrajectory", "std_srvs/srv/Empty"]
)
def test_definition_text_can_be_read_back(name):
    text = typesys.definition_text(name)
    parse = {"msg": parse_message, "srv": parse_service, "action": parse_action}[name.split("/")[1]]
    assert parse(name, text)


@pytest.mark.parametrize(
    "name", ["std_msgs", "std_msgs/msg/Nothing", "a/b/c/d", "../etc/msg/X", "std_msgs/msg/../String"]
)
def test_unknown_names_are_refused(name):
    with pytest.raises(UnknownInterfaceError):
        typesys.get_interface(name)


def test_every_shipped_interface_can_be_made():
    for package in typesys.list_packages():
        for name in typesys.list_interfaces(package):
            interface = typesys.get_interface(name)
            assert typesys.type_hash(interface).startswith("RIHS01_")
            if typesys.is_message(interface):
                assert typesys.deserialize(typesys.serialize(interface()), interface) == interface()


def test_an_idl_file_is_read_where_there_is_no_other(package):
    (package / "srv" / "Tell.idl").write_text(
        "module my_defs { module srv {\n"
        "  module Tell_Request_Constants { const uint8 LOUD = 3; };\n"
        "  struct Tell_Request { sequence<double, 3> words; my_defs::msg::Leaf leaf; };\n"
        "  struct Tell_Response { boolean heard; };\n};};\n"
    )
    tell = typesys.get_interface("my_defs/srv/Tell")
    assert tell.Request.LOUD == 3
    assert tell.Request.get_fields_and_field_types() == {"words": "sequence<double, 3>", "leaf": "my_defs/Leaf"}
    assert tell.Response().heard is False


@pytest.mark.parametrize(
    "text",
    [
        "nonsense {",
        "module my_defs { module msg { struct Other { boolean a; }; }; };",
        "module my_defs { module msg { struct Odd { wchar a; }; }; };",
    ],
)
def test_an_idl_file_that_cannot_be_used_is_refused(package, text):
    (package / "msg" / "Odd.idl").write_text(text)
    with pytest.raises(DefinitionError, match="my_defs/msg/Odd"):
        typesys.get_interface("my_defs/msg/Odd")
