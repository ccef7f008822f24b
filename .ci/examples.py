"""Takes the commands out of the CI examples: `examples.py commands FILE...` prints each shell script of a workflow or
pipeline that calls bootproof, with a NUL after it."""

import sys

from ruamel.yaml import YAML


def scripts(node):
    """The values of `run` (GitHub) and the items of `script` (GitLab), wherever they stand."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "run" and isinstance(value, str):
                yield value
            elif key == "script" and isinstance(value, list):
                yield from value
            else:
                yield from scripts(value)
    elif isinstance(node, list):
        for item in node:
            yield from scripts(item)


def main():
    _, what, *files = sys.argv
    assert what == "commands", what
    for path in files:
        with open(path, encoding="utf-8") as file:
            for script in scripts(YAML(typ="safe").load(file)):
                if "bootproof check" in script:
                    sys.stdout.write(script + "\0")


main()
