from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from examples import write
from helpers import ROOT
from quickstack.guard.verifying.imports import module_closure
from quickstack.guard.verifying.syntax import syntax

FILES = {
    "pkg/__init__.py": "y = 1\n",
    "pkg/a.py": "from pkg.sub import deep\nimport os\n",
    "pkg/b.py": "def f():\n    from . import lazy\n",
    "pkg/lazy.py": "from .sub.deep import x\n",
    "pkg/sub/__init__.py": '"""Nothing runs here."""\n',
    "pkg/sub/deep.py": "x = 1\n",
    "pkg/types.py": "",
    "pkg/loop.py": "import pkg.loop2\n",
    "pkg/loop2.py": "import pkg.loop\n",
}
CASES = {
    "import pkg.a": {"pkg/__init__.py", "pkg/a.py", "pkg/sub/deep.py"},
    "from pkg import b": {"pkg/__init__.py", "pkg/b.py", "pkg/lazy.py", "pkg/sub/deep.py"},
    "import os, json": set(),
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pkg.types": set(),
    "import pkg.loop": {"pkg/__init__.py", "pkg/loop.py", "pkg/loop2.py"},
    "try:\n    import pkg.a as alias\nexcept ImportError:\n    pass": {
        "pkg/__init__.py",
        "pkg/a.py",
        "pkg/sub/deep.py",
    },
}


@pytest.mark.parametrize(("script", "expected"), CASES.items(), ids=range(len(CASES)))
def test_the_closure_is_what_can_be_imported(tmp_path, script, expected):
    for name, text in FILES.items():
        write(tmp_path / name, text)
    path = write(tmp_path / "script.py", script + "\n")
    found = {p.relative_to(tmp_path).as_posix() for p in module_closure(path)}
    assert found == expected | {"script.py"}


STAGES = sorted(path.stem for path in (ROOT / "src").glob("*.py"))


@pytest.mark.parametrize("stage", STAGES)
def test_the_closure_holds_what_importing_the_script_really_loads(stage):
    code = (
        "import sys; sys.path.insert(0, 'src'); before = set(sys.modules); "
        f"import {stage}; "
        "print(*{m.__file__ for n, m in sys.modules.items() if n not in before "
        "and getattr(m, '__file__', None)}, sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import site; site.main(); {code}"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = {line for line in done.stdout.splitlines() if line.startswith(str(ROOT / "src"))}
    closure = {str(path) for path in module_closure(ROOT / "src" / f"{stage}.py")}
    loaded = {name for name in loaded if not syntax(Path(name)).empty}
    assert loaded
    assert loaded <= closure


HEAVY = {"pandas", "sklearn", "pyarrow", "dask", "distributed", "scipy", "skops", "boto3", "dvc"}


@pytest.mark.parametrize("stage", STAGES)
def test_importing_a_script_imports_nothing_heavy(stage):
    code = (
        f"import sys; sys.path.insert(0, 'src'); import {stage}; "
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
