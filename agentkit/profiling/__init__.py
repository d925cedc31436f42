"""Where time and money of a recorded run went, and what would help."""

from agentkit.profiling.figures import Profile
from agentkit.profiling.profile import profile_run

__all__ = ["Profile", "profile_run"]
