"""`agentkit run --record` and `--show`: pictures of a run, or a window."""

import json
from pathlib import Path

import painted
import pytest
from PIL import Image

PAINTED = """\
version: 1
name: painter
env: {id: test/Painted-v0, length: 3}
model: script:east.json
nodes:
  act: "{{ observation }} Where to?"
"""


@pytest.fixture(autouse=True)
def painter(folder: Path) -> None:
    painted.register()
    (folder / "painter.yaml").write_text(PAINTED)
    (folder / "east.json").write_text('{"act": "east"}')


def pictures(path: str) -> int:
    with Image.open(path) as film:
        return film.n_frames


def test_a_recorded_run_names_its_film(invoke):
    result = invoke("run", "painter.yaml", "--record", "--out", "run")
    assert result.exit_code == 0
    assert "\n  film       run/pictures/0000.webp (open it in a browser)\n" in result.stdout
    assert pictures("run/pictures/0000.webp") == 4


def test_films_of_several_episodes_are_counted(invoke):
    result = invoke("run", "painter.yaml", "--record", "--episodes", "2", "--out", "run")
    assert "\n  films      2 in run/pictures (open them in a browser)\n" in result.stdout


def test_json_lists_the_films(invoke):
    result = invoke("run", "painter.yaml", "--record", "--out", "run", "--json")
    assert json.loads(result.stdout)["films"] == ["run/pictures/0000.webp"]
    result = invoke("run", "painter.yaml", "--json")
    assert json.loads(result.stdout)["films"] == []


def test_show_names_the_film_of_a_run(invoke):
    invoke("run", "painter.yaml", "--record", "--out", "run")
    assert "run/pictures/0000.webp (open it in a browser)" in invoke("show", "run").stdout
    invoke("run", "painter.yaml", "--out", "other")
    assert "\n  film " not in invoke("show", "other").stdout


def test_show_names_the_picture_that_a_step_saw(invoke):
    invoke("run", "painter.yaml", "--record", "--out", "run")
    shown = invoke("show", "run", "--episode", "0", "--step", "1").stdout
    assert "picture: run/pictures/0000/0001.png\n" in shown
    assert "0002.png" not in shown


def test_a_recorded_run_that_is_resumed_goes_on_with_its_film(invoke):
    invoke("run", "painter.yaml", "--record", "--steps", "1", "--out", "run")
    assert pictures("run/pictures/0000.webp") == 2
    result = invoke("run", "--resume", "run", "--steps", "3")
    assert result.exit_code == 0
    assert pictures("run/pictures/0000.webp") == 4


def test_a_run_can_be_recorded_when_it_is_resumed(invoke):
    invoke("run", "painter.yaml", "--steps", "1", "--out", "run")
    invoke("run", "--resume", "run", "--steps", "2", "--record")
    invoke("run", "--resume", "run", "--steps", "3")
    assert pictures("run/pictures/0000.webp") == 4


def test_a_fork_that_is_recorded_has_the_whole_film(invoke):
    invoke("run", "painter.yaml", "--out", "run")
    result = invoke("run", "painter.yaml", "--from", "run:0:2", "--record", "--out", "fork")
    assert result.exit_code == 0
    assert pictures("fork/pictures/0000.webp") == 4


def test_a_replay_of_a_recorded_run_is_the_same_run(invoke):
    invoke("run", "painter.yaml", "--record", "--out", "run")
    result = invoke("replay", "run", "--out", "again")
    assert result.exit_code == 0
    assert "film" not in result.stdout


def test_a_run_that_is_over_can_be_filmed_by_a_replay(invoke):
    invoke("run", "painter.yaml", "--out", "run")
    result = invoke("replay", "run", "--out", "again", "--record")
    assert result.exit_code == 0
    assert "  film  again/pictures/0000.webp (open it in a browser)\n" in result.stdout
    assert pictures("again/pictures/0000.webp") == 4


def test_a_replay_with_nothing_to_see_leaves_no_folder(invoke, folder):
    (folder / "painter.yaml").write_text(PAINTED.replace("Painted", "Forgetful"))
    invoke("run", "painter.yaml", "--out", "run")
    result = invoke("replay", "run", "--out", "again", "--record")
    assert result.exit_code == 2
    assert "there is nothing to see" in result.stderr
    assert not (folder / "again").exists()
    assert invoke("replay", "run", "--record", "--show").exit_code == 2


def test_an_environment_without_pictures_is_refused_and_leaves_no_folder(invoke, folder):
    result = invoke("run", "walker.yaml", "--record", "--out", "run")
    assert result.exit_code == 2
    assert "--record: environment 'test/Corridor-v0' gives no pictures" in result.stderr
    assert not (folder / "run").exists()


def test_an_environment_without_a_window_is_refused(invoke):
    result = invoke("run", "painter.yaml", "--show")
    assert result.exit_code == 2
    assert "--show: environment 'test/Painted-v0' opens no window" in result.stderr


def test_without_a_screen_the_command_is_refused(invoke, folder):
    text = PAINTED.replace("Painted", "Screenless")
    (folder / "painter.yaml").write_text(text)
    assert invoke("run", "painter.yaml").exit_code == 0
    result = invoke("run", "painter.yaml", "--show")
    assert result.exit_code == 2
    assert "there is no screen here" in result.stderr


def test_a_window_is_shown(invoke, folder):
    (folder / "painter.yaml").write_text(PAINTED.replace("Painted", "Windowed"))
    result = invoke("run", "painter.yaml", "--show", "--out", "run")
    assert result.exit_code == 0
    assert "Seen as human." in invoke("show", "run", "--episode", "0").stdout


def test_show_and_record_do_not_go_together(invoke):
    result = invoke("run", "painter.yaml", "--show", "--record")
    assert result.exit_code == 2
    assert "--show and --record do not go together" in result.stderr


@pytest.mark.parametrize("option", ["--show", "--record"])
def test_one_node_alone_plays_nothing_that_could_be_seen(invoke, option):
    result = invoke("run", "painter.yaml", "--node", "act", option)
    assert result.exit_code == 2
    assert f"{option} goes with a whole run, not with --node" in result.stderr
