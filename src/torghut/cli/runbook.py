"""`torghut runbook`: the procedures. Plan, run, resume, look back."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from torghut.cli.output import Exit, print_json
from torghut.cli.targets import HERE, Context, Namespace, Overlay, Repository, Target, choice, runner_of

if TYPE_CHECKING:
    from torghut.ops.approval import Approver
    from torghut.ops.plan import Plan
    from torghut.ops.procedure import Input, Procedure, Request
    from torghut.ops.runner import Outcome, Runner
    from torghut.ops.state import Note

app = typer.Typer(
    help="The procedures: each plans, acts, verifies, undoes and leaves evidence. Begin with `list`, then `plan`.",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Name = Annotated[str, typer.Argument(help="A procedure; see `torghut runbook list`.")]
RunId = Annotated[str, typer.Argument(help="The run's id; see `torghut runbook history`.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Approve what cannot be undone, without being asked.")]
Given = Annotated[list[str] | None, typer.Option("--set", help="An input that is no secret: NAME=VALUE.")]
Secrets = Annotated[
    list[str] | None,
    typer.Option("--secret", help="A secret input: NAME=FILE, or NAME=- for a line of stdin. Asked for if missing."),
]
Id = Annotated[str | None, typer.Option("--id", help="Names this request: the same id again changes nothing.")]
Authority = Annotated[bool, typer.Option("--ca", help="kafka-rotation: the authority instead of the passwords.")]
Emergency = Annotated[
    bool, typer.Option("--emergency", help="In force first, committed after; automated sync is paused meanwhile.")
]


@app.callback()
def place(
    command: typer.Context,
    context: Context = None,
    namespace: Namespace = None,
    repository: Repository = HERE,
    overlay: Overlay = "prod",
) -> None:
    """Where an installation on Kubernetes is; each command says by `--target` whether it is meant."""
    command.obj = choice(context, namespace, repository, overlay)


@app.command("list")
def list_procedures(command: typer.Context, *, target: Target = "local", as_json: Json = False) -> None:
    """Every procedure, and when it takes back what it did."""
    found = _runner(command, target).procedures.values()
    if as_json:
        print_json([{"name": p.name, "title": p.title, "rollback": p.rollback.value} for p in found])
        return
    for procedure in found:
        sys.stdout.write(f"{procedure.name:24} {procedure.title} (rolls back: {procedure.rollback.value})\n")


@app.command()
def show(command: typer.Context, name: Name, *, target: Target = "local") -> None:
    """What a procedure is for, and what it wants to be told."""
    procedure = _procedure(_runner(command, target), name)
    sys.stdout.write(f"{procedure.name}: {procedure.title}\nrolls back: {procedure.rollback.value}\n\n")
    sys.stdout.write(f"{(sys.modules[type(procedure).__module__].__doc__ or '').strip()}\n\ninputs:\n")
    for wanted in procedure.inputs:
        how = "--secret" if wanted.secret else "--set"
        default = "" if wanted.default is None or wanted.secret else f" [default: {wanted.default or 'empty'}]"
        sys.stdout.write(f"  {how} {wanted.name}=...  {wanted.help}{default}\n")


@app.command()
def plan(
    command: typer.Context,
    name: Name,
    given: Given = None,
    secrets: Secrets = None,
    run_id: Id = None,
    *,
    target: Target = "local",
    emergency: Emergency = False,
    ca: Authority = False,
    as_json: Json = False,
) -> None:
    """Look, change nothing: the state found, what each step would change, what it needs, the expected interruption.

    A run with the plan's id refuses to start when what the plan found has changed since.
    """
    runner = _runner(command, target)
    request = _request(_procedure(runner, name), _with(given, ca=ca), secrets, emergency=emergency)
    made = runner.plan(name, request, run_id or _new_id(name))
    if as_json:
        print_json(made)
    else:
        _print_plan(made)


@app.command()
def run(
    command: typer.Context,
    name: Name,
    given: Given = None,
    secrets: Secrets = None,
    run_id: Id = None,
    *,
    target: Target = "local",
    emergency: Emergency = False,
    ca: Authority = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Run a procedure. 0: done and verified; 1: failed (what was undone is said); 2: not begun; 3: to be resumed."""
    runner = _runner(command, target, yes=yes, quiet=as_json)
    request = _request(_procedure(runner, name), _with(given, ca=ca), secrets, emergency=emergency)
    _end(runner, runner.run(name, request, run_id or _new_id(name)), as_json=as_json)


@app.command()
def resume(
    command: typer.Context,
    run_id: RunId,
    *,
    target: Target = "local",
    roll_back: Annotated[bool, typer.Option("--roll-back", help="Take it back instead.")] = False,
    abandon: Annotated[bool, typer.Option("--abandon", help="Close it as it is instead.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Continue a run that was killed, stopped or failed. Its secrets are not asked for again."""
    if roll_back and abandon:
        raise typer.BadParameter("--roll-back or --abandon, not both")
    runner = _runner(command, target, yes=yes, quiet=as_json)
    go_on = runner.roll_back if roll_back else runner.abandon if abandon else runner.resume
    _end(runner, go_on(run_id), as_json=as_json)


@app.command()
def history(
    command: typer.Context,
    run_id: Annotated[str | None, typer.Argument(help="One run, with its report.")] = None,
    *,
    target: Target = "local",
    verify: Annotated[bool, typer.Option("--verify", help="Find any change, cut or rewrite of the journal.")] = False,
    as_json: Json = False,
) -> None:
    """Every run of this target, or one run in full."""
    from torghut.ops.errors import JournalError  # noqa: PLC0415
    from torghut.ops.report import RunReport  # noqa: PLC0415

    runner = _runner(command, target)
    try:
        if verify:
            head = runner.records.journal.verify(runner.records.anchor)
            sys.stderr.write(f"the journal is whole: {head.lines} lines, head {head.sha256[:12]}\n")
        reports = [RunReport.of(state) for state in runner.history() if run_id in {None, state.run_id}]
    except JournalError as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(Exit.BAD) from error
    if as_json:
        print_json(reports)
    elif run_id is not None:
        sys.stdout.write("\n".join(report.markdown() for report in reports))
    else:
        for report in reports:
            begun = datetime.fromtimestamp(report.started_ns / 1e9, UTC).isoformat(timespec="seconds")
            sys.stdout.write(f"{report.id:36} {begun}  {report.seconds:6.1f} s  {report.phase}, {report.verdict}\n")


def _runner(command: typer.Context, target: str, *, yes: bool = False, quiet: bool = True) -> Runner:
    from dataclasses import replace  # noqa: PLC0415

    from torghut.ops.approval import Always  # noqa: PLC0415

    made = runner_of(target, command.obj, Always() if yes else _approver())
    return made if quiet else replace(made, watch=_tell)


def _procedure(runner: Runner, name: str) -> Procedure:
    if name not in runner.procedures:
        raise typer.BadParameter(f"{name} is none of {', '.join(runner.procedures)}", param_hint="NAME")
    return runner.procedures[name]


def _approver() -> Approver:
    from torghut.ops.approval import Nobody  # noqa: PLC0415

    return _Terminal() if sys.stdin.isatty() else Nobody()


class _Terminal:
    """Asks the person at the terminal."""

    def approves(self, question: str) -> bool:
        return typer.confirm(question, default=False, err=True)


def _with(given: list[str] | None, *, ca: bool) -> list[str]:
    return [*(given or []), *(["ca=yes"] if ca else [])]


def _request(procedure: Procedure, given: list[str] | None, secrets: list[str] | None, *, emergency: bool) -> Request:
    from torghut.ops.procedure import Request  # noqa: PLC0415

    options = {wanted.name: wanted.default for wanted in procedure.inputs if not wanted.secret and wanted.default}
    options |= _pairs(procedure, given, secret=False) | ({"emergency": "yes"} if emergency else {})
    sources = _pairs(procedure, secrets, secret=True)
    values = {w.name: _secret(w, sources.get(w.name)) for w in procedure.inputs if w.secret}
    return Request(options, {name: value for name, value in values.items() if value})


def _pairs(procedure: Procedure, pairs: list[str] | None, *, secret: bool) -> dict[str, str]:
    known = [wanted.name for wanted in procedure.inputs if wanted.secret == secret]
    found = dict(pair.partition("=")[::2] for pair in pairs or [])
    for name in found:
        if name not in known:
            raise typer.BadParameter(f"{procedure.name} wants {', '.join(known) or 'nothing'} here, not {name}")
    return found


def _secret(wanted: Input, source: str | None) -> str:
    if source == "-":
        return sys.stdin.readline().rstrip("\r\n")
    if source is not None:
        try:
            return Path(source).read_text().rstrip("\r\n")
        except OSError as error:
            raise typer.BadParameter(f"{wanted.name}={source}: {error.strerror}", param_hint="--secret") from error
    if wanted.default is None and sys.stdin.isatty():
        return str(typer.prompt(wanted.help, hide_input=True, err=True))
    return wanted.default or ""


def _new_id(name: str) -> str:
    return f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%S}"


def _print_plan(plan: Plan) -> None:
    out = sys.stdout.write
    out(f"{plan.procedure}: {'would change what is marked with *' if plan.changes else 'nothing to change'}\n")
    out(f"needs: {', '.join(plan.needs) or 'nothing'}\ninterruption: {plan.interruption}\n")
    out(f"rolls back: {plan.rollback}\n")
    for note in plan.notes:
        out(f"note: {note}\n")
    for step in plan.steps:
        out(f"{' ' if step.holds else '*'} {step.name}: {step.does}\n    found: {step.found}\n")
        for line in step.diff:
            out(f"    {line}\n")
        if step.approval:
            out(f"    needs approval: {step.approval}\n")
        if not step.holds:
            out(f"    undo: {step.undo}\n")
    out(f"\nrun it: torghut runbook run {plan.procedure} --id {plan.id} (and the same inputs)\n")


def _tell(note: Note) -> None:
    seconds = f" ({note.figures['seconds']:.1f} s)" if "seconds" in note.figures else ""
    when = datetime.fromtimestamp(note.ts / 1e9, UTC).strftime("%H:%M:%S")
    sys.stderr.write(f"{when}  {note.event.value:12} {note.step:18} {note.what}{seconds}\n")
    sys.stderr.flush()


def _end(runner: Runner, outcome: Outcome, *, as_json: bool) -> None:
    from torghut.ops.report import RunReport  # noqa: PLC0415

    if as_json:
        print_json(next(RunReport.of(state) for state in runner.history() if state.run_id == outcome.run_id))
    sys.stderr.write(f"{outcome.run_id}: {outcome.phase.value}: {outcome.what}\n")
    if outcome.waits:
        sys.stderr.write(f"go on with: torghut runbook resume {outcome.run_id} --yes\n")
        raise typer.Exit(Exit.INTERRUPTED)
    if not outcome.ok:
        raise typer.Exit(Exit.BAD)
