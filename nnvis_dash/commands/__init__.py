"""The command line: one file a command, found by being in this folder.

A command's module has `add_parser(subparsers)`, which adds the parser of that command (``add_dataset.py`` is
``add-dataset``; ``list_.py`` is ``list``, since a module of a builtin's name would hide it in this package), and
`run(args, settings) -> int`, the exit status. A module without them is no command. Only the module that is asked for is
imported, so that ``list`` doesn't wait for what ``serve`` needs.
"""

from __future__ import annotations

import argparse
import os
import pkgutil
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from nnvis_dash.errors import NNVisError
from nnvis_dash.settings import Settings

OK, USER_ERROR, INTERRUPTED = 0, 1, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Without the program's name; `sys.argv` where it is left out.

    Returns
    -------
    int
        0; 1 for what a user can mend (the message is on standard error); 130 after Ctrl+C.

    Raises
    ------
    SystemExit
        With 2 where the arguments are wrong, with 0 after ``--help``.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    args = _parser(given).parse_args(given)
    try:
        return int(args.run(args, Settings.from_environment()) or OK)
    except NNVisError as error:
        print(f"error: {error}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser with the command that is asked for, or with all (for the help and for errors)."""
    parser = argparse.ArgumentParser(
        prog="python -m nnvis_dash",
        description="NNVis: test and understand image classifiers.",
        epilog="`python -m nnvis_dash COMMAND --help` says more of each.",
    )
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    names = {module.name.rstrip("_").replace("_", "-"): module.name for module in pkgutil.iter_modules(__path__)}
    asked = given[0] if given else ""
    for name in [names[asked]] if asked in names else names.values():
        module = import_module(f"{__name__}.{name}")
        if hasattr(module, "add_parser"):
            _add(module, subparsers)
    return parser


def _add(module: ModuleType, subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    before = set(subparsers.choices)
    module.add_parser(subparsers)
    for name in set(subparsers.choices) - before:
        subparsers.choices[name].set_defaults(run=module.run)
