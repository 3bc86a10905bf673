"""From a prognosis to a choice between arms: so far, the utility of each."""

from mmcare.decision.utility import ArmUtility, utilities

__all__ = ["ArmUtility", "utilities"]
