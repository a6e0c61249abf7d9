"""Homogeneous transformation matrices, Euler angles and quaternions (x, y, z, w).

The functions of the classic ``tf.transformations``, on numpy alone.
"""

import numpy as _np

from ._arcball import (
    Arcball,
    arcball_constrain_to_axis,
    arcball_map_to_sphere,
    arcball_nearest_axis,
)
from ._composition import (
    compose_matrix,
    decompose_matrix,
    orthogonalization_matrix,
    quaternion_from_matrix,
    superimposition_matrix,
)
from ._euler import AXES2TUPLE as _AXES2TUPLE
from ._euler import TUPLE2AXES as _TUPLE2AXES
from ._euler import euler_from_matrix, euler_from_quaternion, euler_matrix, quaternion_from_euler
from ._matrices import (
    identity_matrix,
    reflection_from_matrix,
    reflection_matrix,
    rotation_from_matrix,
    rotation_matrix,
    scale_from_matrix,
    scale_matrix,
    shear_from_matrix,
    shear_matrix,
    translation_from_matrix,
    translation_matrix,
)
from ._projections import clip_matrix, projection_from_matrix, projection_matrix
from ._quaternions import (
    quaternion_about_axis,
    quaternion_conjugate,
    quaternion_inverse,
    quaternion_matrix,
    quaternion_multiply,
    quaternion_slerp,
    random_quaternion,
    random_rotation_matrix,
)
from ._vectors import (
    concatenate_matrices,
    inverse_matrix,
    is_same_transform,
    random_vector,
    unit_vector,
    vector_norm,
)

TRANSLATION_IDENTITY = [0.0, 0.0, 0.0]
ROTATION_IDENTITY = _np.identity(3)
ZOOM_IDENTITY = [1.0, 1.0, 1.0]
SHEAR_IDENTITY = TRANSLATION_IDENTITY

__all__ = [
    "ROTATION_IDENTITY",
    "SHEAR_IDENTITY",
    "TRANSLATION_IDENTITY",
    "ZOOM_IDENTITY",
    "_AXES2TUPLE",
    "_TUPLE2AXES",
    "Arcball",
    "arcball_constrain_to_axis",
    "arcball_map_to_sphere",
    "arcball_nearest_axis",
    "clip_matrix",
    "compose_matrix",
    "concatenate_matrices",
    "decompose_matrix",
    "euler_from_matrix",
    "euler_from_quaternion",
    "euler_matrix",
    "identity_matrix",
    "inverse_matrix",
    "is_same_transform",
    "orthogonalization_matrix",
    "projection_from_matrix",
    "projection_matrix",
    "quaternion_about_axis",
    "quaternion_conjugate",
    "quaternion_from_euler",
    "quaternion_from_matrix",
    "quaternion_inverse",
    "quaternion_matrix",
    "quaternion_multiply",
    "quaternion_slerp",
    "random_quaternion",
    "random_rotation_matrix",
    "random_vector",
    "reflection_from_matrix",
    "reflection_matrix",
    "rotation_from_matrix",
    "rotation_matrix",
    "scale_from_matrix",
    "scale_matrix",
    "shear_from_matrix",
    "shear_matrix",
    "superimposition_matrix",
    "translation_from_matrix",
    "translation_matrix",
    "unit_vector",
    "vector_norm",
]
