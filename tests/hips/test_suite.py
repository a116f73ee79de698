"""HIPS autograd's own tests of NumPy's functions, run on this package in place of its module.

They are not part of this repository: `.ci/run` unpacks the source distribution into build/.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "build" / "autograd-1.9.1" / "tests"
FILES = [
    f"test_{name}.py"
    for name in (
        "binary_ops", "complex", "dict", "direct", "graphs", "jacobian", "linalg", "list", "numpy", "scalar_ops",
        "systematic", "truediv", "tuple", "ufunc_dispatch", "wrappers",
    )
]  # fmt: skip
"""All but the tests of its own machinery (core, vspaces, extend, misc), of SciPy, and of fft."""

OUTSIDE = {
    "test_eig_real": "complex numbers",
    "test_complex_mutating_outgrad_from_indexing": "complex numbers",
    "test_row_stack_1d": "deprecated in NumPy 2",
    "test_row_stack_2d": "deprecated in NumPy 2",
    "test_custom_where": "its own where, which takes names",
    "test_custom_where_dtypes": "its own where, which gives Python numbers",
    "test_deprecated_defgrad_wrapper": "its own way to define a rule",
    "test_deprecated_defvjp_wrapper": "its own way to define a rule",
    "test_deprecated_defvjp_is_zero_wrapper": "its own way to define a rule",
    "test_deprecated_quick_grad_check_wrapper": "its own way to check one",
    "test_wrapped_name_and_docs": "its own docstrings",
}
"""What may fail, and why it is no matter of NumPy's functions of real numbers."""


@pytest.mark.skipif(not SUITE.is_dir(), reason=f"HIPS autograd's source is not at {SUITE.parent}: see .ci/run")
def test_hips_autograds_tests_of_numpys_functions_pass(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), str(ROOT)])
    options = ["-c", os.devnull, "--rootdir", str(SUITE), "-q", "-p", "no:cacheprovider", f"--junit-xml={report}"]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *FILES],
        cwd=SUITE, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    passed, unexpected = 0, []
    for case in ElementTree.parse(report).iter("testcase"):
        outcomes = {part.tag for part in case}
        if outcomes & {"failure", "error"}:
            unexpected += [case.get("name")] if case.get("name", "").partition("[")[0] not in OUTSIDE else []
        else:
            passed += "skipped" not in outcomes
    assert not unexpected, result.stdout
    assert passed >= 380
