"""`tinygrad-mnist grade` as a person runs it."""

import json

from tests.cli.running import command
from tests.grading.programs import COLUMNS, ROWS


def write(tmp_path, program):
    path = tmp_path / "my_backprop.py"
    path.write_text(program, encoding="utf-8")
    return path


def test_right_gradients_have_exit_code_0_and_plain_lines(tmp_path):
    result = command(tmp_path, "grade", write(tmp_path, COLUMNS), "--columns")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[0] == "my_backprop.py: columns, W @ X + b, one-hot labels, relu"
    assert result.stdout.rstrip().splitlines()[-1] == "all 6 gradients are right"
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    assert not any(c in result.stdout for c in "\x1b━│")


def test_a_mistake_has_exit_code_1_and_its_name_in_the_json(tmp_path):
    path, out = write(tmp_path, ROWS.replace("* (z1 > 0)", "")), tmp_path / "report.json"
    result = command(tmp_path, "grade", path, "--json", out)
    assert result.returncode == 1
    assert "δ(1): activation's derivative missing" in result.stdout
    assert json.loads(out.read_text(encoding="utf-8"))["findings"][0]["names"] == ["slope-missing"]
    to_stdout = command(tmp_path, "grade", path, "--json", "-")
    assert to_stdout.returncode == 1
    assert json.loads(to_stdout.stdout)["passed"] is False
    assert to_stdout.stderr == ""


def test_what_python_says_of_a_program_s_style_is_not_said_besides(tmp_path):
    path = write(tmp_path, ROWS + "\nif 0is 1.integers:\n    pass\n")
    result = command(tmp_path, "grade", path)
    assert (result.returncode, result.stderr) == (1, "")
    assert "SyntaxError" in result.stdout


def test_wrong_usage_has_exit_code_2_and_one_line(tmp_path):
    path = write(tmp_path, ROWS)
    for arguments in (
        [tmp_path / "no.py"], [], [path, "--activation", "swish"], [path, "--labels", "words"],
        [path, "--columns", "--weights-in-out"], [path, "--l2", "nan"], [path, "--l2", "inf"], [path, "--depth", "9"],
    ):  # fmt: skip
        result = command(tmp_path, "grade", *arguments)
        assert result.returncode == 2, arguments
        assert len(result.stderr.splitlines()) == 1, result.stderr


def test_a_report_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("no folder")
    result = command(tmp_path, "grade", write(tmp_path, ROWS), "--json", tmp_path / "file" / "report.json")
    assert result.returncode == 1
    assert result.stdout == ""
    (message,) = result.stderr.strip().splitlines()
    assert message.startswith("error: ")
    assert "report.json." not in message


def test_one_file_has_one_page(tmp_path):
    path, page = write(tmp_path, ROWS.replace("* (z1 > 0)", "")), tmp_path / "report.html"
    result = command(tmp_path, "grade", path, "--html", page)
    assert result.returncode == 1
    assert "δ(1): activation's derivative missing" in result.stdout
    assert "<title>my_backprop.py</title>" in page.read_text(encoding="utf-8")
