"""A sweep's runs as labelled tables, in memory and in files."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from .. import _checks
from .._io import files, terminal
from .._io.extras import needed
from .grid import axis_positions, combinations

UNITS = {
    "reward": "reward", "value": "reward", "cost": "reward", "objective": "reward", "cutoffs": "episodes",
    "episodes": "episodes", "q": "reward", "sigma": "reward", "steps": "steps", "training_cutoffs": "episodes",
    "lam": "reward/nat", "sigma_base": "reward", "sigma_0": "reward", "sigma_min": "reward", "sigma_max": "reward",
    "beta": "1/reward", "beta_0": "1/reward", "beta_rate": "1/episode", "q_init": "reward", "search_budget": "%",
    "decision_time": "time", "non_decision_time": "time",
}  # fmt: skip
LONG_NAMES = {
    "reward": "undiscounted return per episode", "value": "discounted return per episode",
    "cost": "price of precision", "objective": "value minus cost", "cutoffs": "evaluation episodes cut off",
    "episodes": "episodes completed", "q": "mean of the memory", "sigma": "standard deviation of the memory",
}  # fmt: skip
CURVES = ("reward", "value", "cost", "objective", "cutoffs")
ENDINGS = (".csv", ".nc", ".zarr")


def coordinate(values: list[Any]) -> npt.NDArray[Any]:
    """Values of an axis as an array: numbers where all are numbers (None: NaN), otherwise strings."""
    if all(isinstance(value, bool) for value in values):
        return np.array(values)
    if all(value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)) for value in values):
        try:
            numbers = np.array([np.nan if value is None else value for value in values])
            return numbers if numbers.dtype.kind in "iuf" else numbers.astype(float)
        except OverflowError:  # integers beyond all floats
            pass
    return np.array([terminal.printable(value if isinstance(value, str) else str(value)) for value in values])


def to_records(result: Any, checkpoints: str = "last") -> npt.NDArray[np.void]:
    """A structured array with the columns of `SweepResult.to_frame`."""
    _checks.choice("checkpoints", checkpoints, ("last", "all"))
    n_runs, n_checkpoints = result.specification.n_runs, len(result.episodes)
    picked = np.arange(n_checkpoints)[-1:] if checkpoints == "last" else np.arange(n_checkpoints)
    cells, restarts = np.divmod(np.arange(n_runs), result.restarts)
    columns = {}
    for name, positions in axis_positions(result.axes, result.specification.mode, cells).items():
        columns[name] = np.repeat(coordinate(result.axes[name])[positions], max(1, len(picked)))
    columns["restart"] = np.repeat(restarts, max(1, len(picked)))
    if len(picked):
        columns["episodes"] = np.tile(result.episodes[picked], n_runs)
        for name in CURVES:
            columns[name] = getattr(result, name)[..., picked].ravel()
    for name in ("error", "done"):
        columns[name] = np.repeat(getattr(result, name).ravel(), max(1, len(picked)))
    table = np.empty(len(columns["restart"]), dtype=[(name, column.dtype) for name, column in columns.items()])
    for name, column in columns.items():
        table[name] = column
    return table


def to_frame(result: Any, checkpoints: str = "last") -> Any:
    table = to_records(result, checkpoints)
    return needed("pandas", "pandas").DataFrame({name: table[name] for name in table.dtype.names or ()})


def to_xarray(result: Any, quantities: Sequence[str] = CURVES) -> Any:
    _check(quantities)
    xarray = needed("xarray", "xarray")
    whole = result.specification
    zipped = whole.mode == "zip"
    dims: tuple[str, ...] = ("cell", "restart") if zipped else (*result.axes, "restart")
    coordinates: dict[str, Any] = {
        name: ("cell" if zipped else name, coordinate(values), _attributes(name))
        for name, values in result.axes.items()
    }
    coordinates["restart"] = ("restart", np.arange(result.restarts), {"long_name": "number of the restart"})
    coordinates["episodes"] = ("episodes", result.episodes, _attributes("episodes"))
    variables: dict[str, Any] = {
        name: ((*dims, "episodes"), getattr(result, name), _attributes(name)) for name in quantities
    }
    for name in ("steps", "training_cutoffs", "error"):
        variables[name] = (dims, getattr(result, name), _attributes(name))
    if whole.kept_restarts and len(result.table_shapes) == 1:
        coordinates["kept_restart"] = ("kept_restart", whole.kept_restarts)
        for name in ("q", "sigma"):
            kept = (*dims[:-1], "kept_restart", "state", "action")
            variables[name] = (kept, getattr(result, name), _attributes(name))
    facts = {
        "task": whole.task_name, "seed": str(whole.seed), "training_episodes": whole.episodes,
        "evaluation_episodes": whole.evaluation_episodes, "evaluation_policy": whole.evaluation_policy,
        "agent": ", ".join(f"{name}={value!r}" for name, value in whole.agent.items()),
        "sigmalloc": ", ".join(sorted({record["sigmalloc"] for record in result.store.versions()})),
    }  # fmt: skip
    return xarray.Dataset(variables, coordinates, facts)


def export(result: Any, path: str | os.PathLike[str], quantities: Sequence[str] = CURVES) -> Path:
    path = Path(files.checked_file("path", path))
    if path.suffix not in ENDINGS:
        raise ValueError(f"path must end in {', '.join(ENDINGS)}, got {str(path)!r}")
    _check(quantities)
    if path.suffix == ".csv":
        files.write(path, lambda file: _write_csv(result, file, quantities))
        return path
    for module in ("h5netcdf", "h5py") if path.suffix == ".nc" else ("zarr",):
        needed(module, "xarray")
    data = _storable(to_xarray(result, quantities))
    if path.suffix == ".nc":
        files.write_by_name(path, lambda part: data.to_netcdf(part, engine="h5netcdf"))
    else:
        files.write_by_name(path, lambda part: data.to_zarr(part, mode="w", zarr_format=2))
    return path


def _storable(data: Any) -> Any:
    """A data set with names and attributes that NetCDF can hold."""
    names = {name: "_".join(terminal.printable(name).split("/")) for name in (*data.dims, *data.variables)}
    data = data.rename({name: other for name, other in names.items() if name != other})
    return data.assign_attrs({
        name: terminal.printable(value) if isinstance(value, str) else value for name, value in data.attrs.items()
    })  # fmt: skip


def _write_csv(result: Any, file: BinaryIO, quantities: Sequence[str]) -> None:
    episodes = result.episodes.tolist() or [""]
    curves = [getattr(result, name).reshape(result.specification.n_runs, -1) for name in quantities]
    errors, done = result.error.ravel(), result.done.ravel()
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text)
    names = [*map(terminal.cell, result.axes), "restart", "episodes"]
    writer.writerow([*names, *(quantities if result.episodes.size else ()), "error"])
    run = 0
    for row_of_cell in combinations(result.axes, result.specification.mode):
        values = [terminal.cell(_text(value)) for value in row_of_cell]
        for restart in range(result.restarts):
            if done[run]:
                rows = np.column_stack([curve[run] for curve in curves]).tolist() if result.episodes.size else [()]
                for episode, row in zip(episodes, rows, strict=True):
                    writer.writerow([*values, restart, episode, *row, int(errors[run])])
            run += 1
    text.flush()
    text.detach()


def _text(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _check(quantities: Sequence[str]) -> None:
    quantities = _checks.sequence("quantities", quantities)
    for name in quantities:
        _checks.choice("quantities", name, CURVES)
    if not quantities:
        raise ValueError("quantities must name at least one curve")


def _attributes(name: str) -> dict[str, str]:
    found = {"units": UNITS[name]} if name in UNITS else {}
    return found | ({"long_name": LONG_NAMES[name]} if name in LONG_NAMES else {})
