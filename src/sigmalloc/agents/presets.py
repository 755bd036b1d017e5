"""Published parameters: Table B.1, and the authors' scripts where they differ from it."""

import math
from typing import Any

TABLE_B1: dict[str, dict[str, Any]] = {
    "grid-world": {},
    "mountain-car": {"lam": 0.1, "q_init": (-1.0, 1.0)},
    "planning": {
        "lam": 1.0,
        "sigma_base": 100.0,
        "sigma_0": 50.0,
        "sigma_min": 1.0,
        "sigma_max": 100.0,
        "gradient": "best_path",
    },
}
SCRIPTS: dict[str, dict[str, Any]] = {
    "grid-world": {"lam": 0.1, "gamma": 0.9},
    "mountain-car": {
        "learning_rate_q": 0.2, "sigma_0": 1.0, "sigma_max": 10.0, "beta_0": 1.0,
        "beta_rate": math.log(1.5) / 1000,
    },
    "planning": {"sigma_0": 100.0},
}  # fmt: skip
