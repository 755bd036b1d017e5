"""What the package needs, as pyproject.toml says.

``python .ci/requirements.py [extra ...]``: of some extras, the package's own aside, as arguments for pip.
``python .ci/requirements.py --lowest [extra ...]``: the lowest versions that are allowed of all that some extras need
(default: the tests'), as constraints for pip; ``build`` is what the build needs, and alone.
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


def lowest(requirements):
    found = {}
    for requirement in needed(requirements):
        name, version = re.fullmatch(r"([\w.-]+)>=([\d.]+)", requirement).groups()
        found[name] = max(version, found.get(name, "0"), key=lambda text: [int(part) for part in text.split(".")])
    return [f"{name}=={version}" for name, version in found.items()]


asked = sys.argv[1:]
if asked[:1] != ["--lowest"]:
    print(*needed(one for extra in asked for one in extras[extra]), sep="\n")
elif asked[1:] == ["build"]:
    print(*lowest(given["build-system"]["requires"]), sep="\n")
else:
    print(
        *lowest(project["dependencies"] + [one for extra in asked[1:] or ["test"] for one in extras[extra]]), sep="\n"
    )
