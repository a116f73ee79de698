"""Whose programs there are, in folders, files and archives as learning platforms export them."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tinygrad_mnist.grading import honesty
from tinygrad_mnist.grading.settings import GradeError
from tinygrad_mnist.grading.watching.source import SourceError, read
from tinygrad_mnist.shown import reason

PROGRAMS = (".py", ".ipynb")

LARGEST = 200_000_000
"""Bytes that a submission may have, unpacked."""

CLASS_LARGEST = 10 * LARGEST
"""Bytes that an archive of a whole class may have."""

MOST_FILES = 2000
"""How many files it may have."""

IGNORED = {"__MACOSX", "__pycache__", "node_modules", "venv"}
"""Folders that hold nobody's program; so do those whose name begins with a dot."""

EXPORTED = re.compile(r"^(?P<name>.+?)_(?:LATE_)?\d{3,}(?:_|$)")
"""name_id_assignment, as learning platforms name what they export."""

LONGEST = 80
"""Letters in the name of a page's file."""


@dataclass(frozen=True)
class Submission:
    """A learner's program.

    name: the learner's, as far as the file's name tells. page: the name of the page's file, without its ending.
    root, files: what was handed in, as paths below root. main: which of it is graded; None where there is no program.
    trouble: why it could not be read.
    """

    name: str
    page: str
    root: Path
    files: tuple[Path, ...]
    main: Path | None
    trouble: str = ""

    @property
    def file(self) -> str:
        """The program's name."""
        return self.main.as_posix() if self.main else ""

    @property
    def may_kill(self) -> bool:
        """Whether a program of it speaks of ending processes."""
        return any(b"kill" in (self.root / path).read_bytes() for path in _programs(self.files))

    def digest(self) -> str:
        """Of names and contents: the same as long as nothing changed."""
        digest = hashlib.sha256(f"{self.file}\n{self.trouble}".encode("utf-8", "surrogatepass"))
        for path in self.files:
            digest.update(path.as_posix().encode("utf-8", "surrogatepass") + b"\0")
            digest.update(hashlib.sha256((self.root / path).read_bytes()).digest())
        return digest.hexdigest()

    def copy_to(self, folder: Path) -> Path:
        """Copies of its files in a folder, and where its program then is."""
        for path in self.files:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.root / path, folder / path)
        return folder / self.file


def find_submissions(paths: Sequence[Path], unpacked: Path) -> list[Submission]:
    """Every learner's program in folders, files and zip archives.

    In a folder, or an archive that is given alone, each file, each folder and each archive is one learner's.
    unpacked: a folder into which archives are unpacked.

    Raises GradeError where a path does not exist, or where there is no submission.
    """
    found = []
    unpacked.mkdir(parents=True, exist_ok=True)
    for path in paths:
        if not path.exists():
            raise GradeError(f"there is no file or folder {path}")
        whole_class = path
        if path.suffix.lower() == ".zip" and len(paths) == 1:
            whole_class = _unzip(path, unpacked, CLASS_LARGEST)
        is_folder = whole_class.is_dir()
        entries = [e for e in sorted(whole_class.iterdir()) if not _ignored(e)] if is_folder else [whole_class]
        links = [e for e in entries if is_folder and e.is_symlink()]
        found += [s for e in entries if (s := _of_link(e) if e in links else _submission(e, unpacked))]
    if not found:
        raise GradeError(f"there is no .py, .ipynb, .zip or folder in {', '.join(map(str, paths))}")
    return _with_pages(_told_apart(found))


def find_submission(path: Path, unpacked: Path) -> Submission:
    """The one program that a file, an archive or a whole folder is. Raises GradeError where there is none."""
    found = _submission(path, unpacked) if path.exists() else None
    if found is None:
        raise GradeError(f"there is no .py, .ipynb, .zip or folder {path}")
    (submission,) = _with_pages(_told_apart([found]))
    return submission


def _ignored(path: Path) -> bool:
    return path.name.startswith(".") or path.name in IGNORED


def _of_link(entry: Path) -> Submission | None:
    """A link, which may lead anywhere and is not followed; None where it leads to what is no one's program."""
    if not entry.is_dir() and entry.suffix.lower() not in ("", ".zip", *PROGRAMS):
        return None
    return Submission(entry.stem, "", entry.parent, (), None, f"{entry.name} is a link: put the file itself there")


def _submission(entry: Path, unpacked: Path) -> Submission | None:
    """What one entry of a class's folder holds; None where it is no one's program."""
    stem = entry.name if entry.is_dir() else entry.stem
    suffix = entry.suffix.lower()
    try:
        if entry.is_file() and suffix in PROGRAMS:
            file = Path(entry.name)
            return Submission(stem, "", entry.parent, tuple(_within_size(entry.parent, [entry])), file)
        if entry.is_dir():
            return _of_folder(stem, entry, unpacked)
        return _of_folder(stem, _unzip(entry, unpacked), unpacked) if suffix == ".zip" else None
    except (GradeError, OSError) as error:
        return Submission(stem, "", entry.parent, (), None, str(error))


def _of_folder(name: str, folder: Path, unpacked: Path, innermost: bool = False) -> Submission:
    """The program in a folder, or in the one archive that lies there instead; not in an archive of that."""
    files = sorted(_within_size(folder, _walk(folder)))
    if not _programs(files):
        archives = [f for f in files if f.suffix.lower() == ".zip"]
        if len(archives) == 1 and not innermost:
            return _of_folder(name, _unzip(folder / archives[0], unpacked), unpacked, innermost=True)
        return Submission(name, "", folder, (), None, "there is no .py or .ipynb in it")
    return Submission(name, "", folder, tuple(files), _main(folder, _programs(files)))


def _within_size(folder: Path, files: Iterable[Path]) -> Iterator[Path]:
    """The files as paths below the folder; raises GradeError where they are more or larger than one hands in."""
    size = 0
    for count, path in enumerate(files, 1):
        size += path.stat().st_size
        if size > LARGEST or count > MOST_FILES:
            raise GradeError(f"it has more than {MOST_FILES} files or {LARGEST // 1_000_000} MB: hand in the program")
        yield path.relative_to(folder)


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if not _ignored(path) and not path.is_symlink():
            if path.is_dir():
                yield from _walk(path)
            elif path.is_file():
                yield path


def _programs(files: Iterable[Path]) -> list[Path]:
    return [f for f in files if f.suffix.lower() in PROGRAMS]


def _main(folder: Path, programs: Sequence[Path]) -> Path:
    """The program that the others are parts of: imported by none, and with most about gradients in it."""
    texts = {path: _text(folder / path) for path in programs}
    names = (name for text in texts.values() for name in honesty.imported_names(honesty.tree_of(text)))
    imported = {part for name in names for part in name.split(".")}

    def rank(path: Path) -> tuple[bool, int, int]:
        text = texts[path]
        about = len(re.findall(r"def \w*(?:back|grad)|\bd[WwbZz]_?\d", text))
        return path.stem not in imported, about, len(text)

    return max(programs, key=rank)


def _text(path: Path) -> str:
    try:
        return read(path).text
    except SourceError:
        return ""


def _unzip(archive: Path, unpacked: Path, most: int = LARGEST) -> Path:
    """A new folder below `unpacked` with what is in an archive; zipfile keeps it from leaving the folder."""
    folder = Path(tempfile.mkdtemp(dir=unpacked))
    try:
        with zipfile.ZipFile(archive) as packed:
            members = [m for m in packed.infolist() if not m.is_dir()]
            if sum(m.file_size for m in members) > most:
                raise GradeError(f"{archive.name} is larger than {most // 1_000_000} MB unpacked")
            packed.extractall(folder, members)
    except GradeError:
        raise
    except Exception as error:  # zipfile raises what it likes on damaged archives
        raise GradeError(f"{archive.name} can't be unpacked: {reason(error)}") from None
    return folder


def _told_apart(found: Sequence[Submission]) -> list[Submission]:
    """The learners' names alone, where these differ; the files' names where a learner handed in several."""
    short = [(match["name"] if (match := EXPORTED.match(s.name)) else s.name) for s in found]
    names = [s.name for s in found]
    return [
        replace(s, name=name if short.count(name) == 1 else s.name if names.count(s.name) == 1 else s.file)
        for s, name in zip(found, short, strict=True)
    ]


def _with_pages(found: Sequence[Submission]) -> list[Submission]:
    """Each with a file name of its own for its page, on disks that know no capitals too."""
    taken = {"index"}
    paged = []
    for submission in found:
        whole = re.sub(r"[^\w.-]+", "_", submission.name).strip("._")[:LONGEST] or "submission"
        page, number = whole, 1
        while page.casefold() in taken:
            number += 1
            page = f"{whole}-{number}"
        taken.add(page.casefold())
        paged.append(replace(submission, page=page))
    return paged
