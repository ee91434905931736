"""Rows of the drawn systems (host/ops/system.h) with numpy, from the same Philox blocks as clgan's."""
import numpy as np

import philox

DIM = {"curves": 15, "gauss1d": 1, "ring": 2, "grid": 2}
