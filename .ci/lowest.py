"""The lowest versions that pyproject.toml allows of all that some of its extras need, as constraints for pip.

``python .ci/lowest.py [extra ...]``; without any, those of the tests. ``build`` is what the build needs, and alone.
"""

import re
import sys
import tomllib
from pathlib import Path

with open(Path(__file__).parents[1] / "pyproject.toml", "rb") as file:
    given = tomllib.load(file)
project = given["project"]
extras = project["optional-dependencies"]


def needed(requirements):
    for requirement in requirements:
        own = re.fullmatch(rf"{project['name']}\[([\w,]+)\]", requirement)
        if own:
            for extra in own[1].split(","):
                yield from needed(extras[extra])
        else:
            yield requirement


asked = sys.argv[1:] or ["test"]
if asked == ["build"]:
    requirements = given["build-system"]["requires"]
else:
    requirements = project["dependencies"] + [one for extra in asked for one in extras[extra]]
lowest = {}
for requirement in needed(requirements):
    name, version = re.fullmatch(r"([\w.-]+)>=([\d.]+)", requirement).groups()
    lowest[name] = max(version, lowest.get(name, "0"), key=lambda text: [int(part) for part in text.split(".")])
print(*(f"{name}=={version}" for name, version in lowest.items()), sep="\n")
