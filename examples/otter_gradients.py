"""A test for otter-grader: copy it to tests/gradients.py beside the notebook, in which `gradients` is to be written.

A point for each gradient; the last case has none, and says in words which term is wrong and why. What stands at the end
shows that it runs, and is not needed there.
"""

OK_FORMAT = True


def case(code, points):
    return {"code": code, "hidden": False, "locked": False, "points": points}


RIGHT = """>>> from tinygrad_mnist import grade
>>> any(p.name == "{name}" and p.right for p in grade(gradients).parameters)
True"""

WORDS = """>>> from tinygrad_mnist.grading import assert_gradients
>>> assert_gradients(gradients)"""

test = {
    "name": "gradients",
    "points": None,
    "suites": [
        {
            "type": "doctest",
            "scored": True,
            "setup": "",
            "teardown": "",
            "cases": [*(case(RIGHT.format(name=name), 1) for name in ("dW1", "db1", "dW2", "db2")), case(WORDS, 0)],
        }
    ],
}


if __name__ == "__main__":
    import doctest

    import numpy as np

    def softmax(z):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def right(X, Y, W1, b1, W2, b2):
        a1 = np.maximum(X @ W1.T + b1, 0)
        d2 = (softmax(a1 @ W2.T + b2) - Y) / len(X)
        d1 = (d2 @ W2) * (a1 > 0)
        return d1.T @ X, d1.sum(axis=0), d2.T @ a1, d2.sum(axis=0)

    def wrong(X, Y, *parameters):
        dW1, db1, dW2, db2 = right(X, Y, *parameters)
        return dW1, db1, dW2, -db2

    def points(gradients):
        """As otter-grader counts them: a case's points where all of its lines give what they say."""
        total = 0
        for number, each in enumerate(test["suites"][0]["cases"]):
            lines = doctest.DocTestParser().get_doctest(each["code"], {"gradients": gradients}, str(number), None, 0)
            failed, _ = doctest.DocTestRunner(verbose=False).run(lines, out=lambda text: None)
            total += 0 if failed else each["points"]
        return total

    print(f"right: {points(right)} of 4 points; with a sign turned: {points(wrong)}")
    assert (points(right), points(wrong)) == (4, 3)
