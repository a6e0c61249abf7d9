"""A person at the browser page: a sentence, the plan, confirm, success; then Stop in the middle of a second run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SLOW_MS = 180_000


def shoot(page: Any, folder: Path, name: str, *, large: bool = False) -> None:
    """Saves a screenshot; a large page is drawn only for it."""
    before = page.viewport_size
    if large:
        page.set_viewport_size({"width": 1100, "height": 1000})
    page.screenshot(path=str(folder / f"{name}.png"), timeout=SLOW_MS)
    page.set_viewport_size(before)


def say(page: Any, sentence: str) -> None:
    """Types a sentence and sends it with Enter."""
    field = page.locator("form input[type=text], form input:not([type])").first
    field.fill(sentence)
    field.press("Enter")


def button(page: Any, name: str) -> Any:
    """A button by its words."""
    return page.get_by_role("button", name=name, exact=True)


def enabled(page: Any, name: str) -> Any:
    """Waits until a button may be pressed."""
    from playwright.sync_api import expect

    found = button(page, name)
    expect(found).to_be_enabled(timeout=SLOW_MS)
    return found


def message(page: Any, words: str) -> None:
    """Waits for the words beneath the stages."""
    page.locator("#message").get_by_text(words).wait_for(timeout=SLOW_MS)


def test_a_sentence_is_planned_confirmed_and_done(page: Any, console: Any, artefacts: Path) -> None:
    say(page, "put the red block in the bowl")
    confirm = enabled(page, "Confirm")
    assert not console[0].moving(), "nothing moves before a person has confirmed"
    shoot(page, artefacts, "2_plan", large=True)
    confirm.click()
    page.locator("#robot-state").get_by_text("moving").first.wait_for(timeout=SLOW_MS)
    message(page, "Done.")
    shoot(page, artefacts, "3_done")


def test_a_plan_outlives_a_reload_and_its_rejection_ends_without_motion(
    page: Any, console: Any, artefacts: Path
) -> None:
    before = list(console[0].joints[-1].position)
    say(page, "pick up the purple block")
    enabled(page, "Reject")
    page.reload()
    enabled(page, "Reject").click()
    message(page, "rejected by a person")
    assert max(abs(a - b) for a, b in zip(before, console[0].joints[-1].position, strict=True)) < 0.01
    shoot(page, artefacts, "4_rejected")


def test_stop_is_latched_until_released_and_rearmed(page: Any, console: Any, artefacts: Path) -> None:
    graph = console[0]
    say(page, "pick up the purple block")
    enabled(page, "Confirm").click()
    graph.until(graph.moving, "motion")
    button(page, "Stop").click()
    page.locator("#robot-state").get_by_text("STOPPED - latched").wait_for(timeout=SLOW_MS)
    message(page, "[STOPPED]")
    assert graph.state.stop_latched
    assert not graph.moving()
    assert button(page, "Re-arm").is_disabled()
    shoot(page, artefacts, "5_stopped")
    enabled(page, "Release stop").click()
    page.locator("#robot-state").get_by_text("Not armed", exact=True).wait_for(timeout=SLOW_MS)
    assert not graph.moving()
    enabled(page, "Re-arm").click()
    page.locator("#robot-state").get_by_text("Armed", exact=True).wait_for(timeout=SLOW_MS)
    assert graph.state.armed


def test_a_sentence_that_is_not_understood_is_answered_in_words(page: Any, console: Any, artefacts: Path) -> None:
    say(page, "pick up the unicorn")
    message(page, "INSTRUCTION_NOT_UNDERSTOOD")
    shoot(page, artefacts, "6_refused")


def test_clouds_are_listened_to_only_while_a_page_is_open(page: Any, console: Any) -> None:
    node = console[0].node
    console[0].until(lambda: node.count_subscribers("perception/points") == 1, "listening to the cloud")
    page.close()
    console[0].until(lambda: node.count_subscribers("perception/points") == 0, "no more listening")
