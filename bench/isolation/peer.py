"""Answers one line of JSON for each command on standard input: the other side of the benchmark."""
import json
import sys
import time

import numpy
from sklearn.ensemble import IsolationForest

rows = None
forest = None


def seconds(do):
    start = time.perf_counter()
    out = do()
    return time.perf_counter() - start, out


def load(path, features):
    global rows
    rows = numpy.fromfile(path, dtype="<f4").reshape(-1, int(features))
    return {"rows": len(rows)}


def fit(seed):
    global forest
    forest = IsolationForest(n_estimators=100, max_samples=256, random_state=int(seed), n_jobs=1)
    took, _ = seconds(lambda: forest.fit(rows))
    return {"seconds": took}


def score():
    took, out = seconds(lambda: -forest.score_samples(rows))
    return {"seconds": took, "scores": out.tolist()}


def single(times):
    n = int(times)
    took, _ = seconds(lambda: [forest.score_samples(rows[i : i + 1]) for i in range(n)])
    return {"seconds": took / n}


def trees():
    out = []
    for tree, used in zip(forest.estimators_, forest.estimators_features_):
        t = tree.tree_
        out.append([[int(used[f]) if f >= 0 else 0, v, int(l), int(r), int(n)] for f, v, l, r, n in
                    zip(t.feature, t.threshold.tolist(), t.children_left, t.children_right, t.n_node_samples)])
    return {"trees": out}


for line in sys.stdin:
    name, *args = line.split()
    print(json.dumps({"load": load, "fit": fit, "score": score, "single": single, "trees": trees}[name](*args)), flush=True)
