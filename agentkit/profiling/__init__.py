"""Where time and money of a recorded run went, and what would help."""

from agentkit.profiling.figures import Profile
from agentkit.profiling.profile import estimate_costs, profile_run

__all__ = ["Profile", "estimate_costs", "profile_run"]
