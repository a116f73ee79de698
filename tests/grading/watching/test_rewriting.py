"""A rewritten program computes what the plain one does, and raises what it raises, at the same line."""

# ruff: noqa: E501 (a program in a line)

import traceback

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.each import each
from tests.grading.watching.runs import watched
from tinygrad_mnist.grading.watching.recorder import Recorder
from tinygrad_mnist.grading.watching.rewriting import RECORDER, SCOPE, rewrite, round_numbers, shrunk
from tinygrad_mnist.grading.watching.tape import Tape

PROGRAMS = {
    "swapped items": "a = np.arange(4.0)\na[0], a[3] = a[3], a[0]\nd = {'x': 1}\nl = [1, 2]\nd['x'], l[1] = l[1], d['x']",
    "swapped rows": "a = np.arange(6.0).reshape(3, 2)\na[[0, 2]] = a[[2, 0]]\na[0], a[1] = a[1].copy(), a[0].copy()",
    "nested targets": "(a, [b, *c]), d = (1, [2, 3, 4]), {}\nd['k'], (e, d['l']) = 5, (6, 7)\nfirst, *rest = np.eye(3)",
    "several targets": "a = b = np.ones(2)\nb += 1\nc = d = [0, 0]\nc[0] = e = 5",
    "updated names": "a = np.ones((2, 2))\nb = a\na += 1\na -= b\na @= np.eye(2)\na **= 2\nn = 5\nn //= 2\nn <<= 3\nn %= 7\nn |= 8",
    "updated attributes": "class A: pass\nA.w = np.ones(2)\ny = A()\ny.z = A()\ny.z.w = 3.0\ny.z.w *= 2\nA.w /= 4\nr = [A.w, y.z.w]\ndel A, y",
    "updated items": "a = np.zeros((3, 3))\na[1] += 2\na[:, 0] -= np.arange(3)\na[1:, ::2] *= 3\nd = {'n': [1]}\nd['n'] += [2]\n"
    "l = [np.ones(2), 1]\nl[0] += 1\nl[1] **= 3\na[a > 2] = 0\na[..., None][0] += 1",
    "copied into": "a, b, c = np.zeros(3, int), np.zeros(2), 0\nnp.copyto(b, [3, 4])\ntry:\n    np.copyto(a, np.full(3, 0.5))\n"
    "except TypeError:\n    c = 1",
    "an index that is evaluated once": "n = []\ndef f():\n    n.append(1)\n    return 0\na = np.zeros(2)\na[f()] += 1\n"
    "a[f()], a[1] = 3, 4\nb = a[f()]",
    "an owner that is evaluated once": "n = []\ndef f():\n    n.append(1)\n    return a\na = np.zeros(2)\nf()[0] += 1\nf()[1] = 5",
    "comprehensions": "a = [x * y for x in range(3) for y in range(x) if x + y > 1]\nb = {k: v @ v for k, v in zip('ab', np.eye(2))}\n"
    "c = {x % 2 for x in range(5)}\nd = sum(x ** 2 for x in range(4))\ne = [[r.sum() for r in m] for m in np.ones((2, 2, 2))]",
    "rows": "a = np.arange(6.0).reshape(3, 2)\nout = []\nfor r in a:\n    r += 1\n    out.append(r * 2)\nelse:\n    end = True\n"
    "for i, (x, y) in enumerate(a):\n    out.append(x - y)\nlast = list(reversed(a))\nm = list(map(lambda r: -r, a))",
    "lambdas": "f = lambda x, y=2, *z, **k: x ** y + sum(z) + k.get('w', 0)\na = f(3), f(3, 3), f(1, 2, 3, w=4)\ng = (lambda: (lambda: 5))()()",
    "closures": "def counter():\n    n = 0\n    def up(by=1):\n        nonlocal n\n        n += by\n        return n\n    return up\n"
    "c = counter()\na = [c(), c(5), c()]\nfs = [lambda i=i: i for i in range(3)]\nb = [f() for f in fs]\ndel fs",
    "global": "n = 1\ndef f():\n    global n, new\n    n += 2\n    new = n * 2\n    n = -n\nf()\nclass A:\n    global m\n    m = 5",
    "generators": "def count(n):\n    'how many'\n    while n > 0:\n        got = yield n\n        n -= 1 if got is None else got\n    return 'end'\n"
    "def two():\n    r = yield from count(2)\n    yield r\na = list(two())\ng = count(9)\nb = [next(g), g.send(3), next(g)]",
    "decorators": "import functools\ndef twice(f):\n    @functools.wraps(f)\n    def g(*a, **k):\n        return f(f(*a, **k))\n    return g\n"
    "@twice\ndef half(x):\n    'halves'\n    return x / 2\n@functools.lru_cache(maxsize=None)\ndef fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\n"
    "a = half(8), half.__doc__, half.__name__, fib(20)",
    "classes": "class A:\n    'a class'\n    rate = 0.5\n    def __init__(self, n, *, k=1):\n        self.n, self._k = n, k\n    @property\n"
    "    def k(self): return self._k * 2\n    @k.setter\n    def k(self, v): self._k = v - 1\n    @staticmethod\n    def s(x): return x + 1\n"
    "    @classmethod\n    def c(cls): return cls.rate\n    def __call__(self, x): return x * self.n\n    def __matmul__(self, o): return ('@', o)\n"
    "    def __getitem__(self, i): return i\n    def __add__(self, o): return NotImplemented\n    def __radd__(self, o): return o\n"
    "class B(A):\n    def __init__(self): super().__init__(3, k=4)\n    def s2(self): return super().s(1)\n"
    "b = B()\nb.k = 9\nb.k += 1\nr = [b.k, B.s(2), b.c(), b(5), b @ 2, b[1:2, ...], b[::2], 7 + b, b.s2(), A.__doc__]\ndel b, A, B",
    "dataclasses": "from dataclasses import dataclass, field\n@dataclass\nclass P:\n    x: float\n    y: list = field(default_factory=list)\n"
    "    def n(self) -> float: return (self.x ** 2 + len(self.y)) ** 0.5\np = P(3.0)\np.y.append(1)\nr = p.n(), str(p), p == P(3.0, [1])\ndel P, p",
    "walrus": "a = [y for x in range(5) if (y := x ** 2) > 3]\nwhile (n := len(a)) > 1:\n    a.pop()\nif (b := np.ones(2)).sum() == 2: c = b * 3",
    "comparisons": "a0 = 1\na = 1 < 2 < 3, 1 < 3 < 2, (1 < 2) == True, 1 != 2, a0 is not None, 3 in [3], 3 not in [3]\nb = np.arange(3) >= 1\n"
    "n = []\ndef f(x):\n    n.append(x)\n    return x\nc = f(3) < f(1) < f(2)\nd = not 1 > 2 or f(9)",
    "starred calls": "def f(*a, k=1, **o): return a, k, o\na = f(*[1, 2], *(3,), k=4, **{'x': 5}, **{'y': 6})\nb = [*range(2), *'ab']\nc = {**{'a': 1}, 'b': 2}\nd = np.dot(*np.eye(2))",
    "f-strings": "a = np.pi\nw = 8\nb = f'{a:.3f} {a!r:>{w}} {a + 1=} {[x * 2 for x in range(2)]} {{}}'\nc = '%.2f %s' % (a, 1)\nd = f'{b[0]}' 'x'",
    "exceptions": "r = []\ndef f(x):\n    try:\n        return 1 / x\n    except ZeroDivisionError as e:\n        r.append(str(e))\n        return None\n"
    "    else:\n        r.append('else')\n    finally:\n        r.append('finally')\na = f(0), f(2)\ntry:\n    np.ones(2) @ np.ones(3)\nexcept (TypeError, ValueError) as e:\n    b = type(e).__name__",
    "context managers": "from contextlib import contextmanager\nr = []\n@contextmanager\ndef c(x):\n    r.append(x)\n    yield x * 2\n    r.append(-x)\n"
    "with c(1) as a, c(2) as b:\n    r.append(a + b)\nwith np.errstate(all='ignore'):\n    d = np.ones(1) / 0",
    "matches": "def f(x):\n    match x:\n        case {'a': [1, *r]}: return r\n        case -1 | 2.5: return 'number'\n        case (a, b) if a == b: return a\n"
    "        case str() as s: return s\n        case _: return None\na = [f({'a': [1, 2]}), f(-1), f(2.5), f((3, 3)), f('s'), f((3, 4))]",
    "conditions": "a = np.arange(4) if 1 + 1 == 2 else None\nassert a is not None, 'no'\nb = a[-1] and a[0] or 'x'\nif a.any() and not a.all(): c = ~(a > 1)\nelif True: pass\nelse: raise ValueError\nd = +a, -a, not a.size",
    "loops": "r = []\nfor i in range(5):\n    if i == 1: continue\n    if i == 3: break\n    r.append(i)\nelse:\n    r.append('else')\nwhile r:\n    r.pop()\nelse:\n    e = 1",
    "annotations": "a: int = 3\nb: 'list[int]'\nclass A:\n    w: float = 2.0\n    v: int\ndef f(x: int = 2 + 1, *, y: float = 0.5) -> float:\n    z: float = x * y\n    return z\nc = f(), sorted(A.__annotations__), f.__defaults__, A.w\ndel A",
    "docstrings": "def f():\n    'a docstring'\ndef g():\n    'one'\n    global h\n    h = 3\ndef k():\n    global h2\n    'no docstring'\n    h2 = 4\ng()\nk()\na = f.__doc__, g.__doc__, k.__doc__, f()",
    "functions that look at their callers": "x = 5\ndef f():\n    y = 2\n    return sorted(k for k in locals() if k[0] != '_'), eval('y + 1'), 'x' in globals()\na = f()\nexec('z = x + 1')\nb = vars(np) is np.__dict__, isinstance(x, int)",
    "sorting and changing": "a = np.array([3.0, 1, 2])\na.sort()\nb = np.zeros(3)\nnp.copyto(b, a)\nnp.add(a, 1, out=b)\nnp.add.at(b, [0, 0], 5)\nc = sorted([3, 1], key=lambda v: -v)\n"
    "a.fill(7)\nd = np.vectorize(lambda v: v * 2)(a)\ne = np.apply_along_axis(lambda r: r - 1, 0, np.eye(2))\nsetattr(np.random, 'nothing', 1)\ndel np.random.nothing",
    "transposes": "a = np.arange(6).reshape(2, 3)\nclass A: T = 5\nb = a.T, A.T, A().T, a.T[0], np.linalg.norm(a.T), a.mean(0), a.T.T is a\ndel A",
    "deleting": "d = {'a': 1, 'b': 2}\ndel d['a']\nl = [1, 2, 3]\ndel l[0:2]\nx = 1\ndel x\nclass A: y = 1\ndel A.y\nr = hasattr(A, 'y')\ndel A",
    "keywords": "def f(a, /, b, *, c): return a - b * c\nr = f(1, b=2, c=3), np.sum(np.eye(2), axis=0, keepdims=True), dict(line=1, function=2), max([1], default=3)",
    "slices": "a = list(range(9))\nb = a[1:], a[:-1], a[::2], a[slice(2, 4)]\na[2:4] = [7, 7, 7]\nc = np.arange(8).reshape(2, 2, 2)\nd = c[:, 0, None], c[..., 1], c[np.array([0, 1]), [1, 0]]\ns = 'text'[1:3]",
}  # fmt: skip
"""A program for every kind of statement and expression."""


def plain(text):
    scope = {"np": np, "__name__": "__main__"}
    with np.errstate(all="ignore"):
        exec(compile(text, "plain.py", "exec"), scope)
    return scope


def rewritten(text):
    scope = {"np": np, RECORDER: Recorder(Tape()), SCOPE: 0, "__name__": "__main__"}
    with np.errstate(all="ignore"):
        exec(rewrite(text, "plain.py"), scope)
    return scope


def known(scope):
    """What a program computed, as text; what has no value to compare is left out."""
    return {
        name: _said(value)
        for name, value in scope.items()
        if not name.startswith("__") and not callable(value) and name not in ("np", "functools", "g")
    }


def _said(value):
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [_said(v) for v in value]
    if isinstance(value, dict):
        return {key: _said(v) for key, v in value.items()}
    return type(value).__name__, repr(value)


@each("name", PROGRAMS)
def test_a_rewritten_program_computes_what_it_did(name):
    computed = known(plain(PROGRAMS[name]))
    assert computed
    assert known(rewritten(PROGRAMS[name])) == computed


LEAVES = st.sampled_from(["a", "b", "v", "2", "-0.5", "a.T", "a[0]", "a[:, 1]", "b[::-1]", "n", "d['k']"])
EXPRESSIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "@", "**", "//", "%", "<", "<=", "==", "!=", "&"]), inner).map("({0[0]} {0[1]} {0[2]})".format),
        st.tuples(st.sampled_from(["-{}", "np.exp({})", "np.sum({}, axis=0)", "np.maximum({}, 0)", "np.where({} > 0, 1, 2)",
                                   "[x * 2 for x in [{}]][0]", "(lambda x: x + 1)({})", "np.multiply({}, out)", "({})"]),
                  inner).map(lambda pair: pair[0].format(pair[1])),
        st.tuples(inner, inner, inner).map("({0[0]} if np.size({0[1]}) > 2 else {0[2]})".format),
    ),
    max_leaves=8,
)  # fmt: skip
GIVEN = (
    "a = np.arange(6.0).reshape(2, 3) - 2\nb = np.array([[1, -2, 3], [0, 5, -6]])\n"
    "v = np.array([0.5, -1.5, 2.0])\nn, d, out = 3, {'k': np.ones(3)}, 1.5\n"
)


@settings(max_examples=150, deadline=None)
@given(EXPRESSIONS, st.sampled_from(["r = {}", "r = a.copy()\nr += {}", "r = [0]\nr[0] = {}", "r, d['k'] = {}, 1"]))
def test_any_expression_has_the_value_that_it_had(expression, statement):
    program = GIVEN + statement.format(expression)
    values = []
    for run in (plain, rewritten):
        try:
            values.append(known(run(program)))
        except Exception as error:
            values.append((type(error), str(error)))
    assert values[0] == values[1]


@each(
    ("program", "line"),
    [
        ("a = 1\n\nb = a / 0", 3),
        ("def f(x):\n    'doc'\n    return (x\n        @ np.ones(3))\nf(np.ones(2))", 3),
        ("d = {}\nd['k'] += 1", 2),
        ("for i in range(2):\n    if i:\n        [].pop()", 3),
        ("a, b = 1", 1),
        ("def f():\n    x += 1\n    x = 2\nf()", 2),
        ("class A: pass\nA().w", 2),
    ],
)
def test_what_is_raised_is_raised_at_its_line(program, line):
    raised = []
    for run in (plain, rewritten):
        with pytest.raises(Exception) as caught:  # noqa: PT011
            run(program)
        raised.append((caught.type, str(caught.value)))
        frames = [f for f in traceback.extract_tb(caught.tb) if f.filename == "plain.py"]
        assert frames[-1].lineno == line
    assert raised[0] == raised[1]


def test_what_is_no_python_is_a_syntax_error():
    with pytest.raises(SyntaxError):
        rewrite("a = = 1", "mine.py")


def test_a_program_runs_as_the_main_one_and_ends_itself():
    run = watched("import sys\nif __name__ == '__main__':\n    a = 1\n    sys.exit(3)\nb = 2")
    assert run.error is None
    assert run.module.a == 1
    assert not hasattr(run.module, "b")


def test_an_exception_of_the_program_is_kept():
    run = watched("a = 1\nraise KeyError('x')")
    assert isinstance(run.error, KeyError)


def test_twice_a_count_stays_twice_as_large():
    counts = round_numbers("X[:1_000]; lam / 2000; range(60000); 60_000 * 2; 1234; x1000; 0x4000")
    assert counts == {1000, 2000, 60000}
    assert [shrunk(count, counts) for count in (1000, 2000, 60000, 5000)] == [20, 40, 600, 50]


def test_a_module_s_lines_are_counted_from_where_they_are_told_to():
    x = np.zeros((2, 3, 4))
    scope = {"x": x, RECORDER: Recorder(Tape()), SCOPE: 0}
    exec(rewrite("x[:, :, 0] = x[\n    :, :, 1\n] + 1", "mine.py", 2_000_000), scope)
    assert x.sum() == 6


@pytest.mark.parametrize(
    ("program", "kept"),
    [
        ("count = 5000", 50),
        ("count = 10000\nbatch_size = 128", 100),
        ("count = 1000\nbatch_size = 128", 128),
        ("count = 1000", 20),
        ("def f(count=60000, batch=64): return count\ncount = f(batch=256)", 600),
        ("class A: pass\na = A()\na.max_len = 5000\ncount = a.max_len", 5000),
        ("def f(x, *, context_length=4000): return context_length\ncount = f(0)", 4000),
    ],
)
def test_counts_shrink_to_no_less_than_a_batch_and_lengths_of_sequences_do_not(program, kept):
    assert rewritten(program)["count"] == kept
