"""The parser: unknown options are told with what may have been meant, and values are read by their kind."""

from __future__ import annotations

import argparse
import json
import re
import sys
import warnings
from collections.abc import Iterable
from typing import Any, NoReturn

import numpy as np

from .. import _checks
from .._io import archive, files
from .docstrings import Parameter

SCHEDULES = (
    "A SCHEDULE is exponential:START,RATE,END or linear:START,END,EPISODES or\n"
    "points:EPISODE,VALUE,EPISODE,VALUE,... and changes the field by episode."
)
# Numbers that argparse would take for options: "-1e-3" before Python 3.14.
NEGATIVE_NUMBER = re.compile(r"-(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|-(inf|nan)", re.IGNORECASE)


class Help(argparse.RawDescriptionHelpFormatter):
    """Every option tells what holds if it is not given."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        said = action.help
        if said is None or not action.option_strings or action.required or action.dest in ("help", "version"):
            return said
        if re.search(r"\bdefault\b", said, re.IGNORECASE):
            return said
        default = "none" if action.default in (None, argparse.SUPPRESS, []) else "%(default)s"
        return f"{said} (default: {'no' if action.nargs == 0 else default})"


class Parser(argparse.ArgumentParser):
    """`argparse.ArgumentParser` that knows near misses, and is brief about mistakes."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        keywords.setdefault("allow_abbrev", False)
        keywords["formatter_class"] = Help
        super().__init__(*arguments, **keywords)
        self._negative_number_matcher = NEGATIVE_NUMBER

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        options, rest = self.parse_known_args(args, namespace)
        if rest:
            self._at_work(options).refuse(rest)
        return options

    def _at_work(self, options: argparse.Namespace) -> Parser:
        """The parser of the command that was given."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                found = action.choices.get(str(getattr(options, action.dest, None)))
                if isinstance(found, Parser):
                    return found
        return self

    def refuse(self, rest: list[str]) -> NoReturn:
        """End with what is wrong with arguments that are not known."""
        unknown = next((word for word in rest if word.startswith("--")), rest[0]).partition("=")[0]
        if not unknown.startswith("-"):
            self.error(f"unexpected {_checks.shown(unknown)}")
        known = [name.removeprefix("--") for name in self._option_string_actions if name.startswith("--")]
        close = " or ".join(f"--{name}" for name in _checks.nearest(unknown, [_plain(name) for name in known]))
        hint = f"; did you mean {close.replace('_', '-')}?" if close else ""
        self.error(f"unknown option {unknown}{hint}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        choices = action.choices
        if choices is not None and isinstance(value, str) and value not in choices:
            close = " or ".join(map(repr, _checks.nearest(value, [str(choice) for choice in choices])))
            if close:
                listed = ", ".join(map(repr, choices))
                raise argparse.ArgumentError(
                    action, f"invalid choice: {value!r}; did you mean {close}? (choose from {listed})"
                )
        super()._check_value(action, value)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}\n(see {self.prog} --help)\n")


def _plain(option: str) -> str:
    return option.replace("-", "_")


def flag(name: str) -> str:
    """A name as an option."""
    return f"--{name.replace('_', '-')}"


def option(parameter: Parameter) -> dict[str, Any]:
    """How a parameter is given on the command line, by the kind that its docstring names.

    Returns
    -------
    dict
        Keywords of ``add_argument`` but ``help``.
    """
    kind = parameter.kind
    if parameter.choices:
        return {"choices": parameter.choices}
    if kind.startswith("bool"):
        return {"action": argparse.BooleanOptionalAction}
    if "schedule" in kind:
        return {"type": number_or_schedule, "metavar": "NUMBER|SCHEDULE"}
    if "array" in kind or "(" in kind:
        return {"nargs": "+", "action": Values, "metavar": "X", "scalar": kind.startswith("float")}
    if kind.startswith("sequence of int"):
        return {"type": int, "nargs": "+", "metavar": "N"}
    for begin, convert, metavar in (("int", int, "N"), ("float", float, "X")):
        if kind.startswith(begin):
            return {"type": convert, "metavar": metavar}
    return {"metavar": "TEXT"}


class Values(argparse.Action):
    """Numbers, one JSON list of them, or the name of a .npy or .csv file that has them.

    Parameters
    ----------
    scalar : bool
        Whether one number is itself, and not a list of one.
    """

    def __init__(self, *arguments: Any, scalar: bool = False, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.scalar = scalar

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        try:
            found = numbers(values)
        except ValueError as error:
            parser.error(f"argument {option_string}: {error}")
        setattr(namespace, self.dest, found[0] if self.scalar and len(found) == 1 else found)


def numbers(words: list[str]) -> list[Any]:
    """The list that is meant by the words after an option of numbers, nested as the table is.

    Raises
    ------
    ValueError
        If they are none.
    """
    if len(words) == 1 and words[0].lower().endswith((".npy", ".csv")):
        return _table(words[0])
    if len(words) == 1 and words[0].startswith("["):
        try:
            return list(json.loads(words[0]))
        except ValueError as error:
            raise ValueError(f"{_checks.shown(words[0])} is not a JSON list: {error}") from None
    return [_number(word) for word in words]


def _number(word: str) -> int | float:
    try:
        return int(word)
    except ValueError:
        pass
    try:
        return float(word)
    except ValueError:
        raise ValueError(f"invalid number {word!r}") from None


def _table(name: str) -> list[Any]:
    path = files.checked_path("a table's name", name)
    try:
        if path.lower().endswith(".npy"):
            return list(np.atleast_1d(archive.load_npy(path)).tolist())
        lines = files.read(path).decode("utf-8-sig").splitlines()
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of a table without rows
            return list(np.loadtxt(lines, delimiter=",", ndmin=1).tolist())
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, UserWarning) as error:
        raise ValueError(f"{path} is not a table of numbers: {error}") from None


def number_or_schedule(text: str) -> Any:
    """A number, or a schedule by episode as a study has it: see `SCHEDULES`."""
    kind, colon, values = text.partition(":")
    try:
        if not colon:
            return float(text)
        given = [_number(value) for value in values.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{_checks.shown(text)} is neither a number nor a schedule (such as linear:1,0.1,5000)"
        ) from None
    if kind == "points":
        return {kind: [given[i : i + 2] for i in range(0, len(given), 2)]}
    return {kind: given}


def pairs(given: Iterable[str], name: str) -> dict[str, Any]:
    """NAME=VALUE by name; values are JSON, or else text.

    Raises
    ------
    ValueError
        If one has no "=".
    """
    found = {}
    for text in given:
        key, sign, value = text.partition("=")
        if not sign or not key.isidentifier():
            raise ValueError(f"{name} must be NAME=VALUE, got {text!r}")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found


def say(text: str) -> None:
    """A line for people, beside the output."""
    print(f"sigmalloc: {text}", file=sys.stderr)
