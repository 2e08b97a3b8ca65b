"""`version` and `completion`: about Steelyard itself."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from typer._completion_shared import get_completion_script

from steelyard import __version__
from steelyard.cli.output import say, write

INSTALL = {
    "bash": "steelyard completion bash > ~/.local/share/bash-completion/completions/steelyard",
    "zsh": "steelyard completion zsh > ~/.zfunc/_steelyard    (with `fpath+=~/.zfunc; autoload -Uz compinit; compinit` in ~/.zshrc)",
    "fish": "steelyard completion fish > ~/.config/fish/completions/steelyard.fish",
}


class Shell(StrEnum):
    bash = "bash"
    zsh = "zsh"
    fish = "fish"


def version() -> None:
    """Print the version of Steelyard.

    Example:
      steelyard version
    """
    write(f"steelyard {__version__}\n")


def completion(shell: Annotated[Shell, typer.Argument(help="The shell to complete in.", show_default=False)]) -> None:
    """Print the completion script of a shell on stdout, and on stderr how to install it.

    Example:
      source <(steelyard completion bash)
    """
    write(get_completion_script(prog_name="steelyard", complete_var="_STEELYARD_COMPLETE", shell=shell.value) + "\n")
    say(f"to install: {INSTALL[shell.value]}")
