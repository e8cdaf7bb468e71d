"""Measuring a head on rows it has not learned from: figures with intervals, tables, slices, errors, pictures.

`evaluate` gives an `Evaluation`; `write_report` makes a folder of it that a person reads.
"""

from .measure import Answers, answer, evaluate, summary
from .record import CalibrationBin, ErrorRow, Evaluation, Group, Neighbour, Slice
from .report import write_report

__all__ = [
    "Answers", "CalibrationBin", "ErrorRow", "Evaluation", "Group", "Neighbour", "Slice", "answer", "evaluate",
    "summary", "write_report",
]  # fmt: skip
