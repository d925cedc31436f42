"""The shop's web pages in Chromium: a purchase there and one in words are rewarded alike."""

import os
import shutil

import gymnasium
import pytest
from playwright.sync_api import sync_playwright

from agentkit.plugins import register_envs

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ROOT = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium"
)


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ROOT)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    """A page that runs no script and notes the address of everything it loads."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.loaded = []
    page.on("request", lambda request: page.loaded.append(request.url))
    yield page
    context.close()


@pytest.fixture(scope="module")
def env(shop_data, shop_cache):
    register_envs()
    env = gymnasium.make("agentkit/WebShop-v1", data=shop_data, cache=shop_cache, max_steps=None)
    yield env
    env.close()


def press(page, button):
    page.get_by_role("button", name=button, exact=True).click()


def follow(page, link):
    page.get_by_role("link", name=link, exact=True).first.click()


@pytest.mark.parametrize("session", [0, 7])
@pytest.mark.parametrize("color", ["red", "navy [dark]"])
def test_a_purchase_through_chromium_gets_the_reward_of_the_text_environment(
    shop_address, page, env, session, color
):
    _, info = env.reset(options={"session": session})
    page.goto(shop_address)
    page.get_by_label("Goal").fill(str(session))
    press(page, "Go shopping")
    assert page.url == f"{shop_address}{session}"
    assert page.locator("#instruction-text").inner_text() == info["instruction"]
    page.get_by_role("searchbox").fill("desk lamp")
    press(page, "Search")
    assert page.locator(".product-link").count() == 10
    follow(page, "Next >")
    asin = page.locator(".asin").last.inner_text()
    page.locator(".product-link").last.click()
    page.get_by_role("radio", name=color, exact=True).check()
    press(page, "Description")
    assert "A bright lamp." in page.locator("article").inner_text()
    follow(page, "< Prev")
    assert page.get_by_role("radio", name=color, exact=True).is_checked()
    press(page, "Buy Now")

    clicks = ("next >", asin, color, "description", "< prev", "buy now")
    for action in ("search[desk lamp]", *(f"click[{text}]" for text in clicks)):
        _, reward, terminated, _, info = env.step(action)
        assert info["understood"], action
    assert terminated
    assert float(page.locator("#reward").get_attribute("value")) == reward
    cells = page.get_by_role("cell").all_inner_texts()
    score, bought = info["score"], info["purchase"]
    assert cells[:4] == [
        f"{score['matched_attributes']} of {score['attributes']}",
        f"{score['matched_options']} of {score['options']}",
        "yes" if score["price_ok"] else "no",
        str(score["type_factor"]),
    ]
    assert cells[5:] == [f"{bought['title']} {asin}", color, f"${bought['price']}"]
    assert {url for url in page.loaded if not url.startswith(shop_address)} <= {"data:,"}


def test_choices_are_kept_on_the_pages_about_a_product_and_forgotten_by_the_results(
    shop_address, page
):
    page.goto(f"{shop_address}3/search?q=lamp")
    page.locator(".product-link").first.click()
    radio = page.get_by_role("radio", name="red", exact=True)
    radio.check()
    for name in ("Description", "Features", "Reviews"):
        press(page, name)
        assert page.get_by_role("heading", level=1).inner_text() == name
        follow(page, "< Prev")
        assert radio.is_checked()
    follow(page, "< Prev")
    assert page.url.endswith("/3/search?q=lamp&page=1")
    page.locator(".product-link").first.click()
    assert not radio.is_checked()


def test_a_purchase_can_be_made_with_the_keyboard_alone(shop_address, page):
    page.goto(f"{shop_address}3")
    page.locator("input:focus").wait_for()
    page.keyboard.type("lamp")
    page.keyboard.press("Enter")
    page.locator(".product-link").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("radio").first.focus()
    page.keyboard.press("ArrowDown")
    page.get_by_role("button", name="Buy Now").focus()
    page.keyboard.press("Enter")
    page.get_by_role("cell", name="navy [dark]").wait_for()


@pytest.mark.parametrize("path", ["", "3", "3/search?q=lamp", "3/search?q=zzz", "3/nothing"])
def test_pages_fit_a_phone(shop_address, browser, path):
    context = browser.new_context(viewport={"width": 320, "height": 640})
    page = context.new_page()
    page.goto(shop_address + path)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    context.close()
