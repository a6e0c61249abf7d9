"""A launched graph with its console, and a real headless browser on it.

These tests need Chromium and the pip package playwright; `make test-browser` sets both up and names the browser in
MOLMO_ROS_CHROMIUM. Without that name they are not collected.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "nodes"))

if not os.environ.get("MOLMO_ROS_CHROMIUM"):
    collect_ignore_glob = ["test_*.py"]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
ROOT = Path(__file__).parents[2]
SLOW_MS = 120_000
SMALL = {"width": 800, "height": 620}


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go."""
    given = os.environ.get("MOLMO_ROS_ARTEFACTS")
    folder = Path(given) if given else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, int]]:
    """The FR3 graph with its console, and the port of the page.

    A browser that draws without a GPU takes the CPU from the simulation, so joint states may be older here.
    """
    from graph import Graph

    port = free_port()
    parameters = tmp_path_factory.mktemp("config") / "patient.yaml"
    tabletop = yaml.safe_load((ROOT / "config/fr3_tabletop.yaml").read_text())
    for node in ("/**/executor_node", "/**/task_node"):
        tabletop[node]["ros__parameters"]["joint_states_max_age_s"] = 1.0
    parameters.write_text(yaml.safe_dump(tabletop))
    graph = Graph(
        tmp_path_factory.mktemp("runs"),
        100 + os.getpid() % 100,
        "console:=true",
        f"console_port:={port}",
        f"params:={parameters}",
    )
    try:
        graph.ready()
        yield graph, port
    finally:
        graph.close()


def polite_browser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The browser behind nice: drawing without a GPU must not starve the robot's control loop of CPU."""
    script = tmp_path_factory.mktemp("browser") / "chromium"
    script.write_text(f'#!/bin/sh\nexec nice -n 5 "{os.environ["MOLMO_ROS_CHROMIUM"]}" "$@"\n')
    script.chmod(0o755)
    return script


@pytest.fixture(scope="session")
def page(console: tuple[Any, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The page, open in the browser, with the robot's state on it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(polite_browser(tmp_path_factory)), args=FLAGS)
        page = browser.new_page(viewport=SMALL)
        page.set_default_timeout(SLOW_MS)
        page.goto(f"http://127.0.0.1:{console[1]}")
        page.locator("#robot-state").get_by_text("Armed", exact=True).wait_for()
        for button in page.locator(".mantine-Notification-closeButton").all():
            button.click()
        yield page
        browser.close()
