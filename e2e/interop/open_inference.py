"""Calls Iris with Triton's client over HTTP and gRPC, in every way that the client supports, and compares the answers.

The argument is a JSON file: the two addresses and a list of cases, each a model with rows and the predictions of Iris.
The report is one line of JSON for each case. The first difference ends the program.
"""

import json
import sys
from pathlib import Path

import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from tritonclient.utils import InferenceServerException

TOLERANCE = 1e-6
CODINGS = (None, "gzip", "deflate")


def main(path):
    given = json.loads(Path(path).read_text())
    with (
        triton_http.InferenceServerClient(given["http"]) as http,
        triton_grpc.InferenceServerClient(given["grpc"]) as grpc,
    ):
        clients = (Http(http), Grpc(grpc))
        for client in clients:
            client.check_server([case["model"] for case in given["cases"]])
        for case in given["cases"]:
            checks = sum(check(client, case) for client in clients)
            print(json.dumps({"model": case["model"], "rows": len(case["rows"]), "inferences": checks}), flush=True)


def check(client, case):
    """Checks one model and returns the number of compared inferences."""
    client.check_model(case)
    client.check_errors(case)
    rows = np.array(case["rows"], dtype=np.float64)
    count = 0
    for want, values, datatype in ((case["want"], rows, "FP64"), (case["want32"], rows.astype(np.float32), "FP32")):
        # Every way to send the rows.
        for options in client.ways_in():
            matrix = client.matrix(values, datatype, **options)
            columns = client.columns(case["features"], values, datatype, **options)
            for inputs in (matrix, columns):
                # Every way to get the answer.
                for outputs in client.ways_out():
                    compare(case, want, client.infer(case["model"], inputs, outputs=outputs))
                    count += 1
    inputs = client.matrix(rows, "FP64")
    for sent in CODINGS:
        for version in ("", case["version"], "champion"):
            result = client.infer(case["model"], inputs, coding=sent, model_version=version, request_id="id 7")
            compare(case, case["want"], result)
            response = client.response(result)
            answered = (response["model_name"], response["model_version"], response["id"])
            assert answered == (case["model"], case["version"], "id 7"), response
            count += 1
    check_classification(client, case, inputs)
    check_empty(client, case)
    if isinstance(client, Http):
        compare(case, case["want"], client.raw_body(case["model"], rows))
        count += 1
    return count


def compare(case, want, result):
    labels, probabilities = result.as_numpy("label"), result.as_numpy("probabilities")
    assert labels.dtype == np.object_ and labels.shape == (len(want["labels"]),), (labels.dtype, labels.shape)
    got = [label.decode() if isinstance(label, bytes) else label for label in labels]
    assert got == want["labels"], f"{case['model']}: other labels"
    shape = (len(got), len(case["classes"]))
    assert probabilities.dtype == np.float64 and probabilities.shape == shape, probabilities.shape
    largest = np.abs(probabilities - np.array(want["probabilities"])).max()
    assert largest <= TOLERANCE, f"{case['model']}: a probability is off by {largest}"


def check_classification(client, case, inputs):
    for binary in (True, False):
        result = client.infer(case["model"], inputs, outputs=[client.output("probabilities", binary, class_count=2)])
        top = result.as_numpy("probabilities")
        assert top.shape == (len(case["rows"]), 2), top.shape
        for entry, label, row in zip(top[:, 0], case["want"]["labels"], case["want"]["probabilities"]):
            p, index, name = (entry.decode() if isinstance(entry, bytes) else entry).split(":", 2)
            assert name == label == case["classes"][int(index)] and abs(float(p) - max(row)) <= TOLERANCE, entry
        assert result.as_numpy("label") is None


def check_empty(client, case):
    result = client.infer(case["model"], client.matrix(np.zeros((0, len(case["features"]))), "FP64"))
    assert result.as_numpy("label").shape == (0,)
    assert result.as_numpy("probabilities").shape == (0, len(case["classes"]))


def refused(status, words, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except InferenceServerException as e:
        assert e.status() in status, f"{e.status()}: {e.message()}"
        assert words in e.message(), e.message()
        return
    raise AssertionError(f"{call.__name__} with {args} {kwargs} was not refused")


class Client:
    """The common part of the two clients. The gRPC client requests its answers as JSON."""

    def __init__(self, client):
        self.client = client

    def check_server(self, models):
        assert self.client.is_server_live()
        assert self.client.is_server_ready()
        server = self.client.get_server_metadata(**self.as_json)
        assert server["name"] == "iris" and "binary_tensor_data" in server["extensions"], server
        index = {entry["name"]: entry for entry in self.index()}
        for model in models:
            assert index[model]["state"] == "READY", index[model]

    def check_model(self, case):
        model, features, classes = case["model"], len(case["features"]), len(case["classes"])
        for version in ("", case["version"], "champion"):
            assert self.client.is_model_ready(model, version)
            metadata = self.client.get_model_metadata(model, version, **self.as_json)
            assert metadata["name"] == model and case["version"] in metadata["versions"], metadata
            assert metadata["platform"] == "onnx_onnxv1"
            described = metadata["inputs"] + metadata["outputs"]
            tensors = [(t["name"], t["datatype"], [int(d) for d in t["shape"]]) for t in described]
            assert tensors == [
                ("input", "FP64", [-1, features]),
                ("label", "BYTES", [-1]),
                ("probabilities", "FP64", [-1, classes]),
            ], tensors
            config = self.config(model, version)
            assert config["name"] == model and config.get("max_batch_size", 0) == 0, config
            assert config["input"][0]["data_type"] == "TYPE_FP64", config
            assert config["output"][0]["data_type"] == "TYPE_STRING", config
            assert json.loads(config["parameters"]["classes"]["string_value"]) == case["classes"]
        self.client.load_model(model)
        refused(self.bad, "champion", self.client.unload_model, model)

    def check_errors(self, case):
        model, width = case["model"], len(case["features"])
        one = self.matrix(np.ones((1, width)), "FP64")
        refused(self.missing, "tulip", self.client.infer, "tulip", one)
        refused(self.missing, "99", self.client.infer, model, one, model_version="99")
        refused(self.missing, "nobody", self.client.infer, model, one, model_version="nobody")
        refused(self.missing, "tulip", self.client.get_model_metadata, "tulip")
        refused(self.missing, "tulip", self.client.get_model_config, "tulip")
        refused(self.missing, "tulip", self.client.load_model, "tulip")
        refused(self.bad, "config", self.client.load_model, model, config="{}")
        refused(self.bad, "/inputs/0/shape", self.client.infer, model, self.matrix(np.ones((1, width + 1)), "FP64"))
        refused(self.bad, "not finite", self.client.infer, model, self.matrix(np.full((1, width), np.nan), "FP64"))
        text = self.matrix(np.full((1, width), b"1", dtype=np.object_), "BYTES")
        refused(self.bad, "/inputs/0/datatype", self.client.infer, model, text)
        incomplete = self.columns(case["features"][1:], np.ones((1, width - 1)), "FP64")
        refused(self.bad, "is missing", self.client.infer, model, incomplete)
        refused(self.bad, "/outputs/0", self.client.infer, model, one, outputs=[self.output("score", True)])
        too_many = self.matrix(np.zeros((100_001, width), dtype=np.int8), "INT8")
        refused(self.bad, "rows", self.client.infer, model, too_many)

    def matrix(self, values, datatype, **options):
        return [self.input("input", values, datatype, **options)]

    def columns(self, features, values, datatype, **options):
        """A tensor for each feature, not in the model's order. Every second one has a second dimension."""
        inputs = []
        for i, name in reversed(list(enumerate(features))):
            column = np.ascontiguousarray(values[:, i : i + 1] if i % 2 else values[:, i])
            inputs.append(self.input(name, column, datatype, **options))
        return inputs


class Http(Client):
    as_json = {}
    missing, bad = ("404",), ("400", "413")

    def input(self, name, values, datatype, binary=True):
        tensor = triton_http.InferInput(name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values, binary_data=binary)
        return tensor

    def output(self, name, binary, class_count=0):
        return triton_http.InferRequestedOutput(name, binary_data=binary, class_count=class_count)

    def ways_in(self):
        return ({"binary": True}, {"binary": False})

    def ways_out(self):
        both = ("probabilities", "label")
        return (None, *([self.output(name, binary) for name in both] for binary in (True, False)))

    def infer(self, model, inputs, coding=None, **options):
        codings = {"request_compression_algorithm": coding, "response_compression_algorithm": coding}
        return self.client.infer(model, inputs, **codings, **options)

    def raw_body(self, model, rows):
        """Sends a body that is only the tensor."""
        headers = {"Inference-Header-Content-Length": "0"}
        response = self.client._post(f"v2/models/{model}/infer", rows.tobytes(), headers, None)
        assert response.status_code == 200, response.read()
        return triton_http.InferResult(response, False)

    def response(self, result):
        return result.get_response()

    def index(self):
        return self.client.get_model_repository_index()

    def config(self, model, version):
        return self.client.get_model_config(model, version)


class Grpc(Client):
    as_json = {"as_json": True}
    missing, bad = ("StatusCode.NOT_FOUND",), ("StatusCode.INVALID_ARGUMENT",)

    def input(self, name, values, datatype):
        tensor = triton_grpc.InferInput(name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values)
        return tensor

    def output(self, name, _binary, class_count=0):
        return triton_grpc.InferRequestedOutput(name, class_count=class_count)

    def ways_in(self):
        return ({},)

    def ways_out(self):
        return (None, [self.output("probabilities", True), self.output("label", True)])

    def infer(self, model, inputs, coding=None, **options):
        return self.client.infer(model, inputs, compression_algorithm=coding, **options)

    def response(self, result):
        return result.get_response(as_json=True)

    def index(self):
        return self.client.get_model_repository_index(as_json=True)["models"]

    def config(self, model, version):
        return self.client.get_model_config(model, version, as_json=True)["config"]


if __name__ == "__main__":
    main(sys.argv[1])
