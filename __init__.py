# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mimica: facial motion capture for Blender from any camera or video.

Nothing is imported here at module level: the same folder is a Blender extension and a Python package that works
without Blender.
"""


def _parts():
    """Return what is registered, in order; each has `register` and `unregister`."""
    from .cli import blender as command_line
    from .operators import (
        bake,
        bake_preview,
        calibrate,
        capture,
        cast,
        character,
        character_edit,
        controls_file,
        convert,
        create_rig,
        export,
        extras,
        feel,
        first_run,
        layers,
        lens,
        microphone,
        model,
        own_takes,
        performer,
        picture,
        quality,
        rebake,
        record,
        self_test,
        sources,
        streams,
        takes,
        takes_files,
        teaching,
        viewer,
    )
    from .operators import help as help_operator
    from .operators import phone as phone_switch
    from .rig import baked_sliders, cameras, recorder, teaching_steps
    from .rig import character as scene_map
    from .rig import layers as scene_layers
    from .rig import phone as phone_server
    from .ui import bake as bake_panel
    from .ui import bake_preview as preview_panel
    from .ui import baked as baked_panel
    from .ui import baked_properties, languages, panels, picture_draw, preferences, prompter, properties, quality_strip
    from .ui import convert as convert_panel
    from .ui import export as export_panel
    from .ui import help as help_marks
    from .ui import keymap as keys
    from .ui import layers as layers_panel
    from .ui import microphone as microphone_panel
    from .ui import output as output_panel
    from .ui import picture as picture_panel
    from .ui import quality as quality_panel
    from .ui import record as record_panel
    from .ui import streams as streams_panel
    from .ui import teaching as teaching_panel
    from .ui import viewer as viewer_panel

    of_character = (create_rig, cast, character, character_edit, teaching)
    of_takes = (own_takes, takes, takes_files, record, microphone, quality)
    of_bake = (layers, bake, rebake, bake_preview, controls_file, convert)
    before = (sources, phone_switch, model, self_test, extras)
    operators = (*before, capture, feel, picture, performer, calibrate, *of_takes, lens, *of_character, *of_bake)
    stored = (scene_map, teaching_steps, properties, baked_properties, baked_sliders, recorder, phone_server)
    last = (cameras, first_run, keys, command_line)
    below = (microphone_panel, quality_panel, quality_strip, preview_panel, teaching_panel, prompter)
    helping = (help_operator, help_marks)
    above = (*helping, preferences, panels, record_panel, picture_panel, picture_draw, bake_panel, layers_panel)
    output = (output_panel, streams_panel, streams, viewer_panel, viewer, export_panel, export)
    return (languages, *stored, scene_layers, *above, *below, baked_panel, convert_panel, *output, *operators, *last)


def register() -> None:
    """Register the extension. If a part fails, what came before it is taken back."""
    done = []
    try:
        for part in _parts():
            part.register()
            done.append(part)
    except Exception:
        for part in reversed(done):
            part.unregister()
        raise


def unregister() -> None:
    """Unregister everything in reverse; a running capture ends first, with what it recorded kept."""
    for part in reversed(_parts()):
        part.unregister()
