"""From a prognosis to a choice between arms: each one's utility, the advice, and the steps it took."""

from mmcare.decision.advice import Advice, ArmMean, Contrast, Step
from mmcare.decision.decide import can_decide, decide
from mmcare.decision.utility import ArmUtility, utilities

__all__ = ["Advice", "ArmMean", "ArmUtility", "Contrast", "Step", "can_decide", "decide", "utilities"]
