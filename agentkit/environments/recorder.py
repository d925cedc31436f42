"""The pictures of an episode: each as a file, and all of them as a film."""

import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agentkit.atomic_files import write_atomic
from agentkit.environments.captions import captioned
from agentkit.environments.film import Film
from agentkit.errors import EnvError, TraceError, visible

if TYPE_CHECKING:
    import gymnasium
    from PIL.Image import Image

FOLDER: Final = "pictures"
"""Where in the folder of a run pictures and films lie."""
_FPS: Final = 2.0
"""How many pictures a second a film shows of an environment that does not say."""
_MOST_FPS: Final = 5.0
"""And at most: each picture is a decision, which somebody wants to follow."""
_NAME: Final = re.compile(r"([0-9]{4,})(?:_([0-9]+))?\.png")
_FILM: Final = re.compile(r"[0-9]{4,}\.webp")
_TEXT: Final = "Description"
"""Under this name a picture's file says what was done."""

PicturePlace = tuple[int, int]
"""The step that a picture was seen in; 0, or its number among those drawn during the step."""


class Recorder:
    """Takes the pictures of one episode.

    `pictures/0000/0003.png` is what step 3 of episode 0 saw; `0003_1.png` and so on are what the
    environment drew while it carried out the action. `pictures/0000.webp` has all of them.

    Args:
        folder: The folder of the run.
        episode: The episode's number.
        env: The environment; its `render()` gives an array, or the arrays since the last time.
    """

    def __init__(self, folder: Path, episode: int, env: "gymnasium.Env[Any, Any]") -> None:
        self._env = env
        self._folder = folder / FOLDER / f"{episode:04d}"
        with self._writing():
            self._film = Film(self._folder.with_suffix(".webp"), _fps(env))
        self._steps = 0
        self._caught_up = False
        self._filled = False
        """Whether a picture was missing among those of recorded steps."""

    def begin(self, *, again: bool = False) -> None:
        """The environment was reset.

        Args:
            again: Whether a recorded episode is repeated. Pictures that it has are left alone.

        Raises:
            EnvError: The environment gives no picture.
            TraceError: A file cannot be written.
        """
        self._steps = 0
        drawn = self._drawn()[-1:]
        self._take(zip([(0, 0)], drawn, strict=False), "start", again)

    def step(self, action: str, reward: float, *, again: bool = False) -> None:
        """The environment carried out an action.

        Raises:
            EnvError: The environment gives no picture.
            TraceError: A file cannot be written.
        """
        earned = f"   reward {reward:g}" if reward else ""
        words = f"{self._steps}: {' '.join(visible(action).split())}{earned}"
        drawn = self._drawn()
        places = [(self._steps, number) for number in range(1, len(drawn))]
        self._steps += 1
        self._take(zip([*places, (self._steps, 0)], drawn, strict=False), words, again)

    def close(self) -> None:
        """Let the film have every picture.

        Raises:
            TraceError: A file cannot be written.
        """
        if not self._caught_up and self._folder.exists():
            with self._writing():
                self._catch_up(_stills(self._folder))

    def _drawn(self) -> list["Image"]:
        """What the environment drew since the last time."""
        from PIL import Image

        drawn: Any = self._env.render()
        arrays = list(drawn) if isinstance(drawn, (list, tuple)) else [drawn]
        if wrong := [array for array in arrays if getattr(array, "ndim", None) != 3]:
            raise EnvError(
                f"the environment's render() gave {type(wrong[0]).__name__}, expected a picture: "
                "an array of height x width x 3"
            )
        try:
            return [Image.fromarray(array).convert("RGB") for array in arrays]
        except (TypeError, ValueError) as error:
            raise EnvError(
                f"what the environment's render() gave is no picture: {error}"
            ) from error

    def _take(
        self, pictures: Iterable[tuple[PicturePlace, "Image"]], words: str, again: bool
    ) -> None:
        with self._writing():
            if not again and not self._caught_up:
                self._delete_superseded()
            for place, picture in pictures:
                self._keep(place, picture, words, again)

    def _keep(self, place: PicturePlace, picture: "Image", words: str, again: bool) -> None:
        path = self._folder / _name(place)
        if again and path.exists():
            return
        write_atomic(path, _png(picture, words))
        if again:
            self._filled = True
        else:
            self._film.append(captioned(picture, words))

    def _delete_superseded(self) -> None:
        """Delete the stills of steps that are not in the record, or were superseded."""
        first = (self._steps - 1, 1) if self._steps else (0, 0)
        stills = _stills(self._folder) if self._folder.exists() else []
        for still in stills:
            if still >= first:
                (self._folder / _name(still)).unlink()
        self._catch_up([still for still in stills if still < first])

    def _catch_up(self, stills: list[PicturePlace]) -> None:
        """Let the film have just these pictures."""
        from PIL import Image

        self._film.cut(0 if self._filled else len(stills))
        for still in stills[len(self._film) :]:
            with Image.open(self._folder / _name(still)) as picture:
                picture.load()
                self._film.append(captioned(picture, str(picture.info.get(_TEXT, ""))))
        self._caught_up = True

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            why = error.strerror or error
            raise TraceError(f"cannot write the pictures in {self._folder}: {why}") from error


def films(folder: Path) -> list[Path]:
    """The films of a run, by episode."""
    found = [path for path in (folder / FOLDER).glob("*.webp") if _FILM.fullmatch(path.name)]
    return sorted(found, key=lambda path: int(path.stem))


def picture_of(folder: Path, episode: int, step: int) -> Path | None:
    """What a step of a run saw; None where it was not recorded."""
    path = folder / FOLDER / f"{episode:04d}" / _name((step, 0))
    return path if path.exists() else None


def _stills(folder: Path) -> list[PicturePlace]:
    """The pictures of an episode, in their order."""
    found = [match for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
    return sorted((int(match[1]), int(match[2] or 0)) for match in found)


def _name(place: PicturePlace) -> str:
    step, number = place
    return f"{step:04d}_{number}.png" if number else f"{step:04d}.png"


def _png(picture: "Image", words: str) -> bytes:
    """A picture's file; it also says what was done."""
    from PIL.PngImagePlugin import PngInfo

    said = PngInfo()
    said.add_itxt(_TEXT, words)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=said)
    return buffer.getvalue()


def _fps(env: "gymnasium.Env[Any, Any]") -> float:
    """How many pictures of an environment are shown a second."""
    said: Any = env.metadata.get("render_fps")
    if isinstance(said, (int, float)) and said > 0:
        return min(float(said), _MOST_FPS)
    return _FPS
