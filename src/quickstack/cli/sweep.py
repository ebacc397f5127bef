"""`quickstack sweep`: search for better settings, each trial an experiment of DVC."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from quickstack.models.tuning.experiments import FinishedTrial
    from quickstack.models.tuning.runner import Sweep
    from quickstack.models.tuning.search_space import Values
    from quickstack.models.tuning.trial import TrialResult

_FILE = Path("configuration/sweep.yaml")


def sweep(
    file: Annotated[
        Path | None,
        typer.Argument(help=f"File with the ranges. Default: {_FILE.as_posix()}."),
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Number of trials in all.")] = 20,
    jobs: Annotated[int, typer.Option(min=1, help="Number of trials at a time.")] = 2,
    name: Annotated[str, typer.Option(help="Prefix of the names of its experiments.")] = "sweep",
    apply: Annotated[
        bool, typer.Option("--apply", help="Apply the best trial to the workspace; run none.")
    ] = False,
    branch: Annotated[
        str | None, typer.Option(help="Make a branch of the best trial; run none.")
    ] = None,
) -> None:
    """Search for better settings of the model.

    Each trial is an experiment that `dvc exp show` lists. Trials are compared by cross-validation
    on the training rows, never by the test rows. Call it again to run only the missing trials.
    """
    from quickstack.cli.repository import find_root
    from quickstack.models.tuning.runner import open_sweep

    root = find_root()
    opened = open_sweep(root, file or root / _FILE, name)
    if apply or branch:
        _take(opened, apply=apply, branch=branch)
        return
    exhausted = _run(opened, trials, jobs)
    _show(opened, trials, exhausted=exhausted)


def _run(opened: Sweep, trials: int, jobs: int) -> bool:
    """Run the missing trials; return whether the ranges allow no more."""
    import signal

    from quickstack.models.tuning.runner import run_trials

    there = {trial.number for trial in opened.before}
    if there >= set(range(1, trials + 1)):
        return False
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _Progress(opened, trials, len(there)) as progress:
            return run_trials(opened, trials, jobs, progress.add)
    except KeyboardInterrupt:
        typer.echo(
            "Interrupted. Trials that finished are kept, those that ran are not; to go on, run the "
            "same command again.",
            err=True,
        )
        raise typer.Exit(130) from None


class _Progress:
    """A line for each trial, and a bar on a terminal."""

    def __init__(self, opened: Sweep, trials: int, done: int) -> None:
        from rich import progress as bars
        from rich.console import Console

        self._sweep = opened
        self._bar: Any = bars.Progress(
            bars.TextColumn(opened.name),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task(opened.name, total=trials, completed=done)

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def add(self, number: int, values: Values, ran: TrialResult) -> None:
        from quickstack.models.tuning.experiments import trial_name

        name = trial_name(self._sweep.name, number)
        if ran.sentence is None:
            score = sum(ran.by_fold) / len(ran.by_fold)
            text = f"{self._sweep.metric} {score:.4f}  {_shown(values)}"
        else:
            text = f"failed  {ran.sentence}"
        typer.echo(f"{name}  {text}  ({ran.seconds:.1f} s)")
        self._bar.advance(self._task)


def _show(opened: Sweep, trials: int, *, exhausted: bool) -> None:
    """Say what was found, how sure it is, and what to do with it."""
    from quickstack.models.tuning.experiments import find_finished, trial_name
    from quickstack.models.tuning.runner import failures
    from quickstack.models.tuning.significance import gain, over_folds

    finished = [trial for trial, _ in find_finished(opened.root, opened.name)]
    failed = {
        number: sentence
        for number, sentence in failures(opened, {trial.number for trial in finished}).items()
        if number <= trials
    }
    typer.echo(
        f"\n{len(finished)} trials finished, {len(failed)} failed; compared by {opened.metric} in "
        f"{len(opened.default)} folds of the training rows, never by the test rows"
    )
    if exhausted:
        typer.echo("The ranges allow no other trial.")
    for number, sentence in sorted(failed.items()):
        typer.echo(f"failed     {trial_name(opened.name, number)}: {sentence}")
    if not finished:
        typer.echo("All trials failed. To fix it: see the sentences above.", err=True)
        raise typer.Exit(1)
    best = _best(opened, finished)
    how_good = over_folds(best.by_fold, ordered=opened.ordered)
    default = over_folds(opened.default, ordered=opened.ordered)
    more, noise = gain(best.by_fold, opened.default, ordered=opened.ordered, higher=opened.higher)
    typer.echo(f"best       {best.name}: {_shown(opened.space.used(best.values))}")
    for who, found in (("best", how_good), ("default", default)):
        typer.echo(
            f"{who:<11}{opened.metric} {found.value:.4f} "
            f"(95 % between {found.low:.4f} and {found.high:.4f})"
        )
    typer.echo(
        f"gain       {more.value:+.4f}, paired by fold (95 % between {more.low:+.4f} and "
        f"{more.high:+.4f})"
    )
    if more.value <= 0:
        typer.echo("warning    no trial is better than the default: keep params.yaml as it is")
    elif noise:
        typer.echo("warning    the gain is within noise: the default in params.yaml is as good")
    typer.echo(
        f"note       the best of {len(finished)} looks better than it is, because this score "
        "selected it; the test rows selected nothing: see `quickstack result` after --apply"
    )
    mine = "" if opened.name == "sweep" else f" --name {opened.name}"
    typer.echo(f"next       quickstack sweep{mine} --apply, or{mine} --branch NAME")


def _take(opened: Sweep, *, apply: bool, branch: str | None) -> None:
    """Bring the best trial into the workspace, or make a branch of it, by DVC."""
    import subprocess

    from quickstack.facts.errors import QuickstackError
    from quickstack.models.tuning.experiments import git
    from quickstack.runtime.repository.plan import dvc_reason

    if not opened.before:
        raise QuickstackError(
            f"the sweep '{opened.name}' has no finished trial", fix="run it without --apply"
        )
    best = _best(opened, list(opened.before))
    if apply and git(opened.root, "rev-parse", "HEAD").strip() != opened.base:
        # `dvc exp apply` would take every other change since then back.
        raise QuickstackError(
            f"the sweep began at commit {opened.base[:7]}, and there are newer ones",
            fix="make a branch of the best by --branch NAME, and merge it",
        )
    commands = [["branch", best.name, branch]] if branch else []
    commands += [["apply", best.name]] if apply else []
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "dvc", "exp", *command],
            cwd=opened.root,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise QuickstackError(f"dvc exp {command[0]}: {dvc_reason(done.stderr)}")
    if branch:
        typer.echo(f"{best.name} is branch {branch}; `git switch {branch} && dvc checkout`")
    if apply:
        typer.echo(
            f"{best.name} is in the workspace: {_shown(opened.space.used(best.values))}\n"
            "next       dvc repro && git add --all && git commit"
        )


def _best(opened: Sweep, finished: list[FinishedTrial]) -> FinishedTrial:
    sign = 1 if opened.higher else -1
    return max(finished, key=lambda trial: (sign * trial.score, -trial.number))


def _shown(values: Values) -> str:
    texts = {n: f"{v:.4g}" if isinstance(v, float) else str(v) for n, v in values.items()}
    return ", ".join(f"{name.split('.')[-1]} {text}" for name, text in texts.items())
