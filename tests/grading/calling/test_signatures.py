"""Files with every usual signature are graded without an option."""

import pytest

from tests.grading.calling.signatures import SIGNATURES
from tinygrad_mnist.grading import grade


def graded(tmp_path, program):
    path = tmp_path / "mine.py"
    path.write_text(program, encoding="utf-8")
    return grade(path)


@pytest.mark.parametrize("name", SIGNATURES)
def test_right_code_passes_with_any_signature(tmp_path, name):
    program, _ = SIGNATURES[name]
    report = graded(tmp_path, program)
    assert report.passed, str(report)


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_mistake_is_named_with_any_signature(tmp_path, name):
    program, (old, new, mistake) = SIGNATURES[name]
    assert old in program
    report = graded(tmp_path, program.replace(old, new))
    assert [finding.names for finding in report.findings] == [(mistake,)], str(report)
    assert not report.passed
