# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes for the viewer's tests, and what Rerun's own reader finds in a recording."""

from pathlib import Path

import numpy as np

from mimica.capture.film import FilmWriter
from mimica.capture.take import SUFFIX, TakeInfo, TakeWriter
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrame
from mimica.tests.synthetic import act, photograph

COUNT = 48
LOST = slice(20, 26)
"""Images without the first face."""
SECOND_FROM = 10
"""The image in which the second face comes."""
SIZE = (640, 480)


def write_faces(folder: Path, faces: int = 1, *, scores: bool = True, film_from: int | None = None) -> Path:
    """A take of one or two acting faces, the first of which is lost for a while; with a film from an image on."""
    time = np.arange(COUNT) / 30.0
    frames = photograph(act(jaw=0.5 - 0.5 * np.cos(4.0 * time), brows=0.5 + 0.4 * np.sin(3.0 * time)))
    values = np.random.default_rng(5).random((COUNT, len(ARKIT_SHAPES))).astype(np.float32)
    path = folder / f"take{SUFFIX}"
    writer = TakeWriter(path, TakeInfo("Slate 1"))
    film = None
    if film_from is not None:
        film = FilmWriter(path.with_suffix(".avi"), 30.0, lambda one: writer.tell("film", one))
    with writer:
        for i in range(COUNT):
            row = []
            for face in range(faces):
                if face == 1 and i < SECOND_FROM:
                    continue
                if face == 0 and LOST.start <= i < LOST.stop:
                    row.append(FaceFrame.lost(float(time[i]), SIZE, face))
                    continue
                moved = frames.landmarks[i] + np.array([0.1 * face, 0.0, 0.0], np.float32)
                told = values[i] if scores else None
                row.append(FaceFrame(float(time[i]), moved, told, SIZE, face, 0.9))
            writer.append(tuple(row))
            if film is not None and film_from is not None and i >= film_from:
                film.add(i, np.full((SIZE[1], SIZE[0], 3), 4 * i, np.uint8))
        if film is not None:
            film.close()
    return path


class Recording:
    """A file .rrd as Rerun's own reader reads it."""

    def __init__(self, path: Path) -> None:
        from rerun.chunk import RrdReader

        reader = RrdReader(path)
        self.entries = reader.recordings()
        self.blueprints = reader.blueprints()
        self.chunks = [chunk for chunk in reader.stream().to_chunks() if not chunk.entity_path.startswith("/__")]

    @property
    def paths(self) -> set[str]:
        """All entities."""
        return {chunk.entity_path for chunk in self.chunks}

    @property
    def temporal(self) -> set[str]:
        """Entities that change over time."""
        return {chunk.entity_path for chunk in self.chunks if not chunk.is_static}

    def times(self, path: str) -> tuple[np.ndarray, np.ndarray]:
        """Seconds and frames of an entity, in order."""
        frames: list[int] = []
        moments: list[int] = []
        for batch in self._batches(path):
            frames += batch.column("frame").to_pylist()
            moments += batch.column("time").cast("int64").to_pylist()
        order = np.argsort(frames)
        return np.array(moments)[order] * 1e-9, np.array(frames)[order]

    def values(self, path: str, component: str) -> dict[int, list]:
        """What an entity's component holds at each frame."""
        found: dict[int, list] = {}
        for batch in self._batches(path):
            if component in batch.schema.names:
                rows = zip(batch.column("frame").to_pylist(), batch.column(component).to_pylist(), strict=True)
                found |= {frame: value or [] for frame, value in rows}
        return found

    def static(self, path: str, component: str) -> list:
        """What an entity's component always holds."""
        for chunk in self.chunks:
            if chunk.entity_path == path and chunk.is_static:
                batch = chunk.to_record_batch()
                if component in batch.schema.names:
                    return batch.column(component).to_pylist()[0]
        raise KeyError(f"{path} {component}")

    def _batches(self, path: str) -> list:
        return [c.to_record_batch() for c in self.chunks if c.entity_path == path and not c.is_static]
