"""Both pages in a real Chromium, beside a run that is alive."""

import pytest
from playwright.sync_api import expect

from steelyard.home import Home
from tests.browser.conftest import LIVE
from tests.browser.pages import assert_live, assert_quiet, browser, cells, open_dashboard, watch

pytestmark = pytest.mark.browser


def test_a_live_run_changes_on_both_pages_without_a_reload_and_without_leaving_this_machine(address: str) -> None:
    seen = watch(address, LIVE)
    assert_live(seen)
    assert seen.runs_after["STATUS"].endswith("Running")
    assert seen.run_before["Goodput"].endswith("%")
    assert "worker 1 was killed" in seen.panels["timeline"]
    assert seen.panels["findings"] == "1 to look at."
    assert all(picture.stat().st_size > 10_000 for picture in seen.pictures)


def test_runs_that_are_over_are_shown_too(address: str) -> None:
    with browser() as opened:
        page = opened.new_page()
        page.goto(address)
        assert cells(page, "ray-training-1")["STATUS"].endswith("Done")
        assert cells(page, "own-script-1")["STATUS"].endswith("Lost")
        failed = cells(page, "lora-finetune-1")
        assert failed["STATUS"].endswith("Failed")
        assert failed["REASON"] == "worker 1 was killed: out of memory <b>&</b>"
        assert (failed["TEAM"], failed["COST"]) == ("-", "-")
        page.get_by_role("link", name="lora-finetune-1").click()
        expect(page.locator(".status")).to_contain_text("Failed")
        expect(page).to_have_url(address.partition("/?")[0] + "/run/lora-finetune-1")


def test_a_finished_run_keeps_its_pictures(address: str) -> None:
    seen = watch(address, "ray-training-1", live=False)
    assert_quiet(seen)
    assert seen.run_after["Step"] == "200 / 200"
    assert all(shapes > 0 for shapes in seen.drawn.values())
    assert seen.panels["log"] == "No log yet."


def test_the_theme_is_chosen_by_the_person_and_kept(address: str) -> None:
    with browser() as opened:
        page = opened.new_page(color_scheme="dark")
        page.goto(address)
        page.locator(".runs").wait_for()
        ground = "getComputedStyle(document.body).backgroundColor"
        dark = page.evaluate(ground)
        page.get_by_role("button", name="Theme").click()
        light = page.evaluate(ground)
        page.reload()
        page.locator(".runs").wait_for()
        assert page.evaluate(ground) == light
        assert dark != light


def test_another_log_can_be_read(address: str, home: Home) -> None:
    (home.runs / LIVE / "logs" / "driver.log").write_text("the driver says so\n")
    with browser() as opened:
        page = opened.new_page()
        page.goto(address)
        page.goto(f"{address.partition('/?')[0]}/run/{LIVE}")
        expect(page.locator(".log")).to_contain_text("step ")
        page.get_by_role("button", name="driver").click()
        expect(page.locator(".log")).to_contain_text("the driver says so")


def test_the_address_of_a_run_opens_its_page_and_a_name_that_is_none_is_answered(home: Home) -> None:
    with open_dashboard(home, "ray-training") as address, browser() as opened:
        page = opened.new_page()
        page.goto(address)
        expect(page.locator("h1")).to_have_text(LIVE)
        page.goto(address.partition("/run")[0] + "/run/nothing")
        expect(page.locator(".empty")).to_contain_text("no run named 'nothing' here")
