"""The other libraries' side of `make bench-batch`.

    batch_peer.py MODEL IRIS_CSV

prints its versions as one line of JSON. Then it reads requests from stdin, each a line of JSON, and prints one line for
each. A request scores a CSV in an object store into another one there. The program runs until stdin ends, so no timed
part includes the start of Python or a fit. S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY name the object store.
"""
import csv
import io
import json
import os
import platform
import sys
import time

import numpy as np
import onnxruntime
import pandas as pd
import sklearn
from minio import Minio
from sklearn.ensemble import RandomForestClassifier

THREADS = 2
TREES = 100
IGNORANCE = 0.1  # Iris's forest adds this to the votes


def fit(path):
    with open(path, newline="") as file:
        rows = list(csv.reader(file))[1:]
    return RandomForestClassifier(TREES, random_state=42, n_jobs=THREADS).fit(
        np.array([row[:-1] for row in rows], float), [row[-1] for row in rows])


def sklearn_scores(forest):
    classes = forest.classes_

    def score(x):
        # The mean of pure leaves has two digits. Smoothed as in Iris, the scores have as many as the other engines'.
        p = (forest.predict_proba(x) * TREES + IGNORANCE / len(classes)) / (TREES + IGNORANCE)
        return classes[p.argmax(axis=1)], p, classes

    return score


def onnx_session(path):
    """Returns the fastest of three sessions. Threads that spin while they wait are slow when others need the core."""
    x = np.random.default_rng(42).uniform(0, 8, (20_000, 4))
    found = []
    for threads, spinning in ((1, "0"), (THREADS, "0"), (THREADS, "1")):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", spinning)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        seconds = []
        for _ in range(5):
            start = time.perf_counter()
            session.run(None, {"input": x})
            seconds.append(time.perf_counter() - start)
        found.append((sorted(seconds)[2], threads, spinning, session))
    return min(found)[3]


def onnx_scores(path):
    session = onnx_session(path)
    classes = [output.name.removeprefix("p_") for output in session.get_outputs()[1:]]

    def score(x):
        label, *p = session.run(None, {"input": x})
        return label, np.hstack(p), classes

    return score


def main():
    engines = {"scikit-learn": sklearn_scores(fit(sys.argv[2])), "onnxruntime": onnx_scores(sys.argv[1])}
    store = Minio(os.environ["S3_ENDPOINT"], os.environ["S3_ACCESS_KEY"], os.environ["S3_SECRET_KEY"], secure=False)
    versions = {"Python": platform.python_version(), "scikit-learn": sklearn.__version__, "pandas": pd.__version__,
                "onnxruntime": onnxruntime.__version__}
    print(json.dumps(versions), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        start = time.perf_counter()
        response = store.get_object(request["bucket"], request["input"])
        body = response.read()
        response.release_conn()
        read = time.perf_counter()
        x = pd.read_csv(io.BytesIO(body)).to_numpy(dtype="float64")
        parsed = time.perf_counter()
        label, p, classes = engines[request["engine"]](x)
        scored = time.perf_counter()
        frame = pd.DataFrame(p, columns=classes)
        frame.insert(0, "label", label)
        text = frame.to_csv(index=False).encode()
        written = time.perf_counter()
        store.put_object(request["bucket"], request["output"], io.BytesIO(text), len(text), content_type="text/csv")
        end = time.perf_counter()
        print(json.dumps({"seconds": end - start, "scoring": scored - parsed, "rows": len(x), "bytes": len(text),
                          "labels": frame["label"].value_counts().to_dict()}), flush=True)


main()
