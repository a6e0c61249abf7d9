"""Type hashes: those of rosbags and of rmw_zenoh's documentation."""

import pytest
from rosbags.typesys import Stores, get_typestore
from zenoh_ros2_sdk.utils import compute_service_type_hash

from molmo_ros.embedded import typesys
from molmo_ros.embedded.typesys.store import STORE_PACKAGES, store_names

# rosidl turns `char` of a .msg into uint8 (rosidl_adapter/msg/__init__.py, MSG_TO_IDL);
# rosbags hashes it as a character.
CHAR_USERS = {
    "rmw_dds_common/msg/Gid",
    "rmw_dds_common/msg/NodeEntitiesInfo",
    "rmw_dds_common/msg/ParticipantEntitiesInfo",
    "service_msgs/msg/ServiceEventInfo",
    "std_msgs/msg/Char",
}
STORE_MESSAGES = [f"{package}/msg/{name}" for package in sorted(STORE_PACKAGES) for name in store_names(package)]


@pytest.fixture(scope="module")
def oracle():
    return get_typestore(Stores.ROS2_JAZZY)


@pytest.mark.parametrize("name", sorted(set(STORE_MESSAGES) - CHAR_USERS))
def test_message_hash_is_that_of_rosbags(name, oracle):
    assert typesys.type_hash(typesys.get_interface(name)) == oracle.hash_rihs01(name)


def test_image_hash_of_jazzy():
    image = typesys.get_interface("sensor_msgs/msg/Image")
    assert typesys.type_hash(image) == "RIHS01_d31d41a9a4c4bc8eae9be757b0beed306564f7526c88ea6a4588fb9582527d47"


@pytest.mark.parametrize(
    "name",
    ["std_srvs/srv/Trigger", "std_srvs/srv/SetBool", "std_srvs/srv/Empty", "example_interfaces/srv/AddTwoInts"],
)
def test_service_hash_is_that_of_the_zenoh_sdk(name):
    # The SDK wants some text even where a section has no fields.
    request, response = (f"# fields\n{part}" for part in typesys.definition_text(name).split("---\n"))
    assert typesys.type_hash(typesys.get_interface(name)) == compute_service_type_hash(name, request, response)


# The keys printed in ros2/rmw_zenoh, docs/design.md.
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("std_msgs/msg/String", "RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18"),
        (
            "example_interfaces/srv/AddTwoInts",
            "RIHS01_e118de6bf5eeb66a2491b5bda11202e7b68f198d6f67922cf30364858239c81a",
        ),
    ],
)
def test_hash_is_that_of_the_rmw_zenoh_design(name, expected):
    assert typesys.type_hash(typesys.get_interface(name)) == expected


def test_derived_types_have_hashes_of_their_own():
    trigger = typesys.get_interface("std_srvs/srv/Trigger")
    hashes = {typesys.type_hash(cls) for cls in (trigger, trigger.Request, trigger.Response, trigger.Event)}
    assert len(hashes) == 4


def test_defaults_do_not_change_a_hash():
    quaternion = typesys.get_interface("geometry_msgs/msg/Quaternion")
    assert quaternion().w == 1.0
    oracle = get_typestore(Stores.ROS2_JAZZY)
    assert typesys.type_hash(quaternion) == oracle.hash_rihs01("geometry_msgs/msg/Quaternion")


def test_dds_names():
    service = typesys.get_interface("std_srvs/srv/Trigger")
    assert typesys.dds_type_name(service) == "std_srvs::srv::dds_::Trigger_"
    assert typesys.dds_type_name(service.Request) == "std_srvs::srv::dds_::Trigger_Request_"
