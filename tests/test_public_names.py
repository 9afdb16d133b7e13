"""One name, one meaning: what two modules define under one name is a command, or one of the few that are explained."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import nas

PACKAGE = Path(nas.__file__).parent
EXPLAINED = {
    "T": "a type variable",
    "P": "a type variable",
    "main": "where a program begins: the command line, the runner on a board",
    "library": "every session of a runtime answers to it",
    "nodes": "every session of a runtime answers to it",
    "version": "every session of a runtime answers to it",
}


def public_names(module: ast.Module) -> Iterator[str]:
    for node in module.body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found = [name]
            case ast.Assign(targets=targets):
                found = [target.id for target in targets if isinstance(target, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name)):
                found = [name]
            case _:
                continue
        yield from (name for name in found if not name.startswith("_"))


def test_no_two_modules_define_one_public_name() -> None:
    """Commands and the functions of the Python API are named after what they do, and so is what does it."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted(PACKAGE.glob("**/*.py")):
        module = path.relative_to(PACKAGE).as_posix()
        if not module.startswith("cli/commands/"):
            for name in public_names(ast.parse(path.read_text())):
                if not (module.startswith("api/") and name in nas.__all__):
                    places[name].append(module)
    double = {name: found for name, found in places.items() if len(found) > 1}
    assert set(double) == set(EXPLAINED), {name: found for name, found in double.items() if name not in EXPLAINED}


def test_no_flat_folder_has_more_than_sixteen_modules() -> None:
    counts = {folder: len(list(folder.glob("*.py"))) for folder in (PACKAGE, *PACKAGE.glob("**/"))}
    assert max(counts.values()) <= 17, {str(f.relative_to(PACKAGE)): n for f, n in counts.items() if n > 17}
