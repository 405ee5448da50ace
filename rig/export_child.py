# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script of the process that exports: it makes this package importable, does its job, and says how far it is.

Run by Blender or by a Python with its module; the last argument is a file with the job. What it says are lines of its
standard output that begin with `MARK`, among whatever Blender and its exporters print.
"""

import importlib
import importlib.util
import json
import os
import sys
import traceback
from pathlib import Path

MARK = "@mimica "
NAME = "mimica"
"""The package's name here, whatever Blender calls it."""


def main() -> None:
    """Do the job, and end the process: with 0 when it was done or the reason was told."""
    orders = json.loads(Path(sys.argv[-1]).read_text("utf-8"))
    sys.path[:] = [*sys.path, *(entry for entry in orders["path"] if entry not in sys.path)]
    # Libraries print to the standard output: what is told goes by a way of its own.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")

    def say(told: dict[str, object]) -> None:
        try:
            out.write(f"\n{MARK}{json.dumps(told)}\n")
            out.flush()
        except OSError:
            # Nobody listens any more.
            os._exit(1)

    package = Path(__file__).resolve().parent.parent
    spec = importlib.util.spec_from_file_location(
        NAME, package / "__init__.py", submodule_search_locations=[str(package)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    spec.loader.exec_module(module)
    work = importlib.import_module(".rig.export_job", NAME)
    # Maps that files hold are seen only while these are registered.
    importlib.import_module(".rig.character", NAME).register()
    try:
        done = work.run(work.Job.from_json(orders["job"]), lambda share: say({"progress": share}))
        say({"done": work.asdict(done)})
    except work.ExportError as error:
        say({"error": str(error)})
    except Exception as error:
        # The process ends before Python would print it.
        traceback.print_exc()
        say({"error": f"The export failed ({type(error).__name__}: {error}). Please report this."})
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Blender 4.2 as a module may crash as Python ends; all is said and done by now.
        os._exit(0)


if __name__ == "__main__":
    main()
