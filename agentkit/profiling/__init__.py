"""Where time and money of a recorded run went, and what would help."""

from agentkit.profiling.build import profile_run
from agentkit.profiling.figures import Profile

__all__ = ["Profile", "profile_run"]
