"""What a study is about; it lies in the study, and all processes that share it have the same."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tinygrad_mnist import records
from tinygrad_mnist.sweeps.errors import SweepError
from tinygrad_mnist.training import Recipe

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import BaseStorage

STUDY = "tinygrad-mnist sweep"
WINNER = f"{STUDY}: the winner"
SAMPLERS = ("tpe", "random", "grid")
_KEPT = "settings"


@dataclass(frozen=True)
class Settings:
    """The recipe around which the space is searched, and how. source: the data, as `data.load` takes them."""

    recipe: Recipe
    space: dict[str, str]
    trials: int
    sampler: str
    seed: int
    source: str
    seeds: int

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return values


def agreed(storage: BaseStorage, asked: Settings | None, place: str) -> Settings:
    """What the study at the place is about; a new one is about what is asked.

    Raises SweepError where it is about something else, or about nothing yet.
    """
    import optuna

    study = optuna.create_study(storage=storage, study_name=STUDY, direction="maximize", load_if_exists=True)
    if _KEPT not in study.user_attrs:
        if asked is None:
            raise SweepError(f"{place}: the study there has no trial yet; give --space")
        study.set_user_attr(_KEPT, asked.as_dict())
    kept = _read(study, place)
    if asked:
        _check_same(kept.as_dict(), asked.as_dict(), place)
    return kept


def _read(study: Study, place: str) -> Settings:
    try:
        return records.made(Settings, study.user_attrs[_KEPT], _KEPT)
    except records.RecordError as error:
        raise SweepError(f"{place}: another program wrote its study ({error}); give another --storage") from None


def _check_same(kept: dict[str, Any], asked: dict[str, Any], place: str) -> None:
    kept, asked = ({**of.pop("recipe"), **of} for of in (kept, asked))
    for name, value in asked.items():
        if value != kept[name]:
            raise SweepError(
                f"{place}: the study there has {name.replace('_', '-')} {kept[name]}, not {value}: leave that out, or "
                "give another --storage or --out"
            )
