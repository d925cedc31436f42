"""EchoModel: answers with the prompt it was sent."""

from agentkit.messages import Completion, Request, Usage


class EchoModel:
    """Answers with the text of the last message, at no cost. Shows what a model would be asked."""

    name = "echo"
    reads_variables = False

    async def complete(self, request: Request) -> Completion:
        """Answer with the prompt itself."""
        text = request.prompt
        if request.on_text is not None:
            request.on_text(text)
        words = sum(len(message.content.split()) for message in request.messages)
        usage = Usage(input_tokens=words, output_tokens=len(text.split()), calls=1)
        return Completion(text, usage, cost_usd=0.0, model=self.name)

    def cost_usd(self, usage: Usage) -> float:
        """Nothing: answers of this kind are free."""
        return 0.0
