"""TransformersModel: a checkpoint of Hugging Face in this process."""

import asyncio
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agentkit.errors import InputError
from agentkit.messages import Completion, Request
from agentkit.models.arrival import Try
from agentkit.models.hosted import DEFAULT, Settings
from agentkit.models.local.engines import get_engine
from agentkit.models.local.in_process import InProcess, load_parts
from agentkit.models.local.machine import byte_text, count_text
from agentkit.models.local.transformers.checkpoint import read_checkpoint
from agentkit.models.local.transformers.checkpoint_files import read_mapping
from agentkit.models.local.transformers.engine import TorchEngine
from agentkit.models.local.transformers.expert_keep import (
    ExpertKeep,
    read_expert_keep,
    slice_experts,
)
from agentkit.models.local.transformers.loading import check_torch_extra, load_checkpoint
from agentkit.models.local.transformers.plan import TorchPlan, check_length, make_plan
from agentkit.models.local.transformers.sampling_names import check_extra

if TYPE_CHECKING:
    from agentkit.models.local.transformers.loading import LoadedCheckpoint

_SLOTS: Final = 16
"""The calls at once where nobody said another number: they share a batch."""


class TransformersModel(InProcess):
    """A model on transformers, in this process. All who ask for one checkpoint share one engine.

    Args:
        name: What stands after `local:`, for messages.
        path: The folder of the checkpoint, or a GGUF file, which is converted once.
        settings: Context, threads, calls at once (`max_concurrency`), dtype, device, timeout.
        folder: Where the file of `expert_keep` starts; by default the current folder.

    Raises:
        InputError: What it needs is not installed.
    """

    _auto_places = _SLOTS
    _engine: TorchEngine | None = None

    def __init__(
        self,
        name: str,
        path: Path,
        settings: Settings = DEFAULT,
        folder: Path | None = None,
    ) -> None:
        self._folder = folder or Path()
        self.path = path
        """The folder or file."""
        check_torch_extra(f"local:{name}")
        super().__init__(f"local:{name}", settings)

    def set_up(self, settings: Settings) -> None:
        """Take other settings, before anything is asked.

        Raises:
            InputError: They are none, or one of them has a value that it cannot have.
        """
        super().set_up(settings)
        if settings.engine == "llamacpp":
            raise InputError(f"{self.name} is a folder, and llama.cpp runs GGUF files")
        check_extra(self.name, settings.extra)
        self._engine = None

    def check_ready(self) -> None:
        """Find out whether it is a checkpoint that answers, and fits into memory.

        Raises:
            InputError: It does not.
        """
        if self.path.is_file():
            from agentkit.models.local.llamacpp.gguf import check_header, read_header

            check_header(read_header(self.path))
        else:
            super().check_ready()

    @property
    def description(self) -> str:
        """What is loaded: the architecture, its parameters, context, memory and threads."""
        engine = self._get_engine()
        plan, info = engine.plan, self._info
        parts = [f"{info.model_type}, {count_text(info.parameters)} parameters"]
        if info.active_parameters < info.parameters:
            parts.append(f"{count_text(info.active_parameters)} active")
        calls, threads = load_parts(plan.slots, plan.threads)
        parts += [
            f"a checkpoint of {byte_text(info.size)}",
            f"context {plan.context:,} tokens, {calls}",
        ]
        if engine.is_loaded:
            loaded = engine.checkpoint
            parts.append(f"{loaded.dtype} on {loaded.device}")
        return ", ".join([*parts, threads])

    def _get_engine(self) -> TorchEngine:
        """The engine of the checkpoint, not yet loaded.

        Raises:
            InputError: It is none that answers, or does not fit into memory.
        """
        if self._engine is None:
            folder = self.path
            if folder.is_file():
                from agentkit.models.local.transformers.gguf_conversion import checkpoint_of_gguf

                folder = checkpoint_of_gguf(folder)
            self._info = info = read_checkpoint(folder)
            settings, slots = self.settings, self._throttle.places or _SLOTS
            if settings.telemetry == "experts" and not info.experts:
                raise InputError(
                    f"{self.name} has no experts to count: it is a dense model. Leave 'telemetry' "
                    "out"
                )
            plan = make_plan(self.name, info, settings, slots, self._folder)
            if plan.expert_keep is not None:
                _kept(plan.expert_keep, folder)
            wishes = (
                folder.resolve(), settings.context, settings.threads, slots, plan.dtype,
                plan.device, plan.expert_keep, plan.counts_experts,
            )  # fmt: skip
            self._engine = get_engine(folder / "config.json", wishes, lambda: self._make(plan))
        return self._engine

    def _make(self, plan: TorchPlan) -> TorchEngine:
        info, name = self._info, self.name

        def keep(model: Any) -> None:
            slice_experts(model, _kept(plan.expert_keep, plan.folder))

        def load() -> "LoadedCheckpoint":
            return load_checkpoint(
                info,
                dtype=plan.dtype,
                device=plan.device,
                threads=plan.threads,
                change=keep if plan.expert_keep is not None else None,
            )

        return TorchEngine(name, plan, load)

    async def _ask(self, request: Try) -> Completion:
        from agentkit.models.local.transformers.answer_call import AnswerCall

        engine = self._get_engine()
        call = AnswerCall(self.name, self._info, engine, request, self.settings.structured)
        return await call.answer(request.arrived)

    @property
    def decides(self) -> bool:
        """Whether it can decide: always, by the probability of every option's whole text."""
        return True

    @property
    def most_questions(self) -> int:
        """How many questions one request may have: what they share is read once all the same."""
        return 1

    async def decide(self, request: Request) -> Completion:
        """Decide the questions of a request by the log-probabilities of their options' texts.

        Raises:
            ModelError: A prompt is too long, or the engine failed.
        """
        return await self._repeat(request, self._ask_options)

    async def _ask_options(self, request: Try) -> Completion:
        loop, gone = asyncio.get_running_loop(), threading.Event()
        work = partial(self._decide_alone, request, gone)
        try:
            return await loop.run_in_executor(self._get_engine().deciders, work)
        finally:
            gone.set()

    def _decide_alone(self, request: Request, gone: threading.Event) -> Completion:
        """Decide while no answer is in the making, unless who asked has gone."""
        from agentkit.models.local.transformers.decision_call import decide_questions
        from agentkit.models.local.transformers.experts import ExpertCounts
        from agentkit.models.local.transformers.prompt_caches import PromptCaches

        engine, experts = self._get_engine(), ExpertCounts()
        caches = engine.once("prompts", PromptCaches)
        with engine.alone() as loaded:
            if engine.tap is not None:
                engine.tap.sink = experts.add
            decided = decide_questions(
                loaded,
                caches,
                request,
                self.settings.option_scores,
                lambda tokens: check_length(self.name, self._info, engine.plan, tokens),
                gone,
            )
        name = self._info.path.name
        return replace(decided, model=name, experts=experts.as_tuples())


def _kept(file: Path | None, folder: Path) -> ExpertKeep:
    assert file is not None
    return read_expert_keep(file, read_mapping(folder / "config.json"), folder.name)
