"""Training a head: objectives, methods, the training loop, calibration, evaluation, model cards.

`fit` is the way in: from prepared examples to a saved version. `evaluate` measures a version on a split.
"""

from .evaluation import Evaluation, evaluate
from .fit import Workshop, fit

__all__ = ["Evaluation", "Workshop", "evaluate", "fit"]
