"""The panel beside the scene: sentence, plan, stages, stop, camera, model and runs."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

HISTORY = 12
STAGES = ("understand", "ground", "grasp", "trace", "confirm", "approach", "lift", "carry", "release", "retreat",
          "verify", "done")  # fmt: skip
NO_HISTORY = "—"


@dataclass(frozen=True, kw_only=True)
class Commands:
    """What a person can ask for; each call returns at once.

    Attributes:
        send: A sentence, and whether to wait for confirmation before moving.
        confirm: Accept the plan.
        reject: Reject the plan.
        stop: Hold, latched.
        release: Release the latched stop.
        arm: Re-arm.
        drag: A waypoint's number and its new place in the base frame (3,) [m].
        insert: Insert a waypoint after one.
        delete: Delete a waypoint.
        undo: Undo the newest edit.
    """

    send: Callable[[str, bool], None]
    confirm: Callable[[], None]
    reject: Callable[[], None]
    stop: Callable[[], None]
    release: Callable[[], None]
    arm: Callable[[], None]
    drag: Callable[[int, npt.NDArray[np.float64]], None]
    insert: Callable[[int], None]
    delete: Callable[[int], None]
    undo: Callable[[], None]


class Panel:
    """The controls; every text that comes from outside is escaped.

    Args:
        gui: viser's gui.
        commands: What the buttons do.
    """

    def __init__(self, gui: Any, commands: Commands) -> None:
        self._gui = gui
        self._history: list[str] = []
        self._reached: list[str] = []
        self._ended: bool | None = None
        self._state = gui.add_html("")
        self._button("Stop", commands.stop, color="red", icon="hand-stop", hint="The arm holds; latched.")
        self._release = self._button("Release stop", commands.release, hint="Lets go of the latch; nothing moves.")
        self._arm = self._button("Re-arm", commands.arm, hint="Lets the robot move again.")
        self._make_request(commands)
        with gui.add_folder("Progress"):
            self._bar = gui.add_progress_bar(0.0)
            self._stages = gui.add_html("")
        self._make_plan(commands)
        with gui.add_folder("Camera") as self._camera:
            self._image: Any = None
            self._image_place = gui.add_html(_note("no image yet"))
        with gui.add_folder("Model"):
            self._model = gui.add_html(_note("nothing thought yet"))
        with gui.add_folder("Recorded runs", expand_by_default=False):
            self._runs = gui.add_html(_note("none"))
        self.robot(armed=False, stopped=False, words="waiting for the robot", mode="")
        self.plan(waiting=False, waypoints=0)
        self._show_stages("")

    def _button(self, label: str, action: Callable[[], None], **options: Any) -> Any:
        button = self._gui.add_button(label, **options)
        button.on_click(lambda _: action())
        return button

    def _make_request(self, commands: Commands) -> None:
        with self._gui.add_form("What shall the robot do?") as form:
            self._sentence = self._gui.add_text("Sentence", "", hint="Enter sends it.")
            self._ask_first = self._gui.add_checkbox("Ask me before moving", True)
            send = self._gui.add_button("Do it", color="blue", icon="player-play")
            past = self._gui.add_dropdown("History", (NO_HISTORY,))

        def submit(_: Any) -> None:
            sentence = self._sentence.value.strip()
            if sentence:
                self._history = [sentence, *(s for s in self._history if s != sentence)][:HISTORY]
                past.options = (NO_HISTORY, *self._history)
            commands.send(sentence, bool(self._ask_first.value))

        def again(_: Any) -> None:
            if past.value != NO_HISTORY:
                self._sentence.value = past.value

        send.on_click(lambda _: form.submit())
        form.on_submit(submit)
        past.on_update(again)

    def _make_plan(self, commands: Commands) -> None:
        with self._gui.add_folder("Plan"):
            self._plan_words = self._gui.add_html("")
            self._confirm = self._button("Confirm", commands.confirm, color="green", icon="check")
            self._reject = self._button("Reject", commands.reject, color="orange", icon="x")
            self._undo = self._button("Undo", commands.undo)
            with self._gui.add_folder("Waypoints", expand_by_default=False):
                self._waypoint = self._gui.add_dropdown("Waypoint", ("1",))
                self._insert = self._button("Insert after", lambda: commands.insert(int(self._waypoint.value) - 1))
                self._delete = self._button("Delete", lambda: commands.delete(int(self._waypoint.value) - 1))

    def robot(self, *, armed: bool, stopped: bool, words: str, mode: str) -> None:
        """The executor's state in words."""
        if stopped:
            colour, title = "#e03131", "STOPPED - latched"
        elif armed:
            colour, title = "#2f9e44", "Armed"
        else:
            colour, title = "#f08c00", "Not armed"
        detail = " · ".join(html.escape(w) for w in (mode, words) if w)
        content = (
            f'<div id="robot-state" style="background:{colour};color:white;border-radius:6px;padding:6px 10px;'
            f'margin:4px 8px;font-size:14px"><b>{title}</b><br><span style="font-size:12px">{detail or "&nbsp;"}</span>'
            "</div>"
        )
        _set(self._state, "content", content)
        _set(self._release, "disabled", not stopped)
        _set(self._arm, "disabled", armed or stopped)

    def plan(self, *, waiting: bool, waypoints: int, words: str = "") -> None:
        """Whether a plan waits for a person, and how many waypoints it has."""
        default = "Drag the waypoints, then confirm." if waiting else "No plan waits for you."
        _set(self._plan_words, "content", _note(words or default))
        for button in (self._confirm, self._reject, self._insert, self._delete, self._undo):
            _set(button, "disabled", not waiting)
        options = tuple(str(i + 1) for i in range(waypoints)) or ("1",)
        if tuple(self._waypoint.options) != options:
            self._waypoint.options = options

    def begin(self) -> None:
        """A new goal begins."""
        self._reached, self._ended = [], None
        _set(self._bar, "value", 0.0)
        self._show_stages("")

    def stage(self, stage: str, message: str, progress: float | None) -> None:
        """A stage was reached."""
        if stage not in self._reached:
            self._reached.append(stage)
        if progress is not None:
            _set(self._bar, "value", 100.0 * min(max(progress, 0.0), 1.0))
        self._show_stages(message)

    def outcome(self, *, good: bool, words: str) -> None:
        """The goal is over."""
        self._ended = good
        if good:
            _set(self._bar, "value", 100.0)
        self._show_stages(words)

    def _show_stages(self, message: str) -> None:
        rows = []
        newest = self._reached[-1] if self._reached else ""
        for stage in dict.fromkeys((*STAGES, *self._reached)):
            sign, style = ("○", "opacity:0.45") if stage not in self._reached else ("●", "color:#2f9e44")
            if stage == newest and self._ended is None:
                sign, style = "▶", "font-weight:bold;color:#1c7ed6"
            if stage == newest and self._ended is False:
                sign, style = "✕", "font-weight:bold;color:#e03131"
            rows.append(f'<span style="display:inline-block;width:33%;{style}">{sign} {html.escape(stage)}</span>')
        colour = {None: "#495057", True: "#2f9e44", False: "#e03131"}[self._ended]
        words = f'<div id="message" style="color:{colour};margin-top:6px">{html.escape(message) or "&nbsp;"}</div>'
        _set(self._stages, "content", f'<div style="margin:4px 10px;font-size:13px">{"".join(rows)}{words}</div>')

    def image(self, rgb: npt.NDArray[np.uint8]) -> None:
        """The newest camera image (H, W, 3) with its overlays."""
        if self._image is None:
            self._image_place.visible = False
            with self._camera:
                self._image = self._gui.add_image(rgb, format="jpeg", jpeg_quality=75)
        else:
            self._image.image = rgb

    def thought(self, rows: Sequence[tuple[str, str]]) -> None:
        """Name and value of what is known about the newest thought."""
        cells = "".join(
            f'<tr><td style="opacity:0.6;padding-right:8px;vertical-align:top">{html.escape(k)}</td>'
            f"<td>{html.escape(v[:300])}</td></tr>"
            for k, v in rows
        )
        _set(self._model, "content", f'<table style="margin:4px 10px;font-size:12px">{cells}</table>')

    def runs(self, names: Sequence[str]) -> None:
        """Recorded runs, newest first."""
        lines = "".join(f"<li>{html.escape(n)}</li>" for n in names)
        words = f'<ul style="margin:4px 10px;padding-left:14px;font-size:12px">{lines}</ul>' if lines else _note("none")
        _set(self._runs, "content", words)


def _note(words: str) -> str:
    return f'<div style="margin:4px 10px;font-size:13px">{html.escape(words)}</div>'


def _set(handle: Any, field: str, value: Any) -> None:
    if getattr(handle, field) != value:
        setattr(handle, field, value)
