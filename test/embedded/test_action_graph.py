"""Actions in the graph."""

from example_interfaces.action import Fibonacci
from rclpy.action import (
    ActionClient,
    ActionServer,
    get_action_client_names_and_types_by_node,
    get_action_names_and_types,
    get_action_server_names_and_types_by_node,
)
from ros_world import TIMEOUT_S, world

TYPE = ["example_interfaces/action/Fibonacci"]


def test_actions_are_listed_by_node_and_altogether():
    with world("asker", "doer", namespace="/lab") as (asker, doer):
        ActionServer(doer, Fibonacci, "served", lambda goal_handle: Fibonacci.Result())
        client = ActionClient(asker, Fibonacci, "served")
        ActionClient(asker, Fibonacci, "wanted")
        assert client.wait_for_server(TIMEOUT_S)
        assert get_action_server_names_and_types_by_node(asker, "doer", "/lab") == [("/lab/served", TYPE)]
        assert get_action_server_names_and_types_by_node(asker, "asker", "/lab") == []
        clients = get_action_client_names_and_types_by_node(doer, "asker", "/lab")
        assert sorted(clients) == [("/lab/served", TYPE), ("/lab/wanted", TYPE)]
        assert sorted(get_action_names_and_types(doer)) == [("/lab/served", TYPE), ("/lab/wanted", TYPE)]
