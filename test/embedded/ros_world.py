"""Two nodes in one process that see nobody else, spun by an executor in the background."""

import os
import threading
from contextlib import contextmanager

import rclpy
from rclpy.context import Context
from rclpy.executors import MultiThreadedExecutor

TIMEOUT_S = 20.0


@contextmanager
def world(*names, **node_options):
    """Nodes of these names, spun in the background until the block ends."""
    context = Context()
    rclpy.init(context=context, domain_id=1 + os.getpid() % 230)
    executor = MultiThreadedExecutor(num_threads=4, context=context)
    nodes = [rclpy.create_node(name, context=context, **node_options) for name in names]
    for node in nodes:
        executor.add_node(node)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    try:
        yield nodes
    finally:
        executor.shutdown()
        thread.join(TIMEOUT_S)
        for node in nodes:
            node.destroy_node()
        rclpy.shutdown(context=context)


def finished(future):
    """The result of a future that another thread completes."""
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    if not done.wait(TIMEOUT_S):
        raise TimeoutError("the future did not complete")
    return future.result()
