"""The two commands of the README and those of a developer."""

import os
import re
import subprocess

import pytest

from tests.docs.pages import ROOT

TARGETS = ("install", "lock", "demo", "check", "test", "prove", "docs")
MAKEFILE = (ROOT / "Makefile").read_text()


def test_make_alone_lists_every_target() -> None:
    shown = subprocess.run(["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^make (\w+)", shown, re.MULTILINE) == list(TARGETS)


@pytest.mark.parametrize("script", sorted(set(re.findall(r"scripts/\w+", MAKEFILE))))
def test_every_script_can_be_executed_and_parses(script: str) -> None:
    path = ROOT / script
    assert os.access(path, os.X_OK)
    if path.read_text().startswith("#!/usr/bin/env bash"):
        assert subprocess.run(["bash", "-n", str(path)], capture_output=True, check=False).returncode == 0


def test_the_lock_pins_every_package_with_hashes_and_names_no_address() -> None:
    lock = (ROOT / "requirements" / "all.txt").read_text()
    packages = re.findall(r"^\S.*", lock, re.MULTILINE)
    assert len(packages) > 100
    assert [line for line in packages if "==" not in line] == []
    assert lock.count("--hash=sha256:") >= len(packages)
    assert "://" not in lock
