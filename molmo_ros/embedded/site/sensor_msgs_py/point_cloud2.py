"""Read and write ``sensor_msgs/PointCloud2`` as numpy arrays."""

from __future__ import annotations

import sys
from collections import namedtuple
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.lib.recfunctions import structured_to_unstructured, unstructured_to_structured
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

DUMMY_FIELD_PREFIX = "unnamed_field"

_DATATYPES = {
    PointField.INT8: np.dtype(np.int8),
    PointField.UINT8: np.dtype(np.uint8),
    PointField.INT16: np.dtype(np.int16),
    PointField.UINT16: np.dtype(np.uint16),
    PointField.INT32: np.dtype(np.int32),
    PointField.UINT32: np.dtype(np.uint32),
    PointField.FLOAT32: np.dtype(np.float32),
    PointField.FLOAT64: np.dtype(np.float64),
}


def _require(condition: bool, sentence: str) -> None:
    """Raise the error that callers of this module have always had to catch."""
    if not condition:
        raise AssertionError(sentence)


def read_points(
    cloud: PointCloud2,
    field_names: Sequence[str] | None = None,
    skip_nans: bool = False,
    uvs: Iterable[int] | None = None,
    reshape_organized_cloud: bool = False,
) -> np.ndarray:
    """Return the points of a cloud as a structured array, without a copy where possible.

    Args:
        cloud: The message.
        field_names: Which fields to return; all when not given.
        skip_nans: Leave out points with a NaN in a returned field, unless the cloud is dense.
        uvs: Indices of the points to return; all when not given.
        reshape_organized_cloud: Return an organized cloud as a two-dimensional array.

    Returns:
        A structured array with one field per (requested) point field.
    """
    _require(isinstance(cloud, PointCloud2), "Cloud is not a sensor_msgs.msg.PointCloud2")
    dtype = dtype_from_fields(cloud.fields, point_step=cloud.point_step)
    if cloud.height > 1 and cloud.row_step > cloud.width * cloud.point_step:
        rows = np.ndarray(
            shape=(cloud.height, cloud.width),
            dtype=dtype,
            buffer=cloud.data,
            strides=(cloud.row_step, cloud.point_step),
        )
        points = rows.reshape(-1)
    else:
        points = np.ndarray(shape=(cloud.width * cloud.height,), dtype=dtype, buffer=cloud.data)

    if bool(cloud.is_bigendian) != (sys.byteorder != "little"):
        points = points.byteswap()
    if field_names is not None:
        _require(
            all(name in points.dtype.names for name in field_names),
            "Requests field is not in the fields of the PointCloud!",
        )
        points = points[list(field_names)]
    if skip_nans and not cloud.is_dense:
        keep = np.ones(len(points), dtype=bool)
        for name in points.dtype.names:
            keep &= ~np.isnan(points[name])
        points = points[keep]
    if uvs is not None:
        points = points[uvs if isinstance(uvs, np.ndarray) else np.fromiter(uvs, int)]
    if reshape_organized_cloud and cloud.height > 1:
        points = points.reshape(cloud.width, cloud.height)
    return points


def read_points_numpy(
    cloud: PointCloud2,
    field_names: Sequence[str] | None = None,
    skip_nans: bool = False,
    uvs: Iterable[int] | None = None,
    reshape_organized_cloud: bool = False,
) -> np.ndarray:
    """Return equally typed fields of a cloud as a plain (N, fields) array.

    Arguments are those of `read_points`.
    """
    kinds = {f.datatype for f in cloud.fields if field_names is None or f.name in field_names}
    _require(
        len(kinds) <= 1,
        "All fields need to have the same datatype. Use `read_points()` otherwise.",
    )
    return structured_to_unstructured(read_points(cloud, field_names, skip_nans, uvs, reshape_organized_cloud))


def read_points_list(
    cloud: PointCloud2,
    field_names: Sequence[str] | None = None,
    skip_nans: bool = False,
    uvs: Iterable[int] | None = None,
) -> list[Any]:
    """Return the points of a cloud as named tuples (slow; arguments as in `read_points`)."""
    _require(isinstance(cloud, PointCloud2), "cloud is not a sensor_msgs.msg.PointCloud2")
    if field_names is None:
        field_names = [f.name for f in cloud.fields]
    point_type = namedtuple("Point", field_names)
    return [point_type._make(p) for p in read_points(cloud, field_names, skip_nans, uvs)]


def dtype_from_fields(fields: Iterable[PointField], point_step: int | None = None) -> np.dtype:
    """Return the numpy type of one point.

    A field with a count above one becomes several, named ``name_0``, ``name_1``, ...

    Args:
        fields: The point fields.
        point_step: Size of a point in bytes; the sum of the fields when not given.

    Returns:
        A structured type with offsets.
    """
    names: list[str] = []
    offsets: list[int] = []
    formats: list[str] = []
    for index, field in enumerate(fields):
        datatype = _DATATYPES[field.datatype]
        base = field.name or f"{DUMMY_FIELD_PREFIX}_{index}"
        _require(field.count > 0, "Can't process fields with count = 0.")
        for part in range(field.count):
            name = f"{base}_{part}" if field.count > 1 else base
            _require(name not in names, "Duplicate field names are not allowed!")
            names.append(name)
            offsets.append(field.offset + part * datatype.itemsize)
            formats.append(datatype.str)
    layout: dict[str, Any] = {"names": names, "formats": formats, "offsets": offsets}
    if point_step is not None:
        layout["itemsize"] = point_step
    return np.dtype(layout)


def create_cloud(
    header: Header,
    fields: Sequence[PointField],
    points: Iterable[Any],
    point_step: int | None = None,
) -> PointCloud2:
    """Build a cloud from an array or from an iterable of points.

    Args:
        header: Stamp and frame of the points.
        fields: The point fields.
        points: A structured array of exactly these fields, a plain array of one type, or an
            iterable with one iterable of values per point. Two point dimensions make an
            organized cloud.
        point_step: Size of a point in bytes; the sum of the fields when not given.

    Returns:
        The message.
    """
    dtype = dtype_from_fields(fields, point_step)
    if not isinstance(points, np.ndarray):
        points = np.array([tuple(point) for point in points], dtype=dtype)
    elif points.dtype.names is None:
        _require(
            len({f.datatype for f in fields}) <= 1,
            "All fields need to have the same datatype. Pass a structured NumPy array with multiple dtypes otherwise.",
        )
        points = unstructured_to_structured(points, dtype=dtype)
    else:
        _require(
            points.dtype == dtype,
            "PointFields and structured NumPy array dtype do not match for all fields! Check "
            "their field order, names and types.",
        )
    _require(
        points.ndim <= 2,
        "Too many dimensions for organized cloud! Points can only be organized in max. two dimensional space",
    )
    width = points.shape[0]
    cloud = PointCloud2(
        header=header,
        height=points.shape[1] if points.ndim == 2 else 1,
        width=width,
        is_dense=False,
        is_bigendian=sys.byteorder != "little",
        fields=fields,
        point_step=points.dtype.itemsize,
        row_step=points.dtype.itemsize * width,
    )
    cloud.data.frombytes(np.ascontiguousarray(points).reshape(-1).view(np.uint8))
    return cloud


def create_cloud_xyz32(header: Header, points: Iterable[Any]) -> PointCloud2:
    """Build a cloud of float32 fields x, y, z (m) from points of three values each."""
    fields = [PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1) for i, name in enumerate("xyz")]
    return create_cloud(header, fields, points)
