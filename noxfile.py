"""Every check of this project, each in an environment of its own: `nox` runs them all, `nox -s lowest` one of them."""

import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = False

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The tests, on each Python that is installed."""
    session.install("--editable", ".[test]")
    session.run("pytest", "-n", "auto", *session.posargs)


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """The tests, with the lowest version of every dependency that setup.cfg declares."""
    session.install("--resolution", "lowest-direct", "--editable", ".[test]")
    session.run("pytest", "-n", "auto", *session.posargs)


@nox.session
def fast(session: nox.Session) -> None:
    """What numba compiles: steps, their parts, and distortions."""
    session.install("--editable", ".[test,fast]")
    session.run("pytest", "-n", "auto", "tests/compiler", "tests/data/test_augment.py", "tests/training", "tests/cli")


@nox.session
def frameworks(session: nox.Session) -> None:
    """The tutorials' networks in PyTorch and Keras beside ours: tests, and the comparison; pass on --data FOLDER."""
    session.install("--editable", ".[test]", "torch", "keras", "tensorflow-cpu")
    session.run("pytest", "tests/frameworks")
    written = ("--markdown", "docs/frameworks.md", "--plot", "docs/plots/frameworks.png", "--html", "frameworks.html")
    session.run("tinygrad-mnist", "tutorials", "--frameworks", *(session.posargs or written))


@nox.session
def coverage(session: nox.Session) -> None:
    """How much of the package the tests run; fails below the floor in pyproject.toml."""
    session.install("--editable", ".[test]")
    session.run("pytest", "-n", "auto", "--cov", "--cov-report=term-missing:skip-covered", *session.posargs)


@nox.session
def sweeps(session: nox.Session) -> None:
    """A sweep of fifty trials, in which a worker and then the sweep are killed: some minutes."""
    session.install("--editable", ".[test]")
    session.run("pytest", "-k", "fifty_trials", "tests/sweeps", *session.posargs, env={"TINYGRAD_MNIST_LONG": "1"})


@nox.session
def damaged(session: nox.Session) -> None:
    """6,700 damaged files through the command line, forty kills and forty signals of real runs: half an hour."""
    session.install("--editable", ".[test]")
    asked = {"TINYGRAD_MNIST_DAMAGED": "6700", "TINYGRAD_MNIST_KILLS": "40"}
    session.run("pytest", "tests/damage", "tests/training/test_killed.py", *session.posargs, env=asked)


@nox.session
def docs(session: nox.Session) -> None:
    """The site, in build/site: all that it shows is run, and kept until the package changes."""
    session.install("--editable", ".[docs]")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "build/site", *session.posargs)
    session.run("python", "-m", "docs.making.links", "build/site")


@nox.session
def style(session: nox.Session) -> None:
    """Lint, format and types of the Python code."""
    session.install("--editable", ".[test]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


@nox.session
def accessible(session: nox.Session) -> None:
    """Every kind of page in headless Chromium, light and dark, wide and narrow: axe-core finds nothing serious."""
    if not shutil.which("npm"):
        session.skip("there is no npm")
    session.install("--editable", ".[test]")
    session.run("npm", "--prefix", "javascript", "ci", external=True)
    axe = Path("javascript/node_modules/axe-core/axe.min.js").resolve()
    session.run("pytest", "tests/graph/page/test_accessible.py", env={"TINYGRAD_MNIST_AXE": str(axe)})
    if Path("build/site").is_dir():  # by `nox -s docs`
        session.run("python", "-m", "docs.making.accessible", "build/site", *session.posargs)


@nox.session(venv_backend="none")
def javascript(session: nox.Session) -> None:
    """Lint and types of the pages' JavaScript."""
    if not shutil.which("npm"):
        session.skip("there is no npm")
    session.run("npm", "--prefix", "javascript", "ci")
    session.run("npm", "--prefix", "javascript", "run", "check")
