"""Training a head: objectives, methods, the training loop, calibration, evaluation, model cards.

`fit` is the way in: from prepared examples to a saved version; `fit_together` trains several heads on one body.
`evaluate` measures a version on a split, `compare` two of them on the same rows, `explain` takes one answer apart by
words, `find_label_errors` doubts the labels themselves.
"""

from .card import model_card
from .comparison import Comparison, compare
from .evaluation import Evaluation, evaluate, write_report
from .explain import Explanation, explain
from .fit import fit
from .label_errors import LabelledRow, SuspectReport, find_label_errors
from .methods import METHODS
from .objectives import OBJECTIVES
from .together import fit_together
from .workshop import Workshop

__all__ = [
    "METHODS", "OBJECTIVES", "Comparison", "Evaluation", "Explanation", "LabelledRow", "SuspectReport", "Workshop",
    "compare", "evaluate", "explain", "find_label_errors", "fit", "fit_together", "model_card", "write_report",
]  # fmt: skip
