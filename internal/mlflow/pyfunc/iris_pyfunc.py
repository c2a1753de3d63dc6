"""Scores data frames with model.onnx, which has an input per column. MLflow loads this module as the python_function.

A cell may be what a data frame has after a CSV file was read: text, a number, a truth value, a date, or nothing. The
cells of a column that the frame does not have are missing.
"""

import json

import numpy as np
import onnxruntime
import pandas as pd


def _load_pyfunc(path):
    return _Model(path)


class _Model:
    def __init__(self, path):
        self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        metadata = self._session.get_modelmeta().custom_metadata_map
        self._day_first = set(json.loads(metadata.get("day_first", "[]")))

    def predict(self, data, params=None):
        if not isinstance(data, pd.DataFrame):
            data = pd.DataFrame(data)
        feeds = {}
        for column in self._session.get_inputs():
            cells = data[column.name] if column.name in data else pd.Series([None] * len(data), dtype=object)
            if column.type == "tensor(string)":
                values = np.array([_text(v) for v in cells.astype(object)], dtype=object)
            else:
                values = _numbers(cells, column.name in self._day_first)
            feeds[column.name] = values.reshape(-1, 1)
        names = [output.name for output in self._session.get_outputs()]
        values = self._session.run(names, feeds)
        return pd.DataFrame({name: value.reshape(-1) for name, value in zip(names, values)})


def _text(cell):
    """Returns the level that a cell of a category names, "" for a missing one."""
    if pd.isna(cell):
        return ""
    if isinstance(cell, (float, np.floating)) and np.isfinite(cell):
        return np.format_float_positional(cell, trim="-")
    return str(cell).strip()


def _numbers(cells, day_first):
    if cells.dtype.kind in "biuf":
        return cells.to_numpy(dtype="float64", na_value=np.nan)
    return np.array([_number(cell, day_first) for cell in cells.astype(object)], dtype="float64")


TRUTHS = {"true": 1, "t": 1, "yes": 1, "y": 1, "false": 0, "f": 0, "no": 0, "n": 0}
MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "-"}


def _number(cell, day_first):
    """Returns a cell as a number: a truth value as 1 or 0, and a date as days since 1970-01-01 in UTC."""
    if pd.isna(cell):
        return np.nan
    if isinstance(cell, str):
        cell = cell.strip()
        word = cell.lower()
        if word in MISSING:
            return np.nan
        if word in TRUTHS:
            return TRUTHS[word]
    try:
        return float(cell)
    except (TypeError, ValueError):
        pass
    if isinstance(cell, str) and cell[:4].isdigit():
        day_first = False  # 2024-01-31
    date = pd.to_datetime(cell, utc=True, dayfirst=day_first)
    return (date - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
