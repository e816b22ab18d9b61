"""Files and samples -> problems: the laws are hand-counted fractions, and each bad file has one clear error."""

import pickle
import sys
from fractions import Fraction as F

import numpy as np
import pytest

import maskguide as mg
from maskguide import _checks
from maskguide.problems import samples
from maskguide.problems.data import problem_from_samples

CSV = """size,smoker,rooms,age,class
small,true,1,1.5,b
large,false,3,2.5,a
large,true,1,3.5,a
medium,false,20,4.5,b
"""


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="people.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


def fails(match, *args, **kwargs):
    with pytest.raises(mg.InputError, match=match) as caught:
        mg.read_problem(*args, **kwargs)
    assert len(str(caught.value).splitlines()) == 3
    return str(caught.value)


# Samples -> laws ---------------------------------------------------------------------------------------


def test_tokens_of_each_type_are_sorted_and_counted_exactly(write):
    problem = mg.read_problem(write(CSV), label="class", bins=2)
    assert problem.coordinate_names == ("size", "smoker", "rooms", "age")
    assert problem.token_names == (
        ("large", "medium", "small"),
        ("false", "true"),
        ("1", "3", "20"),  # by value, not as text
        ("<3.5", "≥3.5"),
    )
    assert (problem.num_classes, problem.vocab_size, problem.length) == (2, 3, 4)
    expected = np.zeros((3, 3, 3, 3), dtype=object)
    expected[0, 0, 1, 0] = expected[0, 1, 0, 1] = F(1, 2)
    assert (problem.exact_class_laws[0] == expected).all()
    assert problem.class_names == ("a", "b") and problem.target == 0
    assert problem.name == "people" and "people.csv" in problem.source


def test_columns_order_the_coordinates_and_target_is_a_class_of_the_file(write):
    problem = mg.read_problem(write(CSV), "b", label="class", columns=["rooms", "size"])
    assert problem.coordinate_names == ("rooms", "size")
    assert problem.class_names[problem.target] == "b"
    assert problem.exact_class_laws[1][0, 2] == problem.exact_class_laws[1][2, 1] == F(1, 2)


@pytest.mark.parametrize("target", [10, "10", np.int64(10)])
def test_an_integer_class_is_named_by_number_or_text(write, target):
    path = write("x,k\na,2\nb,10\na,2\n")
    problem = mg.read_problem(path, target, label="k")
    assert problem.class_names == ("2", "10") and problem.target == 1
    assert problem.exact_prior.tolist() == [F(2, 3), F(1, 3)]


@pytest.mark.parametrize("target", [True, "true"])
def test_a_boolean_class(write, target):
    assert mg.read_problem(write("x,k\na,True\nb,false\n"), target, label="k").target == 1


def test_a_given_prior_replaces_the_frequencies(write):
    problem = mg.read_problem(write(CSV), label="class", columns="size", prior=[F(1, 5), F(4, 5)])
    assert problem.exact_prior.tolist() == [F(1, 5), F(4, 5)]


def test_smoothing_reaches_combinations_of_tokens_that_occur_and_no_padding():
    features = {"a": ["x", "y", "y"], "b": [1, 2, 3]}
    problem = problem_from_samples(features, [0, 0, 1], smoothing=0.5)
    # six combinations of occurring tokens, each + 1/2; the third token of "a" is padding
    first = [[F(3, 10), F(1, 10), F(1, 10)], [F(1, 10), F(3, 10), F(1, 10)], [0, 0, 0]]
    assert problem.exact_class_laws[0].tolist() == first
    assert problem_from_samples(features, [0, 0, 1]).exact_class_laws[0][1, 0] == 0


def test_smoothing_skips_bins_without_samples():
    problem = problem_from_samples({"a": [0.5, 2.5]}, ["k", "k"], bins=[1.0, 2.0], smoothing=1)
    assert problem.token_names == (("<1", "1–2", "≥2"),)
    assert problem.exact_class_laws[0].tolist() == [F(1, 2), 0, F(1, 2)]


@pytest.mark.parametrize(("count", "sizes"), [(2, [5, 5]), (3, [3, 3, 4]), (4, [2, 3, 2, 3]), (10, [1] * 10)])
def test_equal_frequency_bins(count, sizes):
    values = np.random.default_rng(0).permutation(np.linspace(-1, 3, 10))
    problem = problem_from_samples({"x": values}, ["k"] * 10, bins=count)
    assert problem.exact_class_laws[0].tolist() == [F(n, 10) for n in sizes]


def test_ties_stay_together_and_a_constant_column_is_one_token():
    assert problem_from_samples({"x": [1.0, 1, 1, 2]}, ["k"] * 4, bins=4).exact_class_laws[0].tolist() == [
        F(3, 4),
        F(1, 4),
    ]
    assert problem_from_samples({"x": [1.0, 1.0]}, ["k"] * 2, bins=4).token_names == (("all",),)


def test_edges_are_left_closed_and_apply_to_named_columns():
    features = {"x": [1.0, 2.0, 2.5], "n": [5, 6, 7]}
    problem = problem_from_samples(features, ["k"] * 3, bins={"x": [2.0], "n": [6, 7]})
    assert problem.token_names == (("<2", "≥2"), ("<6", "6–7", "≥7"))
    assert [problem.exact_class_laws[0][i] for i in [(0, 0), (1, 1), (1, 2)]] == [F(1, 3)] * 3
    assert problem_from_samples(features, ["k"] * 3, bins=[2.0]).token_names == (("<2", "≥2"), ("5", "6", "7"))


def test_close_edges_keep_distinct_names():
    problem = problem_from_samples({"x": [0.0, 1.0]}, ["k", "k"], bins=[1.00000001, 1.00000002])
    assert problem.token_names == (("<1.00000001", "1.00000001–1.00000002", "≥1.00000002"),)


def test_an_array_of_features_has_columns_x0_x1():
    problem = problem_from_samples(np.array([[0, 1], [1, 1]]), ["k", "k"])
    assert problem.coordinate_names == ("x0", "x1") and problem.token_names == (("0", "1"), ("1",))


def test_big_lattices_are_float64_with_the_same_laws(monkeypatch):
    rng = np.random.default_rng(1)
    features, labels = {"a": rng.integers(0, 3, 50), "b": rng.integers(0, 4, 50)}, rng.integers(0, 2, 50)
    exact = problem_from_samples(features, labels, smoothing=0.25)
    monkeypatch.setattr(samples, "MAX_EXACT_ENTRIES", 31)
    rounded = problem_from_samples(features, labels, smoothing=0.25)
    assert exact.exact_class_laws.dtype == object and not rounded.class_laws.dtype == object
    np.testing.assert_allclose(rounded.class_laws, exact.class_laws, rtol=1e-14)


def test_parquet_gives_the_same_problem_as_csv(write, tmp_path):
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    path = write(CSV)
    table = pyarrow.csv.read_csv(path)
    coded = table.set_column(0, "size", table["size"].dictionary_encode())
    pyarrow.parquet.write_table(coded, tmp_path / "people.parquet")
    ours, theirs = (mg.read_problem(tmp_path / f"people.{e}", "b", label="class", bins=2) for e in ("csv", "parquet"))
    assert (ours.exact_class_laws == theirs.exact_class_laws).all() and ours.token_names == theirs.token_names
    nested = pa.table({"x": [[1], [2]], "k": ["a", "b"]})
    pyarrow.parquet.write_table(nested, tmp_path / "nested.parquet")
    fails("column 'x' has type list", tmp_path / "nested.parquet", label="k")


def test_quoted_na_and_quoted_commas_are_values(write):
    problem = mg.read_problem(write('x,k\n"NA",a\n"p, q",a\n'), label="k")
    assert problem.token_names == (("NA", "p, q"),)


# npz ---------------------------------------------------------------------------------------------------


def test_npz_round_trip(tmp_path):
    path, laws = tmp_path / "stored.npz", np.array([[[0.5, 0.5], [0, 0]], [[0, 0.25], [0.25, 0.5]]])
    np.savez(
        path, class_laws=laws, prior=[0.5, 0.5], target=1, class_names=["p", "q"], coordinate_names=["a", "b"],
        token_names=[["u", "v"], ["w", ""]],
    )  # fmt: skip
    problem = mg.read_problem(path)
    np.testing.assert_array_equal(problem.class_laws, laws)
    assert (problem.target, problem.class_names, problem.name) == (1, ("p", "q"), "stored")
    assert (problem.coordinate_names, problem.token_names) == (("a", "b"), (("u", "v"), ("w",)))
    assert [mg.read_problem(path, t).target for t in (0, "0", "p", "q")] == [0, 0, 0, 1]
    assert mg.read_problem(path, prior=[0.25, 0.75]).prior.tolist() == [0.25, 0.75]


def test_npz_faults(tmp_path, write):
    path = tmp_path / "stored.npz"
    np.savez(path, class_laws=[[0.5, 0.5]])
    fails("lacks prior; it holds class_laws", path)
    np.savez(path, class_laws=[[0.5, 0.5]], prior=[1.0])
    fails("stores no target index", path)
    fails("they belong to files of samples", path, 0, label="class")
    np.savez(path, class_laws=[[0.5, 0.6]], prior=[1.0], target=0)
    fails(r"class_laws\[0\] sums to 1.1, off by \+0.1", path)
    whole = path.read_bytes()
    fails("cannot be read", write(whole[: len(whole) // 2], "cut.npz"))
    fails("cannot be read", write(b"no archive", "text.npz"))
    with open(tmp_path / "bare.npz", "wb") as file:
        np.save(file, np.ones(3))
    fails("one bare array", tmp_path / "bare.npz")


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickled object was loaded",))


def test_pickled_objects_are_never_loaded(tmp_path, write):
    np.savez(tmp_path / "objects.npz", class_laws=np.array([Bomb()], dtype=object), prior=[1.0], target=0)
    message = fails("class_laws holds pickled Python objects", tmp_path / "objects.npz")
    assert "never loaded" in message
    fails("cannot be read", write(pickle.dumps(Bomb()), "pickle.npz"))


# Bad files and arguments ---------------------------------------------------------------------------------


def test_files_that_are_no_tables(write, tmp_path):
    fails("no file", tmp_path / "none.csv", label="k")
    fails("no file", tmp_path / "none.npz")
    fails(r"one of \.csv, \.parquet, \.npz", write(CSV, "people.xlsx"), label="class")
    fails("is empty", write(""), label="k")
    fails("no rows", write("\n\n"), label="k")
    fails("no rows", write("x,k\n"), label="k")
    fails("cannot be read", write(b"\xff\xfe,k\nx,1\n"), label="k")
    fails("cannot be read", write("x,k\na,b\n", "text.parquet"), label="k")
    fails("is empty", write("", "nothing.parquet"), label="k")


def test_parquet_cut_short(tmp_path, write):
    import pyarrow as pa
    import pyarrow.parquet

    path = tmp_path / "whole.parquet"
    pyarrow.parquet.write_table(pa.table({"x": list(range(1000)), "k": ["a"] * 1000}), path)
    assert "damaged" in fails("cannot be read", write(path.read_bytes()[:-20], "cut.parquet"), label="k")


def test_ragged_rows_name_the_line(write):
    assert "line 3" in fails("has 3 fields, not 2", write("x,k\na,b\na,b,c\na,b\n"), label="k")
    assert "line 4" in fails("has 1 fields, not 2", write("x,k\na,b\na,b\na\n"), label="k")


@pytest.mark.parametrize(
    ("text", "column", "row"),
    [
        ("x,k\n1,a\n,a\n", "x", 2),
        ("x,k\nu,a\nv,a\n,b\n", "x", 3),
        ("x,k\n1.5,a\nnan,a\n", "x", 2),
        ("x,k\n1,\n2,a\n", "k", 1),
        ("x,k\n,a\n,a\n", "x", 1),
    ],
)
def test_missing_values_name_column_and_row(write, text, column, row):
    fails(f"column '{column}' misses a value in row {row} ", write(text), label="k", bins=2)


def test_missing_values_in_memory():
    for values in ([1.0, np.nan], ["a", None]):
        with pytest.raises(mg.InputError, match="misses a value in row 2"):
            problem_from_samples({"x": values}, ["k", "k"], bins=2)
    with pytest.raises(mg.InputError, match="infinite"):
        problem_from_samples({"x": [1.0, np.inf]}, ["k", "k"], bins=2)


def test_columns_and_classes_that_are_not_there(write):
    path = write(CSV)
    assert "size, smoker, rooms, age, class" in fails("label= is missing", path)
    assert "did you mean 'class'" in fails("unknown label column 'clas'", path, label="clas")
    assert "did you mean 'rooms'" in fails("unknown feature column 'room'", path, label="class", columns=["room"])
    fails("each named once", path, label="class", columns=["size", "size"])
    fails("at least one column", write("k\na\n", "short.csv"), label="k")
    assert "one of a, b" in fails("unknown target class 'c'", path, "c", label="class", columns=["size"])
    fails("names column 'x' twice", write("x,x,k\n1,2,a\n"), label="k")


def test_floats_need_bins_and_bins_need_numbers(write):
    path = write(CSV)
    fails("column 'age' holds floats", path, label="class")
    fails("column 'age' holds floats", path, label="class", bins={"rooms": 2})
    fails("column 'label' holds floats", path, label="age", columns=["size"])
    assert "did you mean 'age'" in fails("unknown column in bins 'agee'", path, label="class", bins={"agee": 2})
    fails("holds no numbers", path, label="class", bins={"age": 2, "size": 2})
    for bins in (1, True, [], [2.0, 1.0], [1.0, np.nan], "many", [[1.0]]):
        fails("bins of 'age'", path, label="class", bins=bins)


@pytest.mark.parametrize("smoothing", [-0.1, np.nan, np.inf, "much"])
def test_bad_smoothing(write, smoothing):
    fails("smoothing", write(CSV), label="class", bins=2, smoothing=smoothing)


def test_lengths_must_agree():
    with pytest.raises(mg.InputError, match="column 'x' has 2 values, the labels 3"):
        problem_from_samples({"x": [1, 2]}, ["a", "b", "c"])


def test_the_lattice_is_checked_before_it_is_allocated(monkeypatch):
    features = {f"c{i}": np.arange(30) for i in range(3)}
    monkeypatch.setattr(_checks, "LEAST_MEMORY", 0)
    monkeypatch.setattr(_checks, "available_memory", lambda: 100_000)
    with pytest.raises(mg.InputError, match=r"31\^3 = 29,791 states needs 1,191,640 bytes.*97.7 KiB") as caught:
        problem_from_samples(features, ["k"] * 30)
    assert "columns=" in str(caught.value) and "bins=" in str(caught.value)


def test_hundreds_of_columns_are_refused_in_words():
    features = {f"c{i}": np.arange(30) for i in range(5000)}
    with pytest.raises(mg.InputError, match=r"some 10\^7457 states"):
        problem_from_samples(features, ["k"] * 30)


def test_without_pyarrow_the_error_names_the_extra(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.csv", None)
    assert "pip install 'maskguide[data]'" in fails("pyarrow is not installed", write(CSV), label="class")


def test_large_tables_of_samples_stay_floats():
    names, labels = [f"u{i}" for i in range(180)], ["ab"[i % 3 > 0] for i in range(180)]
    problem = mg.problem_from_samples({"id": names, "sex": ["fm"[i % 2] for i in range(180)]}, labels)
    assert problem.class_laws.size > 50_000 and not problem.is_exact
    assert problem.prior.tolist() == pytest.approx([1 / 3, 2 / 3], rel=1e-15)
