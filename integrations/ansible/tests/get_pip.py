"""Stands in for get-pip.py, which ansible-test runs to make its virtual environments: installs with the pip beside it."""

import pathlib
import sys

sys.path.insert(0, str(next(pathlib.Path(__file__).parent.glob('pip-*.whl'))))

from pip._internal.cli.main import main  # noqa: E402, pylint: disable=wrong-import-position

# What get-pip.py itself takes, and pip does not.
OWN = ('--no-setuptools', '--no-wheel')

sys.exit(main(['install', *(word for word in sys.argv[1:] if word not in OWN)]))
