"""The floors of DESIGN hold in the test run too: who imports whom, and what `nas --help` must not load."""

import subprocess
import sys
from pathlib import Path

from importlinter import cli
from importlinter.cli import lint_imports

ROOT = Path(__file__).parent.parent
HEAVY = {"torch", "onnx", "onnxruntime", "optuna", "ray", "sklearn", "plotly", "pandas", "scipy", "PIL"}


def test_imports_go_down_only() -> None:
    done = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True, verbose=False)
    assert done == cli.EXIT_STATUS_SUCCESS, "see the contract named above, in pyproject.toml"


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, nas.cli.app; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert HEAVY & set(done.stdout.split()) == set()
