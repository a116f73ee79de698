"""Tables do what pandas' do, whatever is asked of them in a program that loads digits."""

import copy

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist.grading.standins.packages.learning import shuffle
from tinygrad_mnist.grading.standins.packages.tables.frames import Frame, Series, concat


def people():
    return Frame({"name": ["Ann", "Bo", "Cy"], "age": [30, 10, 20], "height": [1.5, 1.8, 1.7]})


def test_each_column_keeps_a_type_of_its_own():
    table = people()
    table["tall"] = table["height"] > 1.6
    assert [table[name].dtype.kind for name in table] == ["U", "i", "f", "b"]
    beside = concat([table.drop(columns="age"), table.rename(columns={"age": "years"})[["years"]]], axis=1)
    assert [beside[name].dtype.kind for name in beside] == ["U", "f", "b", "i"]
    table.loc[table["age"] > 15, "age"] = 0.5
    assert table["age"].tolist() == [0.5, 10, 0.5]


CHANGES = {
    "drop": {"columns": ["age"]}, "rename": {"columns": {"age": "years"}}, "set_index": {"name": "name"},
    "sort_values": {"by": "age"}, "reset_index": {"drop": True},
}  # fmt: skip


@each(("change", "options"), CHANGES.items())
def test_a_change_in_place_is_the_one_that_another_table_shows(change, options):
    table = people().iloc[1:]
    other = getattr(copy.copy(table), change)(**options)
    assert getattr(table, change)(**options, inplace=True) is None
    assert (list(table), table.index.tolist(), table.values.tolist()) == (
        list(other), other.index.tolist(), other.values.tolist(),
    )  # fmt: skip


def test_places_are_counted_and_labels_are_found_with_their_ends():
    table = people().set_index("name")
    assert table.iloc[0:1].index.tolist() == ["Ann"]
    assert table.loc["Ann":"Bo", "age"].tolist() == [30, 10]
    assert table.at["Cy", "age"] == table.iat[2, 0] == 20
    with pytest.raises(KeyError, match="Di"):
        table.loc["Di"]


def test_a_part_with_numbers_alone_is_an_array_of_numbers():
    table = people()
    table["name"] = table["name"].map({"Ann": 0, "Bo": 1, "Cy": 2})
    assert np.asarray(table.iloc[:, 0:2]).dtype.kind == "f"
    assert people().iloc[:2, 1:].values.dtype.kind == "f"


def test_a_row_is_put_at_the_end_by_a_label_that_is_none_yet():
    table = Frame(columns=["epoch", "outputs"])
    for epoch in range(3):
        table.loc[epoch] = [epoch, np.ones(2) * epoch]
    assert table["epoch"].tolist() == [0, 1, 2]
    assert table.iloc[-1]["outputs"].tolist() == [2, 2]
    people_and_di = people()
    people_and_di.loc["Di"] = ["Di", 40, 1.6]
    assert people_and_di["age"].sum() == 100


def test_a_column_is_taken_from_each_column_beside_it():
    table = Frame(np.arange(6.0).reshape(3, 2))
    np.testing.assert_array_equal((table - Series([0, 2, 4])).values, [[0, 1]] * 3)
    np.testing.assert_array_equal((table - table.mean()).mean().values, [0, 0])


def test_what_is_dropped_leaves_the_others_as_they_were():
    left = Series([1, 2, 3], index=[5, 6, 7], name="a").drop(6)
    assert (left.tolist(), list(left.index), left.name) == ([1, 3], [5, 7], "a")


def test_a_shuffle_is_that_of_its_seed():
    orders = [shuffle(np.arange(20), random_state=seed).tolist() for seed in (1, 2, 1)]
    assert orders[0] == orders[2] != orders[1]
