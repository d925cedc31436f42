"""The answer of a model while it arrives, as LangChain's callbacks are told of it."""

import asyncio
from dataclasses import replace

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import LC_ID_PREFIX, AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from agentkit.messages import Request


class ToldAnswer:
    """Tells callbacks each piece of a model's text, in order.

    The pieces of an answer and the whole of it have one id: LangGraph shows each id once. A further
    try has an id of its own, since what a broken stream sent is no part of the answer.

    Args:
        manager: Tells callbacks about the call.
        request: What the model is asked.
    """

    def __init__(self, manager: AsyncCallbackManagerForLLMRun, request: Request) -> None:
        self._manager = manager
        self._asked = request
        self._queue: asyncio.Queue[tuple[str, str] | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._tries = 1
        self.request = request
        """The request to make, which tells of its pieces and its tries."""
        if request.on_text is not None:
            self.request = replace(request, on_text=self._on_text, on_retry=self._on_retry)

    @property
    def message_id(self) -> str:
        """The id of the answer that is under way."""
        message_id = f"{LC_ID_PREFIX}-{self._manager.run_id}"
        return message_id if self._tries == 1 else f"{message_id}-{self._tries}"

    def _on_text(self, text: str) -> None:
        if self._asked.on_text is not None:
            self._asked.on_text(text)
        self._task = self._task or asyncio.create_task(self._tell())
        self._queue.put_nowait((self.message_id, text))

    async def _on_retry(self, reason: str, wait_s: float) -> None:
        self._tries += 1
        if self._asked.on_retry is not None:
            await self._asked.on_retry(reason, wait_s)

    async def _tell(self) -> None:
        while (piece := await self._queue.get()) is not None:
            message_id, text = piece
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=text, id=message_id))
            await self._manager.on_llm_new_token(text, chunk=chunk)

    async def told(self) -> None:
        """Wait until all of it is told."""
        self._queue.put_nowait(None)
        if self._task is not None:
            await self._task
