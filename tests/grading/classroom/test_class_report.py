"""What is said of a class."""

import csv
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from tinygrad_mnist.grading import Finding, Parameter, Problem, Report
from tinygrad_mnist.grading.classroom import ClassReport, Graded, Points, Submission


def graded(name, *wrong, findings=(), problems=()):
    parameters = tuple(Parameter(n, n not in wrong, 1.0 if n in wrong else 0.0) for n in ("dW1", "db1", "dW2"))
    page = re.sub(r"\W", "", name)
    report = Report(f"{page}.py", "rows", parameters, findings, problems)
    return Graded(Submission(name, page, Path(), (), Path(f"{page}.py")), report, 1.5)


SLOPE = Finding(("slope-missing",), ("δ(1)",), "activation's derivative missing", (), "", "")
FACTOR = Finding(("error-factor",), ("δ(2)",), "a factor (0.5)", (), "", "")
OTHER_FACTOR = Finding(("error-factor",), ("δ(1)",), "a factor (3)", (), "", "")
UNKNOWN = Finding((), ("δ(1)",), "wrong, in a way that is not in the catalogue", (), "", "")
SCRIPT = "<script>alert(1)</script>"

WHOLE = ClassReport.of(
    [
        graded("cyd", "dW1", findings=(SLOPE,)),
        graded("Ada"),
        graded("=bob", "dW1", "db1", findings=(FACTOR, UNKNOWN), problems=(Problem("time", SCRIPT),)),
        graded(f"dan {SCRIPT}", "dW1", findings=(SLOPE, OTHER_FACTOR)),
    ],
    Points.parse("dW1=2,db1=1,dW2=3"),
)


class Reader(HTMLParser):
    """The tags, links and text of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.links, self.text = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data):
        self.text += data


def test_columns_have_the_textbooks_names_whatever_a_program_calls_them():
    other = (Parameter("gw1", True, 0.0, textbook="dW1"), Parameter("gc1", False, 1.0, textbook="db1"))
    eve = replace(graded("eve"), report=Report("eve.py", "rows", other))
    whole = ClassReport.of([graded("ada"), eve], Points.parse("dW1=2,db1=1,dW9=1"))
    assert whole.gradients == ("dW1", "db1", "dW2")
    assert [whole.score(g) for g in whole.results] == ["3/4", "2/4"]
    assert "gc1" not in whole.to_csv() + whole.to_html()
    assert whole.pointless == ("dW9",)


def test_mistakes_are_counted_by_learner_whatever_number_is_in_them():
    counts = [(c.what, [g.name for g in c.who]) for c in WHOLE.mistakes]
    assert counts == [
        ("a factor", ["=bob", f"dan {SCRIPT}"]),
        ("activation's derivative missing", ["cyd", f"dan {SCRIPT}"]),
        ("wrong in a way that has no name", ["=bob"]),
    ]


def test_the_hardest_step_is_where_most_are_wrong():
    assert WHOLE.hardest.what == "δ(1)"
    assert len(WHOLE.hardest.who) == 3
    assert ClassReport.of([graded("a", "db1"), graded("b")]).hardest.what == "db1"
    assert ClassReport.of([graded("b")]).hardest is None


def test_the_table_is_80_columns_wide():
    lines = str(WHOLE).splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[0].split() == ["learner", "passed", "points", "what", "is", "wrong"]
    assert [line.split()[0] for line in lines[1:5]] == ["=bob", "Ada", "cyd", "dan"]
    assert lines[-1] == "1 of 4 passed"
    assert str(WHOLE.__rich__()).split() == str(WHOLE).split()


def test_the_csv_has_a_line_for_each_and_no_formulas():
    rows = list(csv.DictReader(io.StringIO(WHOLE.to_csv())))
    assert [r["learner"] for r in rows] == ["'=bob", "Ada", "cyd", f"dan {SCRIPT}"]
    assert (rows[0]["points"], rows[0]["of"], rows[0]["dW1"], rows[0]["dW2"]) == ("3", "6", "WRONG", "right")
    assert (rows[1]["passed"], rows[2]["passed"], rows[2]["names"]) == ("yes", "no", "slope-missing")


def test_pages_need_nothing_else_and_escape_what_strangers_write():
    for page in (WHOLE.to_html(), *map(WHOLE.learner_html, WHOLE.results)):
        reader = Reader(page)
        assert SCRIPT not in page
        assert reader.tags.count("script") == (1 if "Learners" in reader.text else 0)
        assert not [link for link in reader.links if not re.fullmatch(r"[\w.]+\.html", link)]
    assert SCRIPT in Reader(WHOLE.to_html()).text
    assert SCRIPT in Reader(WHOLE.learner_html(WHOLE.results[0])).text


def test_the_class_links_to_each_learner():
    assert set(Reader(WHOLE.to_html()).links) == {f"{g.submission.page}.html" for g in WHOLE.results}
