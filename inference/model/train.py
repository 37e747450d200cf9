"""Trains the fraud model that the server carries, and writes it beside this file.

    python -m venv .venv && .venv/bin/pip install -r requirements.txt && .venv/bin/python train.py

Writes `model.onnx`, its manifest `model.json`, and `golden.json`: requests with the answers that scikit-learn itself
gives, which the tests compare with the server's. The same seed and versions give the same files; `--check` says
whether they are still what this script makes, and changes nothing.

The transactions are made, not real. They follow what is published on card fraud: it is rare (3.6 % here, more than in
life), and of kinds. Card testing is bursts of small charges without the card; a stolen card buys far from home with
wrong PINs before it; an account taken over spends much soon after the password changed. The kinds overlap with what
honest people do, so that no model can be perfect, and the scores on data held back are printed.
"""

import argparse
import hashlib
import json
import pathlib
import sys

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import train_test_split

SEED = 20_261_125
VERSION = "1"
FEATURES = [
    "amount",
    "hour",
    "distance_from_home_km",
    "account_age_days",
    "transactions_last_hour",
    "amount_to_average",
    "merchant_risk",
    "card_present",
    "foreign_country",
    "failed_pins_last_day",
    "days_since_password_changed",
]
KINDS = ["genuine", "card-testing", "stolen-card", "account-takeover"]
SHARES = [0.964, 0.011, 0.013, 0.012]
HERE = pathlib.Path(__file__).resolve().parent


def transactions(count, random):
    """`count` card transactions and what each was, an index into KINDS."""
    kind = random.choice(len(KINDS), size=count, p=SHARES)
    testing, stolen, takeover = kind == 1, kind == 2, kind == 3
    one_of = lambda share: random.random(count) < share  # noqa: E731

    amount = random.lognormal(3.4, 1.1, count)
    amount = np.where(testing, random.lognormal(0.3, 0.7, count), amount)
    amount = np.where(stolen, random.lognormal(4.9, 0.8, count), amount)
    amount = np.where(takeover, random.lognormal(5.6, 0.9, count), amount)
    average = np.maximum(random.lognormal(3.5, 0.5, count), 1.0)
    hour = np.floor(np.clip(random.normal(14, 5, count), 0, 23.99))
    hour = np.where((testing | takeover) & one_of(0.6), random.integers(0, 6, count), hour)
    distance = random.exponential(12, count) * np.where(one_of(0.04) | (stolen & one_of(0.55)), 40, 1)
    age = np.where(testing & one_of(0.5), random.exponential(60, count), random.exponential(900, count))
    burst = random.poisson(0.35, count) + np.where(one_of(0.015), random.integers(3, 12, count), 0)
    burst = burst + np.where(testing, random.poisson(6, count), np.where(stolen, random.poisson(1.5, count), 0))
    risk = np.where(testing | takeover, random.beta(3, 4, count), random.beta(1.6, 6, count))
    present = np.where(stolen, one_of(0.8), np.where(testing | takeover, one_of(0.04), one_of(0.68)))
    foreign = one_of(np.where(distance > 200, 0.5, 0.02))
    pins = random.poisson(0.05, count) + np.where(one_of(0.01) | (stolen & one_of(0.45)), random.integers(1, 5, count), 0)
    changed = np.where(takeover & one_of(0.75), random.exponential(2, count), random.exponential(400, count))
    rows = np.column_stack(
        [amount, hour, distance, age, burst, amount / average, risk, present, foreign, pins, changed]
    )
    # The server reads 32-bit numbers: the model learns from what it will be asked.
    return rows.astype(np.float32), kind.astype(np.int64)


def train(rows, kinds):
    model = GradientBoostingClassifier(
        n_estimators=25, max_depth=3, learning_rate=0.2, subsample=0.8, min_samples_leaf=40, random_state=SEED
    )
    return model.fit(rows, kinds)


def export(model):
    """The model as ONNX: a single TreeEnsembleClassifier, without the ZipMap that the server does not read."""
    graph = to_onnx(
        model,
        initial_types=[("features", FloatTensorType([None, len(FEATURES)]))],
        options={id(model): {"zipmap": False}},
        target_opset={"": 17, "ai.onnx.ml": 3},
    )
    return graph.SerializeToString(deterministic=True)


def manifest(onnx):
    return {
        "name": "fraud",
        "version": VERSION,
        "file": "model.onnx",
        "sha256": hashlib.sha256(onnx).hexdigest(),
        "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, len(FEATURES)], "columns": FEATURES}],
        "golden": "golden.json",
        "outputs": [
            {"name": "label", "datatype": "INT64", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, len(KINDS)], "columns": KINDS},
        ],
    }


def golden(model, rows, kinds):
    """Requests of one row of each kind, of many, and of rows at the edge, with scikit-learn's answers."""
    edges = np.zeros((3, len(FEATURES)), dtype=np.float32)
    edges[1, :] = 1e6
    edges[2, :] = -1
    cases = {f"one-{name}": rows[kinds == kind][:1] for kind, name in enumerate(KINDS)}
    cases["a-batch"] = np.vstack([rows[:20], rows[kinds != 0][:20]])
    cases["the-edges"] = edges
    return [
        {
            "name": name,
            "inputs": {"features": [[float(x) for x in row] for row in case]},
            "outputs": {
                "label": [int(x) for x in model.predict(case)],
                "probabilities": [[float(x) for x in row] for row in model.predict_proba(case)],
            },
        }
        for name, case in cases.items()
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the files that are there, write nothing")
    arguments = parser.parse_args()

    rows, kinds = transactions(60_000, np.random.default_rng(SEED))
    learn, held_back, learn_kinds, held_back_kinds = train_test_split(
        rows, kinds, test_size=0.25, random_state=SEED, stratify=kinds
    )
    model = train(learn, learn_kinds)
    probabilities = model.predict_proba(held_back)
    print(f"on {len(held_back)} rows held back:")
    for kind, name in enumerate(KINDS):
        truth = held_back_kinds == kind
        precision = average_precision_score(truth, probabilities[:, kind])
        print(f"  {name:17} {truth.mean():6.2%} of rows, average precision {precision:.3f}")
    print(f"  {'any fraud':17} ROC AUC {roc_auc_score(held_back_kinds != 0, 1 - probabilities[:, 0]):.3f}")

    onnx = export(model)
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    _, exported = session.run(None, {"features": held_back})
    worst = np.abs(exported - probabilities).max()
    print(f"{len(onnx)} bytes; ONNX Runtime differs from scikit-learn by at most {worst:.1e}")
    if worst > 1e-5:
        sys.exit("the exported model does not answer as the trained one does")

    files = {
        "model.onnx": onnx,
        "model.json": (json.dumps(manifest(onnx), indent=2) + "\n").encode(),
        "golden.json": (json.dumps(golden(model, held_back, held_back_kinds)) + "\n").encode(),
    }
    changed = [name for name, text in files.items() if not (HERE / name).exists() or (HERE / name).read_bytes() != text]
    if arguments.check:
        if changed:
            sys.exit(f"no longer what this script makes: {', '.join(changed)}")
        print("the files are what this script makes")
        return
    for name in changed:
        (HERE / name).write_bytes(files[name])
    print(f"written: {', '.join(changed) or 'nothing, all is as it was'}")


if __name__ == "__main__":
    main()
