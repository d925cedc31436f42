"""What can go wrong with a hosted model, and when it does."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loopback.journal import Received

SURVIVED = (
    "slow",
    "rate_limit",
    "rate_limit_date",
    "rate_limit_ms",
    "server_error",
    "unavailable",
    "drop_before",
    "drop_inside",
    "malformed",
    "empty_choices",
    "null_content",
    "stream_error",
    "error_body",
    "html",
    "bad_utf8",
    "deep",
)
"""Kinds that another try of the same request gets over. `slow` is one only with a timeout."""
CORRECTED = ("length", "refusal", "content_filter")
"""Kinds that are an answer, but one that cannot be used."""
KINDS = (
    *SURVIVED,
    *CORRECTED,
    "not_streamed",
    "unauthorized",
    "forbidden",
    "no_model",
    "too_long",
    "no_quota",
)
"""Every kind of fault. With `not_streamed` a stream is asked for, and a whole answer is sent."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong with one request."""

    kind: str
    """One of KINDS."""
    wait_s: float = 0.0
    """For `slow`: after how long the answer comes. For `rate_limit...`: the wait it asks for."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault '{self.kind}'; there are: {', '.join(KINDS)}")


Plan = Sequence[Fault | None] | Callable[["Received"], Fault | None]
"""Faults of the first requests in order, or what decides for each request."""


@dataclass(frozen=True)
class RandomFaults:
    """Each kind happens to a share of the tries.

    What happens depends on the request, on which try of it this is, and on the seed; not on the
    order in which requests of different kinds arrive.
    """

    share: float
    """Share of each kind, in [0, 1]."""
    kinds: Sequence[str] = SURVIVED
    """Kinds that happen."""
    seed: int = 0
    wait_s: float = 0.05
    """How long a slow answer takes and what a rate limit asks for."""
    _limits: list[float] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.share * len(self.kinds) > 1:
            raise ValueError(f"{len(self.kinds)} kinds with a share of {self.share} are over 1")
        object.__setattr__(self, "_limits", [self.share * (i + 1) for i in range(len(self.kinds))])

    def __call__(self, received: "Received") -> Fault | None:
        """What happens to this request."""
        key = f"{self.seed}/{received.digest}/{received.tries}".encode()
        drawn = int.from_bytes(hashlib.sha256(key).digest()[:6]) / 2**48
        for kind, limit in zip(self.kinds, self._limits, strict=True):
            if drawn < limit:
                return Fault(kind, self.wait_s)
        return None


def planned(plan: Plan) -> Callable[["Received"], Fault | None]:
    """The plan as a function of the request."""
    if callable(plan):
        return plan
    faults = list(plan)
    return lambda received: faults[received.number] if received.number < len(faults) else None
