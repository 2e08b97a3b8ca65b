"""The pages of the repository, and what the tests of documentation read from them."""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "steelyard"
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    info: str
    code: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [Block(match["info"].strip(), match["code"]) for match in FENCE.finditer(page.read_text())]


def pages() -> list[Path]:
    """Every page that a person reads."""
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(SOURCE / "blueprints").rglob("*.md")]


@cache
def trees() -> tuple[ast.Module, ...]:
    """Every module of the program, parsed."""
    return tuple(ast.parse(path.read_text(), str(path)) for path in sorted(SOURCE.rglob("*.py")))


@cache
def rules_in(modules: tuple[ast.Module, ...]) -> set[str]:
    """The names of rules: given as `rule=`, or first to a function or class whose first parameter is called `rule`."""
    takers = {"Finding"} | {name for module in modules for node in ast.walk(module) if (name := _taker(node))}
    calls = [node for module in modules for node in ast.walk(module) if isinstance(node, ast.Call)]
    given = [argument for call in calls if (argument := _rule_of(call, takers)) is not None]
    return {text for argument in given for text in _constants(argument)}


def _taker(node: ast.AST) -> str | None:
    """The name of a function, or of a class of fields, whose first parameter is `rule`."""
    if isinstance(node, ast.FunctionDef):
        names = [argument.arg for argument in node.args.args if argument.arg not in ("self", "cls")]
        return node.name if names[:1] == ["rule"] and not node.name.startswith("__") else None
    if isinstance(node, ast.ClassDef):
        fields = [field.target.id for field in node.body if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)]
        return node.name if fields[:1] == ["rule"] else None
    return None


def _rule_of(call: ast.Call, takers: set[str]) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == "rule":
            return keyword.value
    name = call.func.id if isinstance(call.func, ast.Name) else call.func.attr if isinstance(call.func, ast.Attribute) else ""
    return call.args[0] if name in takers and call.args else None


def _constants(argument: ast.expr) -> set[str]:
    """The texts that an expression can be: a constant, or either side of a choice."""
    if isinstance(argument, ast.IfExp):
        return _constants(argument.body) | _constants(argument.orelse)
    return {argument.value} if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else set()
