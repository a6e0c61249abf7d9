"""RGB-D pictures of a MuJoCo model, drawn off screen: one pass gives colour and depth.

The OpenGL back end is chosen by probing what works here (`backend`): EGL first, then OSMesa. ``MUJOCO_GL`` overrides
the choice. Shadows, reflections and multisampling are off unless asked for: in software they cost more than the
picture itself.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import os
import threading
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MissingDependencyError, MolmoRosError

APT_PACKAGES = "libegl1 libopengl0 libgl1-mesa-dri"
"""Debian and Ubuntu packages that give software rendering without a screen or a GPU."""

_MAX_GEOMS = 2000
_OSMESA_NAMES = ("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so")


def _egl_works() -> bool:
    """Whether EGL opens a display without a screen: loads libEGL and initialises it, which needs a driver."""
    try:
        egl = ctypes.CDLL("libEGL.so.1")
    except OSError:
        return False
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    egl.eglGetProcAddress.argtypes = [ctypes.c_char_p]
    devices_address = egl.eglGetProcAddress(b"eglQueryDevicesEXT")
    display_address = egl.eglGetProcAddress(b"eglGetPlatformDisplayEXT")
    if not devices_address or not display_address:
        return False
    query = ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int))(
        devices_address
    )
    platform_display = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p)(
        display_address
    )
    devices = (ctypes.c_void_p * 16)()
    count = ctypes.c_int()
    if not query(len(devices), ctypes.cast(devices, ctypes.c_void_p), ctypes.byref(count)):
        return False
    egl_platform_device_ext = 0x313F
    egl.eglInitialize.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    egl.eglInitialize.restype = ctypes.c_uint
    for device in devices[: count.value]:
        display = platform_display(egl_platform_device_ext, device, None)
        if display and egl.eglInitialize(display, None, None):
            return True
    return False


def _osmesa_works() -> bool:
    for name in _OSMESA_NAMES:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


@functools.cache
def backend() -> str:
    """The off-screen OpenGL back end that works here: "egl" or "osmesa".

    Raises:
        MolmoRosError: DEPENDENCY_MISSING, naming the system packages, when neither does.
    """
    wanted = os.environ.get("MUJOCO_GL", "").lower().strip()
    if wanted in ("egl", "osmesa"):
        return wanted
    if _egl_works():
        return "egl"
    if _osmesa_works():
        return "osmesa"
    raise MolmoRosError(
        ErrorCode.DEPENDENCY_MISSING,
        f"neither EGL nor OSMesa can draw off screen here; install software rendering with: apt install {APT_PACKAGES}",
    )


@functools.cache
def load_mujoco() -> Any:
    """Imports MuJoCo with the working OpenGL back end declared; physics works even where drawing does not.

    Raises:
        MissingDependencyError: When MuJoCo is not installed.
    """
    if "MUJOCO_GL" not in os.environ:
        try:
            os.environ["MUJOCO_GL"] = backend()
        except MolmoRosError:
            os.environ["MUJOCO_GL"] = "disable"
    try:
        import mujoco
    except ImportError as error:
        raise MissingDependencyError("mujoco", "sim") from error
    return mujoco


def _gl_context(width_px: int, height_px: int) -> Any:
    """A GL context of the probed back end.

    Raises:
        MolmoRosError: DEPENDENCY_MISSING when it cannot be made.
    """
    name = backend()
    load_mujoco()
    os.environ.setdefault("PYOPENGL_PLATFORM", name)
    try:
        if name == "egl":
            from mujoco.egl import GLContext
        else:
            from mujoco.osmesa import GLContext
        context = GLContext(width_px, height_px)
    except Exception as error:
        raise MolmoRosError(
            ErrorCode.DEPENDENCY_MISSING,
            f"{name} cannot draw off screen here ({error}); install software rendering with: "
            f"apt install {APT_PACKAGES}",
        ) from error
    return context


class Renderer:
    """Draws the cameras of one model after another.

    A GL context belongs to the thread that made it; `render` refuses any other thread.

    Args:
        width_px: Widest picture it will be asked for.
        height_px: Tallest picture it will be asked for.
        shadows: Whether lights cast shadows; about doubles the time.
    """

    def __init__(self, width_px: int = 640, height_px: int = 480, shadows: bool = False) -> None:
        self._mujoco = load_mujoco()
        self._size_px = (width_px, height_px)
        self._shadows = shadows
        self._thread = threading.get_ident()
        self._gl: Any = _gl_context(width_px, height_px)
        # Freed at exit at the latest: PyOpenGL can not do it any more once the interpreter goes down.
        self._free_gl = weakref.finalize(self, self._gl.free)
        self._model: Any = None
        self._scene: Any = None
        self._context: Any = None
        self._option = self._mujoco.MjvOption()
        self._option.geomgroup[:] = 0
        self._option.geomgroup[[0, 1, 2]] = 1
        self._option.sitegroup[:] = 0
        self._camera = self._mujoco.MjvCamera()
        self._camera.type = self._mujoco.mjtCamera.mjCAMERA_FIXED

    def _use(self, model: Any) -> None:
        """Uploads a model's geometry where it is not the current one's."""
        mj = self._mujoco
        if threading.get_ident() != self._thread:
            raise MolmoRosError(ErrorCode.INTERNAL, "a renderer is used by the thread that made it")
        self._gl.make_current()
        if model is self._model:
            return
        if self._context is not None:
            self._context.free()
        self._context = mj.MjrContext(model, mj.mjtFontScale.mjFONTSCALE_100)
        mj.mjr_setBuffer(mj.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._context.readDepthMap = mj.mjtDepthMap.mjDEPTH_ZEROFAR
        self._scene = mj.MjvScene(model, _MAX_GEOMS)
        self._scene.flags[mj.mjtRndFlag.mjRND_SHADOW] = self._shadows
        self._scene.flags[mj.mjtRndFlag.mjRND_REFLECTION] = False
        self._scene.flags[mj.mjtRndFlag.mjRND_SKYBOX] = False
        self._scene.flags[mj.mjtRndFlag.mjRND_HAZE] = False
        self._model = model

    def render(
        self, model: Any, data: Any, camera_id: int, width_px: int, height_px: int
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """One camera's picture.

        Args:
            model: The MjModel.
            data: Its MjData.
            camera_id: Index of the camera.
            width_px: Image width.
            height_px: Image height.

        Returns:
            (H, W, 3) uint8 colour and (H, W) float32 depth along the optical axis [m], NaN where nothing is hit.
        """
        mj = self._mujoco
        self._use(model)
        self._camera.fixedcamid = camera_id
        mj.mjv_updateScene(model, data, self._option, None, self._camera, mj.mjtCatBit.mjCAT_ALL.value, self._scene)
        viewport = mj.MjrRect(0, 0, width_px, height_px)
        mj.mjr_render(viewport, self._scene, self._context)
        rgb = np.empty((height_px, width_px, 3), dtype=np.uint8)
        reversed_z = np.empty((height_px, width_px), dtype=np.float32)
        mj.mjr_readPixels(rgb, reversed_z, viewport, self._context)
        near = float(model.vis.map.znear * model.stat.extent)
        far = float(model.vis.map.zfar * model.stat.extent)
        # With the depth map reversed, 1 is the near plane and 0 the far plane, and precision grows with distance.
        with np.errstate(divide="ignore"):
            depth_m = (near * far) / (near + reversed_z * (far - near))
        depth_m[reversed_z <= 0.0] = np.nan
        return np.ascontiguousarray(rgb[::-1]), np.ascontiguousarray(depth_m[::-1], dtype=np.float32)

    def close(self) -> None:
        """Frees the GL resources; safe to call twice."""
        if self._context is not None:
            self._context.free()
            self._context = None
            self._model = None
        self._free_gl()

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
