"""Writes golden.json: SciPy and NumPy values that core/base/statistics must reproduce.

Run: python3 generate.py   (needs scipy and numpy; their versions are stored in the file)
"""
import json
import math
import pathlib

import numpy as np
import scipy
from scipy import special, stats

wilson = []
for correct, n, level in [(0, 10, 0.95), (10, 10, 0.95), (7, 10, 0.95), (852, 1000, 0.95),
                          (1, 1000, 0.95), (50, 100, 0.99), (3, 7, 0.9), (99999, 100000, 0.95)]:
    interval = stats.binomtest(correct, n).proportion_ci(confidence_level=level, method="wilson")
    wilson.append([correct, n, level, interval.low, interval.high])

mcnemar = [[a, b, stats.binomtest(min(a, b), a + b, 0.5).pvalue]
           for a, b in [(0, 1), (0, 6), (1, 9), (5, 15), (15, 5), (10, 11), (300, 100), (512, 480),
                        (2000, 2100)]]

normal = [[p, float(special.ndtri(p))]
          for p in [1e-300, 1e-100, 1e-20, 1e-8, 1e-3, 0.025, 0.07, 0.075, 0.2, 0.3, 0.5, 0.75,
                    0.925, 0.95, 0.975, 0.995, 0.9999, 1 - 1e-10]]

values = [3.5, -1.25, 8.0, 2.0, 2.0, 7.75, 0.0]
quantile = [[q, float(np.quantile(values, q))]
            for q in [0.0, 0.025, 0.1, 0.25, 0.5, 0.6, 0.9, 0.975, 1.0]]

pass_at_k = [[n, c, k, 1 - math.comb(n - c, k) / math.comb(n, k)]
             for n, c, k in [(10, 3, 1), (10, 3, 5), (10, 3, 8), (64, 1, 64), (64, 1, 32),
                             (200, 13, 100), (5, 0, 5), (5, 5, 1), (1000, 7, 10)]]

golden = {"scipy": scipy.__version__, "numpy": np.__version__, "wilson": wilson,
          "mcnemar": mcnemar, "normal_quantile": normal, "quantile_values": values,
          "quantile": quantile, "pass_at_k": pass_at_k}
path = pathlib.Path(__file__).with_name("golden.json")
path.write_text(json.dumps(golden, indent=1) + "\n")
