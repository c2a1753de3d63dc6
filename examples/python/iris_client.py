# %% [markdown]
# # Iris from Python
#
# This script trains a model on a CSV, waits for the new version, predicts one row with it, and scores the whole file as
# a batch. It needs Python's standard library only. Editors such as VS Code run it cell by cell. `python3` runs all:
#
#     python3 examples/python/iris_client.py internal/dataset/testdata/wine.csv

# %%
import collections
import csv
import io
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

URL = os.environ.get("IRIS_URL", "http://127.0.0.1:8000")
MODEL = "example-python"  # the first training under a new name creates the model
PATH = sys.argv[1] if len(sys.argv) == 2 else "internal/dataset/testdata/wine.csv"


def call(method, path, body=None, content_type=None):
    """Sends a request to the API and returns the body of the answer.

    It sends the request again if there is no answer, or one that says to try again. The idempotency key makes that
    safe: a training that is sent twice is one training.
    """
    headers = {"Content-Type": content_type} if content_type else {}
    if method == "POST":
        headers["Idempotency-Key"] = str(uuid.uuid4())
    request = urllib.request.Request(URL + path, data=body, headers=headers, method=method)
    for attempts_left in reversed(range(7)):
        try:
            with urllib.request.urlopen(request) as response:
                return response.read()
        except urllib.error.HTTPError as error:
            # A 409 with Retry-After says that the first one is under way.
            again = error.code in (429, 503) or (error.code == 409 and "Retry-After" in error.headers)
            if not again or not attempts_left:
                # An error is a problem as defined by RFC 9457. Its detail says what is wrong and where.
                sys.exit(f"{method} {path}: {error.code}: {error.read().decode(errors='replace')}")
        except OSError as error:
            if not attempts_left:
                sys.exit(f"{method} {path}: {error}")
        time.sleep(2)


def wait(task_id):
    """Polls a task until it ends, and exits unless it succeeds."""
    while True:
        task = json.loads(call("GET", f"/tasks/{task_id}"))
        if task["state"] == "SUCCESS":
            return task
        if task["state"] in ("FAILURE", "REVOKED", "LOST"):
            sys.exit(f"task {task_id}: {task['state']}: {task.get('error', {}).get('message')}")
        time.sleep(0.5)


# %% [markdown]
# ## Train
#
# The answer has only the id of a task, because a training takes longer than a request. The CSV has a header, and its
# last column is the class.

# %%
with open(PATH, "rb") as file:
    data = file.read()
training = json.loads(call("POST", f"/{MODEL}/training?algorithm=logistic_regression", data, "text/csv"))
task = wait(training["task_id"])
version = task["result"]
print(f"training {training['task_id']}: {task['state']}")
print(f"version {version['model_id']}: accuracy {version['metrics']['accuracy']:.4f}, {version['gate']['decision']}")

# %% [markdown]
# ## Predict
#
# `POST /{model}/predict` uses the champion, which every API process serves within two seconds. This request names the
# version, so it need not wait.

# %%
first = next(csv.DictReader(io.StringIO(data.decode())))
row = {name: float(value) for name, value in list(first.items())[:-1]}
answer = call("POST", f"/{MODEL}/versions/{version['version']}/predict", json.dumps(row).encode(), "application/json")
prediction = json.loads(answer)
label = prediction["label"]
print(f'prediction: "{label}" with probability {prediction["probabilities"][label]:.4f}')

# %% [markdown]
# ## Score the whole file as a batch
#
# The class column is not a feature, so Iris skips it.

# %%
batch = json.loads(call("POST", f"/{MODEL}/predict/batch?model_id={version['model_id']}", data, "text/csv"))
print(f"batch {batch['task_id']}: {wait(batch['task_id'])['state']}")
output = call("GET", f"/{MODEL}/predict/batch/{batch['task_id']}/output").decode()
counts = collections.Counter(row["label"] for row in csv.DictReader(io.StringIO(output)))
print(f"{counts.total()} rows scored")
for name, count in sorted(counts.items()):
    print(f"  {name}: {count}")
