"""EchoModel: answers with the prompt it was sent."""

from dataclasses import replace

from agentkit.messages import Completion, Request, Usage
from agentkit.models.decisions import certain


class EchoModel:
    """Answers with the text of the last message, at no cost. Shows what a model would be asked."""

    name = "echo"
    reads_variables = False

    async def complete(self, request: Request) -> Completion:
        """Answer with the prompt itself."""
        text = request.prompt
        if request.on_text is not None:
            request.on_text(text)
        return Completion(text, self.most_usage(request), model=self.name)

    decides = True
    most_questions = 1

    async def decide(self, request: Request) -> Completion:
        """Decide for the first option: which one is as good as any other."""
        question = request.questions[0]
        completion = await self.complete(replace(request, on_text=None))
        return replace(completion, decisions=(certain(question, question.options[0]),))

    def most_usage(self, request: Request) -> Usage:
        """What it takes: a token a word."""
        words = sum(len(message.content.split()) for message in request.messages)
        return Usage(
            input_tokens=words, output_tokens=len(request.prompt.split()), calls=1, cost_usd=0.0
        )

    def cost_usd(self, usage: Usage) -> float:
        """Nothing: answers of this kind are free."""
        return 0.0
