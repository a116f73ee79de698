"""Pictures in folders, and what the folders' names say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinygrad_mnist import data


def test_the_pictures_in_a_folder_come_in_order_and_what_else_is_there_is_passed_over(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPEG", "notes.txt", ".hidden.png", "below/c.webp", "below/__MACOSX/d.png", "below/e.avif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "round").symlink_to(tmp_path)
    found = [path.relative_to(tmp_path).as_posix() for path in data.pictures_in(tmp_path)]
    assert found == ["a.JPEG", "b.png", "below/c.webp", "below/e.avif"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(data.DataError, match="empty: no picture is in it"):
        data.pictures_in(tmp_path / "empty")


@pytest.mark.parametrize(
    ("names", "digits"),
    [
        (["d/0/a.png", "d/0/b.png", "d/7/a.png"], [0, 0, 7]),
        (["d/7/a.png", "d/7/b.png"], [None, None]),  # one folder may be called so by chance
        (["d/7/a.png", "d/12/a.png"], [None, None]),
        (["d/7/a.png", "d/seven/a.png"], [None, None]),
        (["d/1/a.png", "e/2/a.png", "3.png"], [None, None, None]),
        (["1/a.png", "2/a.png"], [1, 2]),
    ],
)
def test_folders_that_are_called_by_digits_tell_what_is_expected(names: list[str], digits: list[int | None]) -> None:
    assert data.digits_of_folders([Path(name) for name in names]) == digits
