"""The public names resolve, and importing them costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import nnvis_dash as nnvis


@pytest.mark.parametrize("name", nnvis.__all__)
def test_every_name_resolves(name):
    value = getattr(nnvis, name)
    assert value.__name__ == name
    assert name in dir(nnvis)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'magic'"):
        nnvis.magic  # noqa: B018


def test_import_and_names_load_no_tensorflow():
    script = (
        "import sys, nnvis_dash as nnvis\n"
        "assert not any(name.startswith('nnvis_dash.') for name in sys.modules), 'import is not lazy'\n"
        "[getattr(nnvis, name) for name in nnvis.__all__]\n"
        "nnvis.methods()\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'numba', 'dash', 'distributed'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
