"""Pointing answers of Molmo2, Molmo 1 and GraspMolmo are read and written as the published code does."""

from __future__ import annotations

import functools
import math
import re

import golden
import pytest

from molmo_ros.models.errors import AnswerError
from molmo_ros.models.grammars import coords, legacy, writing
from molmo_ros.models.grammars.tag import grasp_point

DOCUMENT = golden.load_json("molmo2", "points.json")
GRASP = golden.load_json("graspmolmo", "cases.json")


def sizes_of(case):
    """The note names the sizes of the several-images reading as ``(w,h),(320,240),...``, w and h being the case's."""
    listed = re.findall(r"\((\w+),(\w+)\)", DOCUMENT["note"])
    return [(case["width"], case["height"]) if w == "w" else (float(w), float(h)) for w, h in listed]


def compare(name, read, expected, text):
    if "error" in expected:
        with pytest.raises(AnswerError):
            read()
        return
    rows = [(r.frame, r.object_id, r.u, r.v) if isinstance(r, coords.Mark) else r for r in read()]
    assert [row[:-2] for row in rows] == [tuple(row[:-2]) for row in expected["ok"]], text
    golden.check(f"molmo2/points.json {name}", [r[-2:] for r in rows], [r[-2:] for r in expected["ok"]], 1e-9)


@pytest.mark.parametrize("name", ["unified_points", "unified_multi_with_ids", "any_points", "any_multi"])
def test_points_are_read_as_published(name):
    readers = {
        "unified_points": lambda c: [(m.u, m.v) for m in coords.marks(c["text"], c["width"], c["height"])],
        "unified_multi_with_ids": lambda c: [
            (m.frame, m.object_id, m.u, m.v) for m in coords.marks(c["text"], c["width"], c["height"])
        ],
        "any_points": lambda c: legacy.any_points(c["text"], c["width"], c["height"]),
        "any_multi": lambda c: [(m.frame, m.u, m.v) for m in legacy.any_marks(c["text"], c["width"], c["height"])],
    }
    for case in DOCUMENT["parse_cases"]:
        compare(name, lambda case=case: readers[name](case), case[name], case["text"])


def test_points_of_several_images_are_read_as_published():
    for case in DOCUMENT["parse_cases"]:
        expected = case["per_image_sizes"]
        if any(row[0] < 1 for row in expected.get("ok", [])):
            # The published code lets image 0 wrap round to the last one.
            expected = {"error": "IndexError"}
        sizes = sizes_of(case)
        read = functools.partial(coords.marks_per_image, case["text"], sizes)
        compare("per_image_sizes", read, expected, case["text"])


def test_tracks_are_read_as_published():
    for case in DOCUMENT["parse_cases"]:
        expected = case["unified_tracks"]
        size = case["width"], case["height"]
        if "error" in expected:
            with pytest.raises(AnswerError):
                coords.tracks(case["text"], *size, case["video_fps"])
            continue
        frames = coords.tracks(case["text"], *size, case["video_fps"])
        assert [(f.time_s, f.frame, list(f.points)) for f in frames] == [
            (f["time"], f["frame"], list(f["points"])) for f in expected["ok"]
        ]
        for mine, theirs in zip(frames, expected["ok"], strict=True):
            golden.check(
                "molmo2/points.json unified_tracks",
                list(mine.points.values()),
                [p["point"] for p in theirs["points"].values()],
                1e-9,
            )


def size_of(value):
    return tuple(value) if isinstance(value, list) else value


def written(case):
    options = {"mode": case.get("mode"), "alt": case.get("alt")}
    separator = {"html-v1": "\t", "html-v2": ";"}[case["format"]]
    if case["kind"] == "image":
        return writing.image_points(case["points"], size_of(case["scale"]), case["label"], **options)
    if case["kind"] == "multi_image":
        sizes = [size_of(size) for size in case["scales"]]
        prefixes = [str(index) for index in case["indices"]]
        return writing.grouped_points(prefixes, case["points"], sizes, case["label"], separator=separator, **options)
    if case["kind"] == "video":
        sizes = [size_of(case["scale"])] * len(case["points"])
        prefixes = [writing.seconds(time) for time in case["timestamps"]]
        return writing.grouped_points(prefixes, case["points"], sizes, case["label"], separator=separator, **options)
    track = [
        writing.Observed(
            time=frame["time"],
            points={name: info["point"] for name, info in frame["points"].items()},
            hidden=frozenset(name for name, info in frame["points"].items() if info.get("occluded")),
        )
        for frame in case["tracks"]
    ]
    return writing.track_text(
        track,
        size_of(case["scale"]),
        case["label"],
        alt=case.get("alt"),
        separator=separator,
        ends_only=case["start_end_only"],
    )


def test_answers_are_written_as_published():
    for case in DOCUMENT["format_cases"]:
        # The published code cannot sort times of mixed kinds; here they are seconds before they are sorted.
        if "error" not in case["result"]:
            assert written(case) == case["result"]["ok"], case


def test_grasp_points_are_read_as_published():
    for case in GRASP["parse_point"]:
        expected = case["result"].get("ok")
        size = case["width"], case["height"]
        if expected is None:
            continue
        found = grasp_point(case["text"], *size)
        if not all(0 <= v <= s for v, s in zip(expected, size, strict=True)):
            assert found is None, "a point off the image or not finite must not pass"
        else:
            golden.check("graspmolmo parse_point", found, expected, 1e-9)


def test_a_scene_s_answer_gives_its_pixel():
    for case in GRASP["cases"]:
        found = grasp_point(case["text"], case["width"], case["height"])
        golden.check("graspmolmo scenes", found, case["pixel"], 1e-9)


def test_what_the_published_reader_refuses_is_read_only_inside_a_point_tag():
    for case in GRASP["parse_point"]:
        if case["result"].get("ok") is None:
            found = grasp_point(case["text"], case["width"], case["height"])
            assert found is None or "<point" in case["text"]
            assert found is None or all(math.isfinite(v) for v in found)
