"""Images to arrays and back: encodings, colours, padding, byte order, compression."""

import array

import cv2
import numpy as np
import pytest
from cv_bridge import CvBridge, CvBridgeError, cvtColorForDisplay, getCvType
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

BRIDGE = CvBridge()
# Names and OpenCV types of sensor_msgs/image_encodings.hpp.
TYPES = {
    "mono8": (np.uint8, 1),
    "mono16": (np.uint16, 1),
    "rgb8": (np.uint8, 3),
    "bgr8": (np.uint8, 3),
    "rgba8": (np.uint8, 4),
    "bgra8": (np.uint8, 4),
    "rgb16": (np.uint16, 3),
    "bayer_rggb8": (np.uint8, 1),
    "bayer_gbrg16": (np.uint16, 1),
    "yuv422": (np.uint8, 2),
    "yuv422_yuy2": (np.uint8, 2),
    "16UC1": (np.uint16, 1),
    "32FC1": (np.float32, 1),
    "64FC2": (np.float64, 2),
    "32SC3": (np.int32, 3),
    "8SC1": (np.int8, 1),
    "8U": (np.uint8, 1),
    "16SC5": (np.int16, 5),
}


def message(width, height, encoding, data, step=None, is_bigendian=0):
    dtype, channels = TYPES[encoding]
    return Image(
        width=width,
        height=height,
        encoding=encoding,
        step=step or width * channels * np.dtype(dtype).itemsize,
        is_bigendian=is_bigendian,
        data=array.array("B", data),
    )


def solid(rgb, encoding):
    return BRIDGE.cv2_to_imgmsg(np.full((4, 6, 3), rgb, np.uint8), encoding)


@given(st.sampled_from(sorted(TYPES)), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32))
def test_every_encoding_survives_a_round_trip(encoding, width, height, seed):
    dtype, channels = TYPES[encoding]
    shape = (height, width) if channels == 1 else (height, width, channels)
    raw = np.random.default_rng(seed).integers(0, 100, shape).astype(dtype)

    sent = BRIDGE.cv2_to_imgmsg(raw, encoding)
    back = BRIDGE.imgmsg_to_cv2(sent)

    assert (sent.encoding, sent.width, sent.height) == (encoding, width, height)
    assert sent.step == width * channels * raw.itemsize
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, raw)


def test_without_an_encoding_the_type_is_named():
    assert BRIDGE.cv2_to_imgmsg(np.zeros((2, 3, 2), np.float32)).encoding == "32FC2"


def test_the_header_is_kept():
    header = Header(frame_id="camera")

    assert BRIDGE.cv2_to_imgmsg(np.zeros((2, 3), np.uint8), header=header).header.frame_id == "camera"


def test_padding_at_the_end_of_rows_is_left_out():
    rows = np.arange(3 * 8, dtype=np.uint8).reshape(3, 8)

    image = BRIDGE.imgmsg_to_cv2(message(2, 3, "rgb8", rows.tobytes(), step=8))

    np.testing.assert_array_equal(image.reshape(3, 6), rows[:, :6])


def test_padding_need_not_be_a_multiple_of_a_pixel():
    rows = np.arange(2 * 7, dtype=np.uint8).reshape(2, 7)

    image = BRIDGE.imgmsg_to_cv2(message(3, 2, "16UC1", rows.tobytes(), step=7))

    np.testing.assert_array_equal(image, rows[:, :6].copy().view("<u2"))


def test_big_endian_depth_arrives_in_native_order():
    depth_mm = np.array([[1, 256], [4000, 65535]], np.uint16)
    sent = message(2, 2, "16UC1", depth_mm.astype(">u2").tobytes(), is_bigendian=1)

    image = BRIDGE.imgmsg_to_cv2(sent)

    assert image.dtype.isnative
    np.testing.assert_array_equal(image, depth_mm)


def test_a_big_endian_array_is_sent_as_such():
    sent = BRIDGE.cv2_to_imgmsg(np.array([[1, 2]], ">i4"))

    assert sent.is_bigendian
    assert BRIDGE.imgmsg_to_cv2(sent).tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("source", "target", "pixel", "expected"),
    [
        ("rgb8", "bgr8", (10, 20, 30), (30, 20, 10)),
        ("bgr8", "rgba8", (10, 20, 30), (30, 20, 10, 255)),
        ("rgb8", "rgb16", (0, 128, 255), (0, 128 * 257, 65535)),
        ("bgr8", "rgb16", (255, 0, 1), (257, 0, 65535)),
    ],
)
def test_colours_and_depths_are_converted(source, target, pixel, expected):
    image = BRIDGE.imgmsg_to_cv2(solid(pixel, source), target)

    assert tuple(image[0, 0].tolist()) == expected


def test_sixteen_bits_become_eight_by_scaling_the_full_range():
    gray = np.array([[0, 257, 32896, 65535]], np.uint16)

    image = BRIDGE.imgmsg_to_cv2(BRIDGE.cv2_to_imgmsg(gray, "mono16"), "mono8")

    assert image.tolist() == [[0, 1, 128, 255]]


def test_depth_becomes_float_by_value():
    depth = np.array([[0, 1500]], np.uint16)

    image = BRIDGE.imgmsg_to_cv2(BRIDGE.cv2_to_imgmsg(depth, "16UC1"), "32FC1")

    assert image.dtype == np.float32
    assert image.tolist() == [[0.0, 1500.0]]


def test_float_becomes_integer_rounded_and_limited():
    values = np.array([[-1.0, 1.6, 1e9, np.nan]], np.float32)

    image = BRIDGE.imgmsg_to_cv2(BRIDGE.cv2_to_imgmsg(values, "32FC1"), "16UC1")

    assert image.tolist() == [[0, 2, 65535, 0]]


@pytest.mark.parametrize(
    ("pattern", "corner"), [("bayer_rggb8", (0, 0)), ("bayer_bggr8", (1, 1)), ("bayer_grbg8", (0, 1))]
)
def test_a_mosaic_of_red_is_seen_as_red(pattern, corner):
    mosaic = np.zeros((8, 8), np.uint8)
    mosaic[corner[0] :: 2, corner[1] :: 2] = 200

    red, green, blue = BRIDGE.imgmsg_to_cv2(BRIDGE.cv2_to_imgmsg(mosaic, pattern), "rgb8")[4, 4]

    assert (red, green, blue) == (200, 0, 0)


@pytest.mark.parametrize(("encoding", "luma"), [("yuv422", 1), ("yuv422_yuy2", 0)])
def test_luma_of_yuv_images_is_found_where_the_format_has_it(encoding, luma):
    pixels = np.full((2, 4, 2), 128, np.uint8)
    pixels[:, :, luma] = 77

    image = BRIDGE.imgmsg_to_cv2(BRIDGE.cv2_to_imgmsg(pixels, encoding), "mono8")

    assert image.tolist() == [[77] * 4] * 2


@pytest.mark.parametrize(
    ("source", "target"),
    [("8UC3", "bgr8"), ("rgb8", "8UC1"), ("bayer_rggb8", "bayer_bggr8"), ("32FC1", "mono8")],
)
def test_a_conversion_that_makes_no_sense_is_refused(source, target):
    dtype, channels = TYPES.get(source, (np.uint8, 3))
    image = np.zeros((4, 4, channels) if channels > 1 else (4, 4), dtype)

    with pytest.raises(CvBridgeError):
        BRIDGE.imgmsg_to_cv2(BRIDGE.cv2_to_imgmsg(image, source), target)


def test_an_array_of_another_type_than_the_encoding_is_refused():
    with pytest.raises(CvBridgeError, match="encoding specified as rgba8"):
        BRIDGE.cv2_to_imgmsg(np.zeros((2, 2, 3), np.uint8), "rgba8")


def test_an_unknown_encoding_is_refused():
    with pytest.raises(CvBridgeError, match="Unrecognized image encoding"):
        BRIDGE.cv2_to_imgmsg(np.zeros((2, 2), np.uint8), "rainbow8")


@pytest.mark.parametrize("step", [1, 100])
def test_a_message_with_too_few_bytes_is_refused(step):
    with pytest.raises(CvBridgeError, match="wrongly formed"):
        BRIDGE.imgmsg_to_cv2(message(2, 2, "rgb8", bytes(12), step=step))


def test_something_that_is_no_array_is_a_type_error():
    with pytest.raises(TypeError, match="not a numpy array"):
        BRIDGE.cv2_to_imgmsg([[1, 2]], "mono8")


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_png_is_lossless(kind):
    image = np.arange(48, dtype=kind).reshape(4, 4, 3)

    sent = BRIDGE.cv2_to_compressed_imgmsg(image, "png")

    assert sent.format == "png"
    np.testing.assert_array_equal(BRIDGE.compressed_imgmsg_to_cv2(sent), image)


def test_a_compressed_image_is_converted_from_what_it_holds():
    gray = BRIDGE.cv2_to_compressed_imgmsg(np.full((4, 4), 9, np.uint8), "png")
    colour = BRIDGE.cv2_to_compressed_imgmsg(np.full((4, 4, 3), (1, 2, 3), np.uint8), "png")

    assert BRIDGE.compressed_imgmsg_to_cv2(gray, "bgr8")[0, 0].tolist() == [9, 9, 9]
    assert BRIDGE.compressed_imgmsg_to_cv2(colour, "rgb8")[0, 0].tolist() == [3, 2, 1]


@pytest.mark.parametrize("data", [b"", b"no image at all"])
def test_bytes_that_are_no_image_are_refused(data):
    with pytest.raises(CvBridgeError, match="are no image"):
        BRIDGE.compressed_imgmsg_to_cv2(CompressedImage(format="jpg", data=array.array("B", data)))


def test_type_numbers_are_those_of_opencv():
    for encoding in ("8UC1", "16SC2", "32FC3", "64FC4"):
        assert getCvType(encoding) == getattr(cv2, f"CV_{encoding}")


def test_labels_are_shown_in_colours_on_a_black_background():
    labels = np.array([[0, 1, 2]], np.int32)

    shown = cvtColorForDisplay(labels, "32SC1", "bgr8")[0]

    assert shown[0].tolist() == [0, 0, 0]
    assert len({tuple(colour) for colour in shown.tolist()}) == 3


def test_depth_is_shown_between_its_extremes():
    depth = np.array([[1.0, 2.0, 3.0]], np.float32)

    shown = cvtColorForDisplay(depth, "32FC1", "mono8", do_dynamic_scaling=True)

    assert shown.tolist() == [[0, 128, 255]]
