"""A film grows by one picture at a time, is whole after each, and loses nothing."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from agentkit.environments.captions import captioned
from agentkit.environments.film import HOLD, MOST_PIXELS, Film


def picture(*, width: int = 33, height: int = 21, seed: int = 0) -> Image.Image:
    """Coloured dots on grey, drawn from a seed."""
    rng = np.random.default_rng(seed)
    dots = np.full((height, width, 3), 128, np.uint8)
    dots[rng.integers(height, size=9), rng.integers(width, size=9)] = rng.integers(256, size=(9, 3))
    return Image.fromarray(dots)


def shown(path: Path) -> list[Image.Image]:
    """The pictures that somebody sees who watches a film."""
    with Image.open(path) as film:
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(film)]
    for frame in frames:
        frame.info.clear()  # or no two of them are equal
    return frames


def times_ms(path: Path) -> list[int]:
    """How long each is shown."""
    with Image.open(path) as film:
        return [frame.copy().info["duration"] for frame in ImageSequence.Iterator(film)]


def test_a_film_can_be_watched_after_every_picture(tmp_path):
    film = Film(tmp_path / "film.webp", fps=4)
    pictures = [picture(seed=seed) for seed in range(5)]
    for number, one in enumerate(pictures, 1):
        film.append(one)
        assert len(film) == number
        assert shown(film.path) == pictures[:number]


def test_the_last_picture_is_held_and_all_come_again_for_ever(tmp_path):
    film = Film(tmp_path / "film.webp", fps=4)
    for seed in range(3):
        film.append(picture(seed=seed))
    assert times_ms(film.path) == [250, 250, 250 * HOLD]
    with Image.open(film.path) as again:
        assert again.info["loop"] == 0


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8), st.data())
def test_what_is_cut_and_gone_on_with_is_as_if_it_had_never_been_there(
    tmp_path_factory, seeds, data
):
    path = tmp_path_factory.mktemp("film") / "film.webp"
    film = Film(path, fps=2)
    for seed in seeds:
        film.append(picture(seed=seed))
    length = data.draw(st.integers(0, len(seeds)))
    again = Film(path, fps=2) if data.draw(st.booleans()) else film
    again.cut(length)
    for seed in (7, 8):
        again.append(picture(seed=seed))
    assert shown(path) == [picture(seed=seed) for seed in [*seeds[:length], 7, 8]]
    assert times_ms(path) == [500] * (length + 1) + [500 * HOLD]


def test_a_picture_that_was_half_written_is_left_out_and_overwritten(tmp_path):
    film = Film(tmp_path / "film.webp", fps=2)
    for seed in range(3):
        film.append(picture(seed=seed))
    whole = film.path.read_bytes()
    film.append(picture(seed=3))
    more = film.path.read_bytes()
    killed = whole[:4] + whole[4:] + more[len(whole) : len(whole) + 20]
    film.path.write_bytes(killed)
    again = Film(film.path, fps=2)
    assert len(again) == 3
    again.append(picture(seed=5))
    assert shown(film.path) == [picture(seed=seed) for seed in (0, 1, 2, 5)]


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"RIFF\x04\0\0\0WEBP", bytes(range(64))])
def test_a_file_that_is_no_film_is_begun_anew(tmp_path, data):
    path = tmp_path / "film.webp"
    path.write_bytes(data)
    film = Film(path, fps=2)
    film.append(picture())
    assert shown(path) == [picture()]


def test_pictures_of_another_size_are_fitted_in(tmp_path):
    film = Film(tmp_path / "film.webp", fps=2)
    film.append(picture())
    film.append(picture(width=66, height=42))
    film.append(picture(width=10, height=10))
    sizes = {one.size for one in shown(film.path)}
    assert sizes == {(33, 21)}
    corner = shown(film.path)[2].crop((0, 0, 10, 10))
    assert corner == picture(width=10, height=10)


def test_a_film_that_was_cut_to_nothing_may_have_another_size(tmp_path):
    film = Film(tmp_path / "film.webp", fps=2)
    film.append(picture())
    film.cut(0)
    film.append(picture(width=50))
    assert shown(film.path)[0].size == (50, 21)


def test_a_huge_picture_is_made_smaller(tmp_path):
    film = Film(tmp_path / "film.webp", fps=2)
    film.append(Image.new("RGB", (2 * MOST_PIXELS, 100)))
    assert shown(film.path)[0].size == (MOST_PIXELS, 50)


def test_photographs_are_kept_small_with_a_loss_that_nobody_sees(tmp_path):
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(256, size=(90, 160, 3), dtype=np.uint8))
    grain = rng.integers(-6, 7, size=(720, 1280, 3))
    photograph = np.asarray(coarse.resize((1280, 720), Image.Resampling.BICUBIC)) + grain
    photograph = photograph.clip(0, 255).astype(np.uint8)
    film = Film(tmp_path / "film.webp", fps=2)
    film.append(Image.fromarray(photograph))
    assert film.path.stat().st_size < 400_000
    error = np.asarray(shown(film.path)[0]).astype(int) - photograph
    assert np.abs(error).mean() < 6


def test_words_stand_under_the_picture_and_are_cut_where_there_is_no_room():
    dark, short, long = (captioned(picture(), words) for words in ("", "3: east", "east " * 99))
    assert dark.size == short.size == long.size
    assert dark.width >= 280
    left = (short.width - 33) // 2
    assert short.crop((left, 0, left + 33, 21)) == picture()
    strips = [np.asarray(one)[21:].max() for one in (dark, short, long)]
    assert strips[0] < 100 < min(strips[1:])
    assert np.asarray(long)[21:, -8:].max() < 100, "the words run into the margin"


def test_letters_that_the_font_lacks_do_no_harm():
    captioned(picture(), "按钮 \u202e ‮ 🙂 \x00")
