"""Loads models that Iris registered with the Python packages of their users, and compares the predictions.

The argument is a JSON file of cases, each a model with rows and the predictions of Iris. MLFLOW_TRACKING_URI names the
server. The report is one line of JSON for each case. The first difference ends the program.
"""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import mlflow
import numpy as np
import onnx
import onnxruntime
import pandas as pd

TOLERANCE = 1e-6


def main(path):
    cases = json.loads(Path(path).read_text())
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PATH"] = write_uvicorn(folder) + os.pathsep + os.environ["PATH"]
        for case in cases:
            print(json.dumps({"model": case["model"], "rows": len(case["labels"]), **check(case)}), flush=True)


def read_frame(case):
    """Returns the rows as their owner has them: numbers, or what pandas reads from a CSV file of any kind of features."""
    if not case["csv"]:
        return pd.DataFrame(case["rows"], columns=case["features"], dtype="float64")
    frame = pd.read_csv(io.StringIO(case["csv"]))
    # MLflow does not take an integer for a double: it might be too large.
    return frame.astype({name: "float64" for name in frame if frame[name].dtype == "int64"})


def check(case):
    frame = read_frame(case)
    champion = f"models:/{case['model']}@champion"
    folder = Path(mlflow.artifacts.download_artifacts(champion))
    check_files(case, folder)
    case["tied"] = find_ties(folder / "model.onnx", frame)
    report = {"tied": int(case["tied"].sum()), "onnxruntime": compare(case, run_onnx(folder / "model.onnx", frame))}
    # The signature handles another order of the columns, and columns that the model does not know.
    mixed = frame[sorted(frame.columns, reverse=True)].assign(unknown=1.0)
    for uri, rows in ((champion, mixed), (f"runs:/{case['run_id']}/model", frame), (case["uri"], frame)):
        report[uri] = compare(case, mlflow.pyfunc.load_model(uri).predict(rows))
    if case["serve"]:
        with serve(champion) as url:
            report["served"] = compare(case, invoke(url, {"dataframe_records": records(frame)}))
            example = json.loads((folder / "serving_input_example.json").read_text())
            assert len(invoke(url, example)) == 1
    return report


def records(frame):
    return frame.astype(object).where(frame.notna(), None).to_dict(orient="records")


def check_files(case, folder):
    """Checks the folder: the graph is valid, the example fits the signature, the ids are the registry's."""
    onnx.checker.check_model(str(folder / "model.onnx"), full_check=True)
    wanted = {"confusion_matrix.png", "roc.png", "calibration.png", "importance.csv", "README.md"}
    missing = wanted - {f.name for f in folder.iterdir()}
    assert not missing, missing
    described = mlflow.models.Model.load(str(folder))
    assert described.run_id == case["run_id"], described.run_id
    assert described.model_id == case["model_id"], described.model_id
    assert described.get_input_schema().input_names() == case["features"]
    assert described.get_output_schema().input_names() == outputs(case)
    assert len(mlflow.pyfunc.load_model(str(folder)).predict(described.load_input_example(str(folder)))) == 1


def run_onnx(path, frame):
    """Scores as a host without MLflow does: tensors in, one value per row and output out."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    given = feeds(session, frame)
    names = [o.name for o in session.get_outputs()]
    assert all(len(values) == 0 for values in session.run(None, {name: v[:0] for name, v in given.items()}))
    return pd.DataFrame({name: values.reshape(-1) for name, values in zip(names, session.run(None, given))})


def feeds(session, frame):
    """Returns the inputs of a graph: one tensor of all columns, or one per column if some are not numbers."""
    if len(session.get_inputs()) == 1:
        (tensor,) = session.get_inputs()
        assert (tensor.name, tensor.type, tensor.shape) == ("input", "tensor(double)", ["N", frame.shape[1]])
        return {tensor.name: frame.to_numpy()}
    given = {}
    for tensor, name in zip(session.get_inputs(), frame.columns, strict=True):
        assert (tensor.name, tensor.shape) == (name, ["N", 1])
        values = frame[name]
        if tensor.type == "tensor(string)":
            values = values.astype(object).where(values.notna(), "")
        elif values.dtype.kind not in "biuf" and set(values.dropna()) <= {"yes", "no"}:
            values = values.map({"yes": 1.0, "no": 0.0})
        elif values.dtype.kind not in "biuf":
            values = (pd.to_datetime(values) - pd.Timestamp(0)) / pd.Timedelta(days=1)
        dtype = object if tensor.type == "tensor(string)" else "float64"
        given[name] = values.to_numpy(dtype=dtype).reshape(-1, 1)
    return given


def find_ties(path, frame):
    """Marks the rows whose k-th and next neighbours are equally far. Families without neighbours have none.

    The last bits of the distances decide such rows, and they depend on the order in which a host adds.
    """
    model = onnx.load(path)
    search = [node for node in model.graph.node if node.op_type == "TopK"]
    if not search:
        return np.zeros(len(frame), dtype=bool)
    squared, k = search[0].input
    k = next(int(onnx.numpy_helper.to_array(c)[0]) for c in model.graph.initializer if c.name == k)
    model.graph.output.append(onnx.helper.make_tensor_value_info(squared, onnx.TensorProto.DOUBLE, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (values,) = session.run([squared], feeds(session, frame))
    distances = np.sort(np.sqrt(values), axis=1)
    if k == distances.shape[1]:
        return np.zeros(len(frame), dtype=bool)
    return distances[:, k] - distances[:, k - 1] <= 1e-9 * distances[:, k]


def outputs(case):
    return ["label"] + ["p_" + c for c in case["classes"]]


def compare(case, got):
    """Returns the largest difference of a probability. The labels must be the same. Ties do not count."""
    assert list(got.columns) == outputs(case), list(got.columns)
    assert len(got) == len(case["labels"]), len(got)
    for row, (want, label, tied) in enumerate(zip(case["labels"], got["label"], case["tied"])):
        assert tied or want == label, f"{case['model']}: row {row} is {label}, Iris says {want}"
    differences = np.abs(got[outputs(case)[1:]].to_numpy(dtype="float64") - np.array(case["probabilities"]))
    assert not case["tied"].all(), f"{case['model']}: every row is a tie"
    largest = differences[~case["tied"]].max()
    assert largest <= TOLERANCE, f"{case['model']}: a probability is off by {largest}"
    return float(largest)


def write_uvicorn(folder):
    """Writes a uvicorn for MLflow, whose own may refer to a folder that was renamed."""
    program = Path(folder) / "uvicorn"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m uvicorn "$@"\n')
    program.chmod(0o755)
    return folder


@contextlib.contextmanager
def serve(uri):
    """Runs `mlflow models serve` on a free port, which the server chooses and prints."""
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", uri, "--env-manager", "local"]
    server = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", "0"],
        env={**os.environ, "UVICORN_PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said = []
        for line in server.stdout:
            said.append(line)
            if running := re.search(r"Uvicorn running on (http://[0-9.:]+)", line):
                yield running[1]
                return
        raise RuntimeError("mlflow models serve ended:\n" + "".join(said))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def invoke(url, body):
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url + "/invocations", json.dumps(body).encode(), headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as response:
        return pd.DataFrame(json.load(response)["predictions"])


if __name__ == "__main__":
    main(sys.argv[1])
