"""Text that is safe to show, whatever a name holds."""

from __future__ import annotations

import io
import json
import pickle

from tests.each import each
from tinygrad_mnist.shown import LineError, Printed, file_text, json_text, one_line, reason, shown_name

NAMES = ["\x1b[2Jred", "a\nb\r\t", "\ud800", "\udcff", "\x9b31m", "\u202egnp", "\0", "\u2028", "\u200b"]


@each("name", NAMES)
def test_what_can_not_be_printed_stands_as_its_escape(name: str) -> None:
    assert one_line(name).isprintable()
    assert one_line(name).isascii()
    assert shown_name(name).isprintable()
    assert json.loads(json_text({name: name})) == {name: name}
    assert all(line.isprintable() for line in json_text({name: [name]}).split("\n"))
    file_text(name).decode()


def test_the_escapes_are_those_of_python() -> None:
    assert one_line("\x1b[2Ja\n7 é.png") == r"\x1b[2Ja\n7 é.png"
    assert one_line("\udcff\ud800") == r"\xff\ud800"  # the first is a byte of a file's name
    assert one_line("a" * 50, 11) == "aaaaa…aaaaa"


def test_a_reason_is_one_line_that_is_the_same_each_time() -> None:
    assert reason(ValueError(f"cannot identify\n {io.BytesIO()!r}")) == "cannot identify BytesIO"
    assert reason(EOFError()) == "EOFError"


def test_a_name_of_blanks_is_seen() -> None:
    assert shown_name("   ") == "'   '"
    assert shown_name("a b") == "a b"


def test_files_keep_lines_and_letters() -> None:
    assert file_text("δ\n\tx\x1b\ud800").decode() == "δ\n\tx\\x1b\\ud800"
    assert '"é"' in json_text("é")


def test_an_error_is_one_line_of_bounded_length() -> None:
    assert str(LineError("a\n\x1b[1m")) == r"a\n\x1b[1m"
    assert len(str(LineError("a" * 10**6))) <= 600


def test_text_of_several_lines_shows_itself_as_it_prints() -> None:
    text = Printed("a\n  b")
    assert repr(text) == str(text) == "a\n  b"
    assert type(pickle.loads(pickle.dumps(text))) is Printed
    html = Printed("<b>\n  \x1b[1m")._repr_html_()
    assert html.startswith("<pre ")
    assert html.endswith(">&lt;b&gt;\n  \\x1b[1m</pre>")
