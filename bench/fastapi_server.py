"""FastAPI's side of `make bench-serving`: each request has one row, which onnxruntime scores with a model loaded once.

    fastapi_server.py MODEL PORT

It has one worker, uvloop as event loop, httptools as parser, and no access log.
"""
import json
import sys

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI
from pydantic import create_model

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1  # more threads would only wait for each other at one row
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
features = json.loads(session.get_modelmeta().custom_metadata_map["features"])
classes = [output.name.removeprefix("p_") for output in session.get_outputs()[1:]]
Row = create_model("Row", **{name: (float, ...) for name in features})
app = FastAPI()


@app.post("/predict")
async def predict(row: Row):
    x = np.array([[getattr(row, name) for name in features]])
    label, *probabilities = session.run(None, {"input": x})
    return {"label": label[0], "probabilities": {name: float(p[0, 0]) for name, p in zip(classes, probabilities)}}


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), loop="uvloop", http="httptools", access_log=False,
            log_level="warning")
