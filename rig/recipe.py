# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a baked action was made, kept with it as JSON, so that it can be made again with other settings."""

import json
import math
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import bpy

from ..mapping.face_regions import FACE_REGIONS
from ..mapping.mapper import MappingSettings
from ..mapping.reduce import Tolerances
from ..mapping.strength import Strength
from .bake_settings import BakeSettings
from .base_pose import STILL_PROPERTY
from .key_marks import forget_marks
from .occupied import TAKE_PROPERTY
from .performances import Choice

SCHEMA = 1
RECIPE_PROPERTY = "mimica_recipe"
"""Custom property of an Action: see `Recipe.to_json`."""
_PLAIN = ("translation", "existing", "reduce", "step", "stepped", "offset", "destination", "blend")


class RecipeError(Exception):
    """An action does not say how it was made in a way that can be read; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an action was made."""

    choice: Choice
    settings: BakeSettings
    """Of its keys as they are."""
    baked: BakeSettings
    """Of the bake itself: what Reset goes back to."""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "schema": SCHEMA,
            "choice": self.choice.to_json(),
            "settings": settings_to_json(self.settings),
            "baked": settings_to_json(self.baked),
        }


def settings_to_json(settings: BakeSettings) -> dict[str, Any]:
    """Return settings as JSON has them; the table of filters is the program's, and not kept."""
    return {
        **{name: getattr(settings, name) for name in _PLAIN},
        "start_frame": settings.start_frame,
        "start": settings.start,
        "end": None if math.isinf(settings.end) else settings.end,
        "smoothness": settings.mapping.smoothness,
        "smoothing": dict(settings.mapping.smoothing),
        "strength": settings.strength.overall,
        "strengths": dict(settings.strength.regions),
        "tolerances": {f.name: getattr(settings.tolerances, f.name) for f in fields(Tolerances)},
        "regions": list(settings.regions),
    }


def settings_from_json(data: dict[str, Any]) -> BakeSettings:
    """Return what `settings_to_json` gave; what is not there is as usual. Raises ValueError or TypeError."""
    usual = BakeSettings()
    known = {name: type(getattr(usual, name))(data[name]) for name in _PLAIN if name in data}
    end = data.get("end")
    return BakeSettings(
        **known,
        start_frame=float(data.get("start_frame", usual.start_frame)),
        start=float(data.get("start", usual.start)),
        end=math.inf if end is None else float(end),
        mapping=MappingSettings(float(data.get("smoothness", 1.0)), smoothing=_by_region(data.get("smoothing", {}))),
        strength=Strength(float(data.get("strength", 1.0)), _by_region(data.get("strengths", {}))),
        tolerances=Tolerances(**{name: float(value) for name, value in data.get("tolerances", {}).items()}),
        regions=tuple(region for region in FACE_REGIONS if region in data.get("regions", FACE_REGIONS)),
    )


def write_recipe(action: bpy.types.Action, recipe: Recipe) -> None:
    """Keep with an action how it was made."""
    action[RECIPE_PROPERTY] = json.dumps(recipe.to_json())


def has_recipe(action: bpy.types.Action | None) -> bool:
    """Whether an action says how it was made."""
    return action is not None and RECIPE_PROPERTY in action


def read_recipe(action: bpy.types.Action) -> Recipe:
    """Return what an action says. Raises RecipeError."""
    try:
        data = json.loads(action[RECIPE_PROPERTY])
        if data["schema"] > SCHEMA:
            raise RecipeError(f"'{action.name}' was baked by a newer Mimica. Update Mimica, or bake the take again.")
        return Recipe(
            Choice.from_json(data["choice"]),
            settings_from_json(data["settings"]),
            settings_from_json(data["baked"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecipeError(
            f"'{action.name}' no longer says how it was baked. Bake the take again, or Freeze the action."
        ) from error


def forget_recipe(action: bpy.types.Action) -> None:
    """Take away what an action says of how it was made: it cannot be made again."""
    if RECIPE_PROPERTY in action:
        del action[RECIPE_PROPERTY]


def forget(action: bpy.types.Action) -> None:
    """Make an action the animator's own: nothing of it says any more that Mimica baked it."""
    forget_marks(action)
    for name in (RECIPE_PROPERTY, TAKE_PROPERTY, STILL_PROPERTY):
        if name in action:
            del action[name]


def portable(choice: Choice) -> Choice:
    """Return a choice whose takes are named from the .blend where they lie below its folder: so all can be moved."""
    over = tuple(replace(layer, path=_from_blend(layer.path)) for layer in choice.layers)
    return replace(choice, path=_from_blend(choice.path), layers=over)


def _from_blend(path: str) -> str:
    if not bpy.data.filepath or path.startswith("//"):
        return path
    try:
        return f"//{Path(path).relative_to(Path(bpy.data.filepath).parent).as_posix()}"
    except ValueError:
        return path


def _by_region(data: dict[str, Any]) -> dict[Any, float]:
    return {region: float(data[region]) for region in FACE_REGIONS if region in data}
