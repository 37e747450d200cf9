"""Makes tree ensembles of every kind and asks ONNX Runtime for their answers: `trees.json`, which `trees.rs` reads.

    python3 -m venv .venv && .venv/bin/pip install -r ../model/requirements.txt && .venv/bin/python trees.py

Some ensembles are exported from scikit-learn. The others are drawn at random, because no trainer writes every attribute
that the operators have. Rows hold the thresholds themselves, where `<` and `<=` differ. The same seed and versions give
the same file. Each case has the ONNX file in hexadecimal digits, its manifest, and the answers as golden ones.
"""

import hashlib
import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier

FILE = pathlib.Path(__file__).resolve().with_suffix(".json")
FEATURES = 5
MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


def exported(estimator, rows, truth):
    estimator.fit(rows, truth)
    options = {id(estimator): {"zipmap": False}} if hasattr(estimator, "predict_proba") else None
    return to_onnx(estimator, initial_types=[("features", FloatTensorType([None, FEATURES]))], options=options,
                   target_opset={"": 17, "ai.onnx.ml": 3})


def drawn(random, kind, modes, outputs, *, trees=2, depth=2, scores=None, labels=None, positive=False, base=None,
          **attributes):
    """An ensemble drawn at random. `scores` are the outputs that leaves give something to; all of them by default."""
    scores = list(range(outputs)) if scores is None else scores
    nodes = {name: [] for name in ["treeids", "nodeids", "featureids", "values", "modes", "truenodeids",
                                   "falsenodeids", "missing_value_tracks_true"]}
    leaves = {name: [] for name in ["treeids", "nodeids", "ids", "weights"]}
    for tree in range(trees):
        count = 2 ** (depth + 1) - 1
        # Numbered in an order that has nothing to do with the shape of the tree.
        names = [0, *(1 + random.permutation(count - 1))]
        for index in range(count):
            branch = index < 2**depth - 1
            nodes["treeids"].append(tree)
            nodes["nodeids"].append(int(names[index]))
            nodes["featureids"].append(int(random.integers(FEATURES)) if branch else 0)
            nodes["values"].append(float(random.integers(-3, 4)) if branch else 0.0)
            nodes["modes"].append(str(random.choice(modes)) if branch else "LEAF")
            nodes["truenodeids"].append(int(names[2 * index + 1]) if branch else 0)
            nodes["falsenodeids"].append(int(names[2 * index + 2]) if branch else 0)
            nodes["missing_value_tracks_true"].append(int(random.integers(2)) if branch else 0)
            if not branch:
                for score in scores:
                    weight = random.normal(0, 1)
                    leaves["treeids"].append(tree)
                    leaves["nodeids"].append(int(names[index]))
                    leaves["ids"].append(score)
                    leaves["weights"].append(float(np.float32(abs(weight) / trees if positive else weight)))
    prefix = "class" if kind == "TreeEnsembleClassifier" else "target"
    given = {f"nodes_{name}": values for name, values in nodes.items()}
    given |= {f"{prefix}_{name}": values for name, values in leaves.items()}
    given |= attributes
    if base is not None:
        given["base_values"] = base
    names = ["scores"]
    outputs_of_graph = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, outputs])]
    if prefix == "class":
        labels = list(range(outputs)) if labels is None else labels
        text = isinstance(labels[0], str)
        given["classlabels_strings" if text else "classlabels_int64s"] = labels
        names.insert(0, "label")
        outputs_of_graph.insert(0, helper.make_tensor_value_info(
            "label", TensorProto.STRING if text else TensorProto.INT64, [None]))
    else:
        given["n_targets"] = outputs
    graph = helper.make_graph(
        [helper.make_node(kind, ["features"], names, domain="ai.onnx.ml", **given)], "drawn",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, FEATURES])], outputs_of_graph)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)],
                             ir_version=8)


def rows(random):
    """Rows between the thresholds, on them, and far from them."""
    return np.vstack([random.normal(0, 2, (8, FEATURES)).round(2), random.integers(-3, 4, (16, FEATURES)),
                      np.full((1, FEATURES), 1e9), np.full((1, FEATURES), -1e9)]).astype(np.float32)


TYPES = {np.dtype("float32"): "FP32", np.dtype("int64"): "INT64", np.dtype("object"): "BYTES"}


def short(values):
    """Lists with as many digits as 32 bits have."""
    if values.dtype != np.float32:
        return values.tolist()
    return np.vectorize(lambda value: float(np.format_float_scientific(value)), otypes=[object])(values).tolist()


def case(name, model, asked):
    onnx.checker.check_model(model)
    binary = model.SerializeToString(deterministic=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(binary, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    answers = session.run(names, {"features": asked})
    return {
        "manifest": {
            "name": name, "version": "1", "sha256": hashlib.sha256(binary).hexdigest(),
            "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, FEATURES]}],
            "outputs": [{"name": output, "datatype": TYPES[answer.dtype], "shape": [-1, *answer.shape[1:]]}
                        for output, answer in zip(names, answers)],
        },
        "onnx": binary.hex(),
        "golden": [{"name": "onnx-runtime", "inputs": {"features": short(asked)},
                    "outputs": {output: short(answer) for output, answer in zip(names, answers)}}],
    }


def cases():
    random = np.random.default_rng(20_261_126)
    made = make_classification(400, FEATURES, n_informative=4, n_redundant=0, n_classes=3, n_clusters_per_class=1,
                               random_state=1)
    learn, three = made[0].astype(np.float32), made[1]
    two, words = (three == 1).astype(np.int64), np.array(["low", "middle", "high"])[three]
    continuous = make_regression(400, FEATURES, n_targets=2, random_state=1)[1].astype(np.float32)
    asked = np.vstack([learn[:12].round(2), rows(random)]).astype(np.float32)
    small = {"n_estimators": 4, "max_depth": 3, "random_state": 1}
    for name, estimator, truth in [
        ("sklearn-boosting-two-classes", GradientBoostingClassifier(**small), two),
        ("sklearn-boosting-words", GradientBoostingClassifier(**small), words),
        ("sklearn-forest-two-classes", RandomForestClassifier(**small), two),
        ("sklearn-forest-three-classes", RandomForestClassifier(**small), three),
        ("sklearn-tree", DecisionTreeClassifier(max_depth=4, random_state=1), three),
        ("sklearn-boosting-number", GradientBoostingRegressor(**small), continuous[:, 0]),
        ("sklearn-forest-numbers", RandomForestRegressor(**small), continuous),
    ]:
        yield case(name, exported(estimator, learn, truth), asked)

    asked = rows(random)
    classifier, regressor = "TreeEnsembleClassifier", "TreeEnsembleRegressor"
    for mode in MODES:
        yield case(f"mode-{mode.removeprefix('BRANCH_').lower()}", drawn(random, regressor, [mode], 1), asked)
    for aggregate in ["SUM", "AVERAGE", "MIN", "MAX"]:
        for outputs in [1, 3]:
            base = [0.5 * (index + 1) for index in range(outputs)]
            yield case(f"{aggregate.lower()}-{outputs}",
                       drawn(random, regressor, MODES, outputs, aggregate_function=aggregate, base=base), asked)
    for transform in ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"]:
        word = transform.lower().replace("_", "-")
        for name, kind, outputs, options in [
            (f"number-{word}", regressor, 1, {}),
            (f"numbers-{word}", regressor, 2, {}),
            (f"three-{word}", classifier, 3, {}),
            (f"three-base-{word}", classifier, 3, {"base": [0.1, -0.2, 0.3]}),
            (f"three-one-unused-{word}", classifier, 3, {"scores": [0, 2]}),
        ]:
            yield case(name, drawn(random, kind, MODES, outputs, post_transform=transform, **options), asked)
        for positive in [False, True]:
            for scores in [[0], [1], [0, 1]]:
                for base in [None, [0.25], [0.25, 0.25]]:
                    if transform.startswith("SOFTMAX") and (scores == [1] or base is not None):
                        continue
                    which = "-".join(map(str, scores))
                    name = f"two-{which}-{'positive' if positive else 'mixed'}-{len(base or [])}-base-{word}"
                    yield case(name, drawn(random, classifier, MODES, 2, scores=scores, positive=positive, base=base,
                                           post_transform=transform), asked)
    yield case("labels-words", drawn(random, classifier, MODES, 2, scores=[0], labels=["no", "yes"]), asked)
    # With weights for both of two classes ONNX Runtime answers 0 and 1 whatever they are called; the server does not.
    yield case("labels-two", drawn(random, classifier, MODES, 2, scores=[0], labels=[10, 20]), asked)
    yield case("labels-far", drawn(random, classifier, MODES, 3, labels=[70, -5, 12]), asked)


def main():
    text = "[\n" + ",\n".join(json.dumps(one) for one in cases()) + "\n]\n"
    if "--check" in sys.argv[1:]:
        if FILE.read_text() != text:
            sys.exit(f"{FILE.name} is no longer what this script makes")
        return
    FILE.write_text(text)
    print(f"{text.count(chr(10)) - 2} ensembles, {len(text)} bytes")


if __name__ == "__main__":
    main()
