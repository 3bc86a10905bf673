"""The synthetic cohort: a structural causal model, eight worlds, files of real formats, and the truth beside them."""

from mmcare.synthetic.draw import Draw, draw
from mmcare.synthetic.read_truth import KnownTruth, read_truth
from mmcare.synthetic.synthesise import Contents, Synthesised, synthesise
from mmcare.synthetic.truth import TrueCourse, true_course
from mmcare.synthetic.worlds import WORLDS, World
from mmcare.synthetic.write import patient_id, write_cohort

__all__ = [
    "WORLDS",
    "Contents",
    "Draw",
    "KnownTruth",
    "Synthesised",
    "TrueCourse",
    "World",
    "draw",
    "patient_id",
    "read_truth",
    "synthesise",
    "true_course",
    "write_cohort",
]
