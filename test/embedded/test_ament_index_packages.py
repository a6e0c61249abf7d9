"""Packages by the ament index, by Python's prefix, and by their source folders."""

import sys
from pathlib import Path

import ament_index_python as index
import pytest

import molmo_ros

ROOT = Path(molmo_ros.__file__).parents[1]


def prefix_with(tmp_path, name, package, content=""):
    prefix = tmp_path / name
    marker = prefix / index.RESOURCE_INDEX_SUBFOLDER / "packages" / package
    marker.parent.mkdir(parents=True)
    marker.write_text(content)
    (prefix / "share" / package).mkdir(parents=True)
    return prefix


@pytest.fixture
def ament_path(monkeypatch):
    def set_path(*prefixes):
        monkeypatch.setenv("AMENT_PREFIX_PATH", ":".join(map(str, prefixes)))

    return set_path


def test_the_first_prefix_on_the_path_wins(tmp_path, ament_path):
    first = prefix_with(tmp_path, "overlay", "arm_tools")
    second = prefix_with(tmp_path, "underlay", "arm_tools")
    ament_path(first, second)

    assert index.get_package_prefix("arm_tools") == str(first)
    assert index.get_package_share_directory("arm_tools") == str(first / "share" / "arm_tools")
    assert index.get_packages_with_prefixes() == {"arm_tools": str(first)}


def test_a_package_of_pythons_prefix_is_found(tmp_path, monkeypatch):
    monkeypatch.delenv("AMENT_PREFIX_PATH", raising=False)
    monkeypatch.setattr(sys, "prefix", str(prefix_with(tmp_path, "venv", "arm_tools")))

    assert index.get_package_share_path("arm_tools") == tmp_path / "venv" / "share" / "arm_tools"


@pytest.mark.parametrize(
    ("package", "folder"), [("molmo_ros", ROOT), ("molmo_ros_interfaces", ROOT / "molmo_ros_interfaces")]
)
def test_this_project_is_found_in_its_source_folder(tmp_path, ament_path, monkeypatch, package, folder):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    ament_path(tmp_path)

    assert index.get_package_share_path(package) == folder


def test_a_named_interface_folder_is_a_package(tmp_path, ament_path, monkeypatch):
    folder = tmp_path / "src" / "whatever"
    folder.mkdir(parents=True)
    (folder / "package.xml").write_text("<package><name>gripper_msgs</name></package>")
    ament_path(tmp_path)
    monkeypatch.setenv("MOLMO_ROS_INTERFACES_PATH", str(folder))

    assert index.get_package_prefix("gripper_msgs") == str(folder)


def test_a_package_that_is_nowhere_is_not_found(tmp_path, ament_path):
    ament_path(tmp_path)

    with pytest.raises(index.PackageNotFoundError, match="package 'nowhere' not found"):
        index.get_package_prefix("nowhere")


@pytest.mark.parametrize("name", ["../etc", "a b", "_x", "/abs"])
def test_something_that_is_no_package_name_is_refused(name):
    with pytest.raises(ValueError, match="not a valid package name"):
        index.get_package_share_directory(name)


def test_a_missing_share_folder_is_a_warning(tmp_path, ament_path):
    prefix = prefix_with(tmp_path, "overlay", "arm_tools")
    (prefix / "share" / "arm_tools").rmdir()
    ament_path(prefix)

    with pytest.warns(UserWarning, match="does not exist"):
        index.get_package_share_directory("arm_tools")


def test_resources_have_contents(tmp_path, ament_path):
    ament_path(prefix_with(tmp_path, "overlay", "arm_tools", "hello"))

    assert index.get_resource("packages", "arm_tools") == ("hello", str(tmp_path / "overlay"))
    assert index.has_resource("packages", "leg_tools") is False
    with pytest.raises(index.InvalidResourceNameError):
        index.get_resource("packages", "../packages/arm_tools")


def test_an_empty_path_is_an_error(monkeypatch):
    monkeypatch.setenv("AMENT_PREFIX_PATH", "")

    with pytest.raises(OSError, match="not set or empty"):
        index.get_search_paths()
