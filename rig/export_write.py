# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's own exporters and importers for GLB and FBX, with the settings that keep the motion."""

from pathlib import Path
from typing import Any

import bpy

from .export_job import ExportError, Format

_ADDONS = {"glb": "io_scene_gltf2", "fbx": "io_scene_fbx"}
_OPERATORS = {"glb": "gltf", "fbx": "fbx"}
_GLB: dict[str, Any] = {
    "export_format": "GLB",
    "check_existing": False,
    "export_yup": True,
    "export_apply": False,
    "export_animations": True,
    # The actions of all objects together are one animation.
    "export_animation_mode": "ACTIVE_ACTIONS",
    "export_force_sampling": True,
    "export_frame_range": False,
    "export_anim_single_armature": False,
    "export_optimize_animation_size": True,
    "export_optimize_animation_keep_anim_armature": True,
    "export_reset_pose_bones": True,
    "export_rest_position_armature": True,
    "export_current_frame": False,
    "export_def_bones": False,
    "export_skins": True,
    "export_all_influences": True,
    "export_morph": True,
    "export_morph_normal": True,
    "export_morph_animation": True,
    "export_morph_reset_sk_data": True,
    "export_draco_mesh_compression_enable": False,
    "export_use_gltfpack": False,
    "export_cameras": False,
    "export_lights": False,
    "export_extras": False,
    "use_selection": False,
}
_FBX: dict[str, Any] = {
    "check_existing": False,
    "use_selection": False,
    "object_types": {"ARMATURE", "MESH", "EMPTY"},
    # All modifiers but the armature's are applied by then.
    "use_mesh_modifiers": False,
    "mesh_smooth_type": "FACE",
    "add_leaf_bones": False,
    "use_armature_deform_only": False,
    "bake_anim": True,
    "bake_anim_use_all_bones": True,
    "bake_anim_use_nla_strips": False,
    "bake_anim_use_all_actions": False,
    "bake_anim_force_startend_keying": True,
    "bake_anim_step": 1.0,
    "bake_anim_simplify_factor": 0.0,
    "path_mode": "COPY",
    "embed_textures": True,
}


def write(path: Path, form: Format, name: str, *, points: bool = False) -> None:
    """Write all of the open file. Raises `ExportError`.

    :param name: of the animation.
    :param points: whether vertices that no face uses are written too.
    """
    operator = _operator(bpy.ops.export_scene, form)
    if form == "glb":
        settings = {**_GLB, "export_nla_strips_merged_animation_name": name, "use_mesh_vertices": points}
    else:
        settings = _FBX
    known = operator.get_rna_type().properties.keys()
    try:
        operator(filepath=str(path), **{key: value for key, value in settings.items() if key in known})
    except RuntimeError as error:
        raise ExportError(
            f"Blender's {form.upper()} exporter failed ({_last_line(error)}). Try the other format, or another Blender."
        ) from error
    if not path.is_file() or not path.stat().st_size:
        raise ExportError(f"Blender's {form.upper()} exporter wrote nothing. Try the other format, or another Blender.")


def read(path: Path, form: Format) -> None:
    """Bring a file into the open one. Raises `ExportError`."""
    try:
        _operator(bpy.ops.import_scene, form)(filepath=str(path))
    except RuntimeError as error:
        raise ExportError(
            f"The file was written, and Blender cannot read it again ({_last_line(error)}). Try the other format."
        ) from error


def _operator(operators: Any, form: Format) -> Any:
    """Return the exporter or importer, with its add-on enabled in this process. Raises `ExportError`."""
    import addon_utils  # pyright: ignore[reportMissingImports]

    found = getattr(operators, _OPERATORS[form])
    try:
        found.get_rna_type()
    except (KeyError, RuntimeError):
        if addon_utils.enable(_ADDONS[form], default_set=False) is None:
            raise ExportError(
                f"This Blender has no {form.upper()} exporter. Try the other format, or a Blender from blender.org."
            ) from None
    return found


def _last_line(error: RuntimeError) -> str:
    lines = str(error).replace("Error:", "").strip().splitlines()
    return lines[-1].strip().rstrip(".") if lines else "no reason given"
