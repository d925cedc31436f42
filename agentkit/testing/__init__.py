"""What environments and models promise, as checks for the tests of those who write one."""

from agentkit.testing.environments import ENV_CHECKS, check_env
from agentkit.testing.models import MODEL_CHECKS, check_model

__all__ = ["ENV_CHECKS", "MODEL_CHECKS", "check_env", "check_model"]
