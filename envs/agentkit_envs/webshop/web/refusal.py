"""What the shop cannot show, in words for the page that says so."""


class Refusal(Exception):
    """A request that leads nowhere.

    Args:
        status: The HTTP status.
        title: What is wrong, in a few words.
        told: What was found and what would be right.
        back: The address of the page to go on from.
    """

    def __init__(self, status: int, title: str, told: str, back: str = "/") -> None:
        self.status = status
        self.title = title
        self.told = told
        self.back = back
        super().__init__(status, title, told, back)
