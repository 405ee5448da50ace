# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the commands and options into docs/cli.md, from the parser itself: `python -m mimica.tools.make_cli_page`.

What stands above the mark is written by hand. A test compares the rest with the parser.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from ..cli.options import make_parser

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cli.md"
MARK = "<!-- From here on: python -m mimica.tools.make_cli_page -->\n"


class _AnyCommand(dict[str, object]):
    def __missing__(self, _name: str) -> None:
        return None


def main() -> int:
    """Write the page anew."""
    PAGE.write_text(page_text(PAGE.read_text("utf-8")), "utf-8")
    return 0


def page_text(text: str) -> str:
    """The page with its generated part made anew."""
    by_hand, mark, _generated = text.partition(MARK)
    if not mark:
        raise ValueError(f"{PAGE.name} has no line {MARK.strip()}")
    parser = make_parser("mimica", _AnyCommand())  # pyright: ignore[reportArgumentType]
    return by_hand + mark + "".join(f"\n{part}\n" for part in _commands(parser, 2))


def _commands(parser: argparse.ArgumentParser, level: int) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                about = next(choice.help for choice in action._choices_actions if choice.dest == name)
                yield f"{'#' * level} {command.prog}"
                yield from _command(command, about or "")
                yield from _commands(command, level + 1)


def _command(parser: argparse.ArgumentParser, about: str) -> Iterator[str]:
    description = (parser.description or "").strip()
    first = f"{about[0].upper()}{about[1:]}."
    yield from _paragraphs(description if description.startswith(first[:-1]) else f"{first}\n{description}")
    if parser._subparsers is not None:
        return
    for group in parser._action_groups:
        rows = [_row(action) for action in group._group_actions if action.help not in (None, argparse.SUPPRESS)]
        rows = [row for row in rows if row and not row.startswith("| `-h`")]
        if rows:
            title = {"positional arguments": "what", "options": "option"}.get(group.title or "", group.title)
            yield "\n".join([f"| {title} | |", "|---|---|", *rows])


def _paragraphs(text: str) -> Iterator[str]:
    for part in re.split(r"\n\s*\n", text):
        lines = part.splitlines()
        if any(line.startswith("  ") for line in lines):
            yield "```text\n" + re.sub(r"^  ", "", part, flags=re.MULTILINE) + "\n```"
        else:
            yield re.sub(r"'(mimica [^']+|solve)'", r"`\1`", " ".join(line.strip() for line in lines))


def _row(action: argparse.Action) -> str:
    value = action.metavar if isinstance(action.metavar, str) else ""
    if not value and action.choices:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    names = list(action.option_strings)
    if names and value and action.nargs != 0:
        value = {"?": f"[{value}]", "+": f"{value} ..."}.get(str(action.nargs), value)
        names[-1] += f" {value}"
    words = ", ".join(f"`{name}`" for name in names or [f"[{value}]" if action.nargs == "?" else value])
    needed = " **Needed.**" if action.required and names else ""
    # Some versions of Python add the default to what has --no-.
    text = (action.help or "").removesuffix(" (default: %(default)s)").replace("|", "\\|")
    return f"| {words} | {text[0].upper()}{text[1:]}.{needed} |"


if __name__ == "__main__":
    sys.exit(main())
