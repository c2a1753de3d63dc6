"""The other libraries' side of `make bench-models`.

    peer.py DIR

writes DIR/synth100k.csv and its folds, and prints its versions as one line of JSON. Then it reads requests from stdin,
each a line of JSON, and prints one line for each. A request fits a peer on folds of DIR/<data>.csv. The program runs
until stdin ends, so no timed part includes the start of Python.
"""
import csv
import json
import pathlib
import platform
import sys
import time
import warnings

import lightgbm
import numpy as np
import sklearn
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

SEED = 42

# Peers without a number of threads take it from threadpool_limits. Networks and neighbours get standardised features,
# because Iris standardises too.
PEERS = {
    "LogisticRegression": lambda threads: make_pipeline(StandardScaler(), LogisticRegression()),
    "DecisionTreeClassifier": lambda threads: DecisionTreeClassifier(random_state=SEED),
    "RandomForestClassifier": lambda threads: RandomForestClassifier(100, random_state=SEED, n_jobs=threads),
    "HistGradientBoostingClassifier": lambda threads: HistGradientBoostingClassifier(random_state=SEED),
    "LightGBM": lambda threads: lightgbm.LGBMClassifier(random_state=SEED, num_threads=threads, verbose=-1),
    "GaussianNB": lambda threads: GaussianNB(),
    "KNeighborsClassifier": lambda threads: make_pipeline(StandardScaler(), KNeighborsClassifier(n_jobs=threads)),
    "MLPClassifier": lambda threads: make_pipeline(StandardScaler(), MLPClassifier(random_state=SEED)),
    "MLPClassifier, 20 epochs": lambda threads: make_pipeline(
        StandardScaler(), MLPClassifier(random_state=SEED, max_iter=20)),
    "MLPClassifier, 10-7-5, 700 epochs": lambda threads: make_pipeline(
        StandardScaler(), MLPClassifier((10, 7, 5), random_state=SEED, max_iter=700)),
}


def generate(directory):
    x, y = make_classification(100000, 20, n_informative=10, n_classes=3, random_state=SEED)
    with open(directory / "synth100k.csv", "w", newline="") as file:
        out = csv.writer(file)
        out.writerow([f"f{i}" for i in range(x.shape[1])] + ["label"])
        out.writerows(row + [f"c{label}"] for row, label in zip(x.tolist(), y))
    folds = np.empty(len(y), int)
    for fold, (_, test) in enumerate(StratifiedKFold(5, shuffle=True, random_state=SEED).split(x, y)):
        folds[test] = fold
    with open(directory / "synth100k_folds.csv", "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["row", "fold"])
        out.writerows(enumerate(folds.tolist()))


def load(directory, name):
    with open(directory / f"{name}.csv", newline="") as file:
        rows = list(csv.reader(file))[1:]
    x = np.array([row[:-1] for row in rows], float)
    _, y = np.unique([row[-1] for row in rows], return_inverse=True)
    folds = np.empty(len(y), int)
    with open(directory / f"{name}_folds.csv", newline="") as file:
        for row, fold in list(csv.reader(file))[1:]:
            folds[int(row)] = int(fold)
    return x, y, folds


def fit(data, request):
    x, y, folds = data
    answer = {"seconds": [], "accuracy": [], "log_loss": []}
    for fold in request["folds"]:
        train, test = folds != fold, folds == fold
        train_x, train_y, test_x, test_y = x[train], y[train], x[test], y[test]
        classifier = PEERS[request["peer"]](request["threads"])
        start = time.perf_counter()
        classifier.fit(train_x, train_y)
        answer["seconds"].append(time.perf_counter() - start)
        if request["score"]:
            p = classifier.predict_proba(test_x)
            actual = p[np.arange(len(test_y)), test_y]
            answer["accuracy"].append(float(np.mean(p.argmax(axis=1) == test_y)))
            answer["log_loss"].append(float(np.mean(-np.log(np.maximum(actual, 1e-15)))))
    return answer


def main():
    warnings.filterwarnings("ignore")  # about fits that stop before they converge, as some here do on purpose
    directory = pathlib.Path(sys.argv[1])
    generate(directory)
    versions = {"Python": platform.python_version(), "scikit-learn": sklearn.__version__,
                "LightGBM": lightgbm.__version__, "NumPy": np.__version__}
    print(json.dumps(versions), flush=True)
    loaded = {}
    for line in sys.stdin:
        request = json.loads(line)
        if request["data"] not in loaded:
            loaded[request["data"]] = load(directory, request["data"])
        with threadpool_limits(request["threads"]):
            answer = fit(loaded[request["data"]], request)
        print(json.dumps(answer), flush=True)


main()
