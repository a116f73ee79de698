"""Whose programs are found in what learning platforms export."""

import struct
import zipfile

import pytest

from tests.data.test_layouts import zipped
from tests.grading.classroom.programs import ROWS, hand_in
from tinygrad_mnist.grading import GradeError
from tinygrad_mnist.grading.classroom import find_submissions
from tinygrad_mnist.grading.classroom.submissions import LARGEST

HELPER = "def softmax(z): return z\n"


def pack(path, **files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/") + ".py", text)
    return path


def found(tmp_path, *paths):
    return find_submissions(paths, tmp_path / "unpacked")


def test_each_file_folder_and_archive_is_one_learners(tmp_path):
    folder = hand_in(tmp_path / "class", ada_12345_backprop=ROWS)
    hand_in(folder / "bob_23456_assignsubmission_file_", helper=HELPER, backprop="from helper import softmax\n" + ROWS)
    pack(folder / "cyd_34567_work.zip", work__deep__program=ROWS, work__notes="")
    (folder / "dan_45678_x.ipynb").write_text('{"cells": []}')
    (folder / "grades.txt").write_text("no program")
    (folder / "__MACOSX").mkdir()
    hand_in(folder / ".hidden", x=ROWS)
    learners = {s.name: s for s in found(tmp_path, folder)}
    assert list(learners) == ["ada", "bob", "cyd", "dan"]
    assert learners["bob"].file == "backprop.py"
    assert learners["cyd"].file == "work/deep/program.py"
    copy = learners["bob"].copy_to(tmp_path / "copy")
    assert copy.read_text(encoding="utf-8").endswith(ROWS)
    assert (tmp_path / "copy" / "helper.py").read_text() == HELPER


def test_an_archive_alone_is_the_class(tmp_path):
    archive = pack(tmp_path / "all.zip", ada_12345_x=ROWS, bob_23456_file___program=ROWS)
    assert [s.name for s in found(tmp_path, archive)] == ["ada", "bob"]


def test_archives_inside_an_archive_and_a_folder_are_unpacked(tmp_path):
    inner = pack(tmp_path / "inner.zip", program=ROWS)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(inner, "ada_12345_x.zip")
        archive.write(inner, "bob_23456_file_/handed in.zip")
    ada, bob = found(tmp_path, tmp_path / "all.zip")
    assert (ada.name, ada.file, bob.name, bob.file) == ("ada", "program.py", "bob", "program.py")
    folder = tmp_path / "class" / "cyd"
    folder.mkdir(parents=True)
    pack(folder / "x.zip", program=ROWS)
    before = sorted((tmp_path / "class").rglob("*"))
    (cyd,) = find_submissions([tmp_path / "class"], tmp_path / "elsewhere")
    assert cyd.file == "program.py"
    assert sorted((tmp_path / "class").rglob("*")) == before  # nothing is written beside what was handed in


def test_several_files_of_one_learner_keep_their_names(tmp_path):
    folder = hand_in(tmp_path / "class", ada_12345_first=ROWS, ada_12345_second=ROWS)
    assert [s.name for s in found(tmp_path, folder)] == ["ada_12345_first", "ada_12345_second"]


def test_pages_have_names_of_their_own(tmp_path):
    one, two = hand_in(tmp_path / "one", index=ROWS, same=ROWS), hand_in(tmp_path / "two", same=ROWS, SAME=ROWS)
    (two / "same.ipynb").write_text('{"cells": []}')
    pages = [s.page for s in found(tmp_path, one, two)]
    assert len({p.casefold() for p in pages}) == len(pages)
    assert "index" not in pages


def test_an_archive_writes_nothing_outside_and_a_broken_one_is_said(tmp_path):
    folder = tmp_path / "class"
    folder.mkdir()
    with zipfile.ZipFile(folder / "evil.zip", "w") as archive:
        archive.writestr("../../../outside.py", ROWS)
    (folder / "broken.zip").write_bytes(b"PK no")
    broken, evil = found(tmp_path, folder)
    assert not list(tmp_path.parent.glob("outside.py"))
    assert not (tmp_path / "outside.py").exists()
    assert evil.file == "outside.py"
    assert broken.main is None
    assert "can't be unpacked" in broken.trouble


def test_an_archive_that_grows_too_large_is_not_unpacked(tmp_path):
    folder = tmp_path / "class"
    folder.mkdir()
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.py", b"\0" * 201_000_000)
    (bomb,) = found(tmp_path, folder)
    assert "larger than" in bomb.trouble


@pytest.mark.parametrize(("field", "value"), [(8, 1), (10, 99), (16, 0xFFFF)])
def test_an_archive_that_lies_in_its_list_is_said_in_a_line(tmp_path, field, value):
    content = bytearray(zipped({"a.py": ROWS}))
    struct.pack_into("<H", content, content.rfind(b"PK\1\2") + field, value)
    (tmp_path / "class.zip").write_bytes(content)
    with pytest.raises(GradeError, match=r"class.zip can't be unpacked: [^\n]+$"):
        found(tmp_path, tmp_path / "class.zip")


@pytest.mark.parametrize("name", ["a" * 300 + ".py", "a\0/../b.py", "/" * 5000 + "b.py", "a.py/b.py"])
def test_an_archive_whose_names_no_system_takes_is_said_in_a_line_or_read(tmp_path, name):
    (tmp_path / "class.zip").write_bytes(zipped({"a.py": ROWS, name: ROWS}))
    try:
        said = str(found(tmp_path, tmp_path / "class.zip"))
    except GradeError as error:
        said = str(error)
    assert "class.zip can't be unpacked: " in said or "a.py" in said


def test_a_program_alone_that_is_too_large_is_not_read(tmp_path):
    (tmp_path / "class").mkdir()
    with (tmp_path / "class" / "a.py").open("wb") as file:
        file.truncate(LARGEST + 1)
    (large,) = found(tmp_path, tmp_path / "class")
    assert large.main is None
    assert "200 MB" in large.trouble


def test_nothing_to_grade_is_an_error(tmp_path):
    with pytest.raises(GradeError, match="there is no file or folder"):
        found(tmp_path, tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(GradeError, match=r"there is no \.py"):
        found(tmp_path, tmp_path / "empty")


def test_what_is_graded_depends_on_content_alone(tmp_path):
    folder = hand_in(tmp_path / "class" / "ada", program=ROWS, helper=HELPER)
    (first,) = found(tmp_path, tmp_path / "class")
    before = first.digest()
    assert before == find_submissions([tmp_path / "class"], tmp_path / "again")[0].digest()
    (folder / "helper.py").write_text("changed = 1")
    assert first.digest() != before
