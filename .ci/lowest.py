"""The lowest versions that pyproject.toml allows of everything that the tests need, as constraints for pip."""

import re
import sys
import tomllib

with open(sys.argv[1] if len(sys.argv) > 1 else "pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
extras = project["optional-dependencies"]


def needed(requirements):
    for requirement in requirements:
        own = re.fullmatch(rf"{project['name']}\[([\w,]+)\]", requirement)
        if own:
            for extra in own[1].split(","):
                yield from needed(extras[extra])
        else:
            yield requirement


for requirement in dict.fromkeys(needed([*project["dependencies"], *extras["test"]])):
    name, lowest = re.fullmatch(r"([\w.-]+)>=([\w.]+)", requirement).groups()
    print(f"{name}=={lowest}")
