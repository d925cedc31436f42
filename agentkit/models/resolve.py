"""From what an agent says of a model to a Model, with the settings it was declared with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from agentkit.errors import InputError, suggest
from agentkit.messages import UNSET, Sampling
from agentkit.models.base import Model
from agentkit.models.hosted import HostedModel, Price, Settings
from agentkit.models.keys import get_server
from agentkit.models.registry import get_model, not_taken
from agentkit.models.scripted import ScriptedModel
from agentkit.models.setting_fields import SAMPLING, SERVER, setting_problems

_SETTINGS: Final = frozenset(f.name for f in fields(Settings)) - {"extra"}
"""How the server of a model is called: one for all entries of a model. `extra` is each entry's."""
_KNOWN: Final = (*SAMPLING, *SERVER)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model with the sampling settings it was declared with."""

    model: Model
    sampling: Sampling = UNSET
    extra: Mapping[str, Any] = field(default_factory=dict)
    """The server's own fields of a request."""


class ModelChooser:
    """Looks up the models of one agent. What is named twice is made once, so limits are shared.

    Args:
        env_id: The environment whose expert the model `rules` is.
        folder: Where relative file names in model ids start.
    """

    def __init__(self, env_id: str | None = None, folder: Path | None = None) -> None:
        self._env_id = env_id
        self._folder = folder
        self._made: dict[tuple[Any, ...], _Made] = {}

    def choose(self, value: Any, entry: str | None = None) -> ModelChoice:
        """The choice for an id, a Model, a function, or a mapping with `use` and settings.

        Args:
            value: What to choose.
            entry: Its name in the agent, for messages.

        Raises:
            InputError: It is none of these, or a setting is unknown or cannot be used.
        """
        if isinstance(value, ModelChoice):
            return value
        if not isinstance(value, Mapping):
            return _choice(self._model(value))
        given = {key: setting for key, setting in value.items() if key != "use"}
        for key in given:
            if key not in _KNOWN:
                hint = suggest(str(key), set(_KNOWN))
                raise InputError(f"unknown setting '{key}'.{hint} Known: use, {', '.join(_KNOWN)}")
        if "use" not in value:
            raise InputError("'use' is missing: say which model, such as 'use: echo'")
        if wrong := "; ".join(_problems(value["use"], given)):
            raise InputError(wrong)
        model = self._model(value["use"], _settings(given), given.get("base_url"), entry)
        return _choice(model, _sampling(given), given.get("extra") or {})

    def _model(
        self,
        model: Any,
        settings: Settings | None = None,
        base_url: str | None = None,
        entry: str | None = None,
    ) -> Model:
        if not isinstance(model, str):
            return self._get(model, settings, base_url)
        known = self._made.get(key := _identity(model, base_url))
        if known is None:
            made = self._get(model, settings, base_url)
            self._made[key] = _Made(made, settings, entry)
            return made
        if settings is not None and known.settings is None and isinstance(known.model, HostedModel):
            known.model.set_up(settings)
            self._made[key] = _Made(known.model, settings, entry)
        elif settings not in (None, known.settings):
            names = [f"'{name}'" if name else "the model" for name in (known.entry, entry)]
            raise InputError(
                f"{' and '.join(names)} are the same model, '{model}', with different settings; "
                "it has one server, and so one set of limits: give both the same settings, or "
                "only one of them any"
            )
        return known.model

    @property
    def made(self) -> int:
        """How many models were made from their ids."""
        return len(self._made)

    @property
    def has_scripts(self) -> bool:
        """Whether an id was that of a script, whose answers are used up."""
        return any(isinstance(made.model, ScriptedModel) for made in self._made.values())

    def _get(self, model: Any, settings: Settings | None, base_url: str | None) -> Model:
        return get_model(
            model,
            settings=settings,
            base_url=base_url,
            env_id=self._env_id,
            folder=self._folder,
        )


def _choice(
    model: Model, sampling: Sampling = UNSET, extra: Mapping[str, Any] | None = None
) -> ModelChoice:
    """A model with what its entry says, over what the model itself says."""
    if isinstance(model, HostedModel):
        extra = {**model.settings.extra, **(extra or {})}
    return ModelChoice(model, sampling, extra or {})


@dataclass(frozen=True, slots=True)
class _Made:
    """A model that was made, and for what."""

    model: Model
    settings: Settings | None
    entry: str | None


def _identity(model: str, base_url: str | None) -> tuple[Any, ...]:
    """What makes two mentions the same model: the id and its server, however they are written."""
    if not_taken(model, "base_url"):
        return (model,)
    server = get_server(base_url)
    return (model, *server.origin, urlsplit(server.url).path)


def _problems(use: Any, given: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the settings of a model."""
    yield from setting_problems(given)
    for key, value in given.items():
        if key in SERVER and value is not None and (wrong := not_taken(use, key)):
            yield wrong


def _settings(given: Mapping[str, Any]) -> Settings | None:
    """How the server is called; None when nothing of it is said."""
    said = {key: value for key, value in given.items() if key in _SETTINGS}
    if isinstance(said.get("price"), Mapping):
        said["price"] = Price(**said["price"])
    return Settings(**said) if said else None


def _sampling(given: Mapping[str, Any]) -> Sampling:
    said = {key: value for key, value in given.items() if key in SAMPLING}
    if "stop" in said:
        said["stop"] = tuple(said["stop"] or ())
    return Sampling(**said)
