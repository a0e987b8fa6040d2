"""kafka-rotation: new Kafka credentials for the forwarder and for the job.

By a second user (the default): a new user with the same permissions, the Secret names it, its clients are restarted,
then, with approval, the old user is deleted; at no moment is a login refused. In place (`way=in-place`): the Secret and
then the broker get a new password; clients that log in between the two are refused for seconds.
Established connections survive a change, so every client is verified by a *fresh* login, by its restart with the new
Secret, and by what it wrote and nobody refused since. The authority (`--ca`) has its own steps in `kafka_ca`.
Undo: the old Secret back and a restart, then the new user gone; until the old user is deleted.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from torghut.ops.errors import PreconditionError
from torghut.ops.procedure import Basis, Case, Input, Request, Rollback
from torghut.ops.step import NOTHING_TO_UNDO, Seen, Step, Undo
from torghut.runbooks.kafka_ca import AuthorityRotation
from torghut.runbooks.ports import Change, Ports
from torghut.runbooks.secret_change import SecretChange, in_force
from torghut.runbooks.workloads import runs_for

WORKLOADS: Final = {"forwarder": "forwarder", "ta": "job"}
"""Role to the workload that logs in as it."""
SECOND: Final = "second-user"
IN_PLACE: Final = "in-place"
REFUSALS: Final = ("SASL authentication", "SASL SCRAM", "SaslAuthenticationException", "kafka_auth")
"""Of librdkafka, of the Java client, and of the forwarder. The name of a setting alone is none."""


@dataclass(frozen=True)
class KafkaRotation:
    """The procedure on one target."""

    ports: Ports
    name: str = "kafka-rotation"
    title: str = "New Kafka credentials for the forwarder and the job"
    rollback: Rollback = Rollback.ON_FAILURE
    inputs: tuple[Input, ...] = (
        Input("way", f"{SECOND} or {IN_PLACE}", default=SECOND),
        Input("ca", "yes: rotate the authority behind the brokers' certificate instead", default=""),
        Input("roles", "forwarder, ta, or both as forwarder+ta; by default those that run", default=""),
    )

    def prepare(self, request: Request) -> Basis:
        """Look at the users and Secrets of each role; think of passwords; change nothing.

        Raises:
            PreconditionError: no such way or role, or a role's present login does not work.
            DriftError: a Secret in force is not the one that the desired state names.
        """
        if request.options.get("ca") == "yes":
            return AuthorityRotation(self.ports).prepare()
        way = request.options.get("way", SECOND)
        if way not in {SECOND, IN_PLACE}:
            raise PreconditionError(f"way={way}: wanted {SECOND} or {IN_PLACE}")
        facts, sealed = {"way": way}, dict[str, str]()
        roles = self._roles(request.options.get("roles", ""))
        for role in roles:
            facts |= self._found(role, way)
            sealed[f"{role}.old_password"] = self._read(role)["password"]
            sealed[f"{role}.password"] = secrets.token_urlsafe(24)
            facts[f"{role}.new"] = self.ports.secrets.digest_of(
                {"username": facts[f"{role}.new_user"], "password": sealed[f"{role}.password"]}
            )
        return Basis(
            facts={**facts, "roles": "+".join(roles)},
            assumed=tuple(f"{role}.old" for role in roles),
            secrets=sealed,
            needs=("an administrator of Kafka",),
            interruption="each client is restarted once, some seconds; gaps are repaired from history"
            + ("; between Secret and broker a fresh login is refused" if way == IN_PLACE else ""),
        )

    def steps(self, case: Case) -> tuple[Step, ...]:
        """Per role: user, Secret, copy; then restarts, proofs, and the end of the old users."""
        if case.facts.get("ca") == "yes":
            return AuthorityRotation(self.ports).steps(case)
        roles = case.facts["roles"].split("+")
        return (
            *(step for role in roles for step in self._credentials(case, role)),
            *(self._moved(case, role).restarting(f"restart.{WORKLOADS[role]}", 240) for role in roles),
            *(self._proving(case, role) for role in roles),
            *(self._retiring(case, role) for role in roles),
        )

    # What is found

    def _roles(self, asked: str) -> tuple[str, ...]:
        roles = tuple(asked.split("+")) if asked else tuple(WORKLOADS)
        if unknown := [role for role in roles if role not in WORKLOADS]:
            raise PreconditionError(f"roles={asked}: {', '.join(unknown)} is none of {', '.join(WORKLOADS)}")
        running = tuple(role for role in roles if self.ports.workloads.instances(WORKLOADS[role]))
        if not running or (asked and running != roles):
            raise PreconditionError(f"roles={asked or 'all'}: of these, {', '.join(running) or 'nothing'} runs")
        return running

    def _found(self, role: str, way: str) -> dict[str, str]:
        store, name = self.ports.secrets, f"kafka.{role}"
        live = in_force(store, name, "run kafka-produce-failure, which restores it")
        values = self._read(role)
        answer = self.ports.kafka_users.login(values)
        if not answer.accepted:
            raise PreconditionError(f"the present login of {role} does not work ({answer.what}): mend that first")
        old = values["username"]
        return {
            f"{role}.old": live,
            f"{role}.old_user": old,
            f"{role}.new_user": old if way == IN_PLACE else _other(old),
        }

    def _read(self, role: str) -> dict[str, str]:
        return dict(self.ports.secrets.read(f"kafka.{role}"))

    # Steps

    def _credentials(self, case: Case, role: str) -> Iterator[Step]:
        """In place the Secret goes first: undone in reverse, the broker has the old password before the restart."""
        if case.facts["way"] == SECOND:
            yield self._making(case, role)
            yield self._moving(case, role)
        else:
            yield self._moving(case, role)
            yield self._setting(case, role)
        yield self._copying(case, role)

    def _making(self, case: Case, role: str) -> Step:
        users, user = self.ports.kafka_users, case.facts[f"{role}.new_user"]

        def look() -> Seen:
            if not users.exists(user):
                return Seen(False, f"no user {user}")
            login, lacking = users.login(_new(case, role)), users.permitted(user, role)
            return Seen(bool(login.accepted) and not lacking, f"{login.what}; lacks {', '.join(lacking) or 'nothing'}")

        change = Change.of(case, f"a second user for {role}", case.token(f"make-user.{role}"))
        gone = Undo(
            f"delete {user}", lambda: Seen(not users.exists(user), f"{user}?"), lambda: users.remove(user, change)
        )
        return Step(
            name=f"make-user.{role}",
            does=f"make {user} with everything that {role} may do",
            check=look,
            act=lambda: users.put(user, case.secret(f"{role}.password"), role, change),
            undo=gone,
            deadline_s=150,
            diff=lambda: (f"+ user {user}",),
        )

    def _setting(self, case: Case, role: str) -> Step:
        users, user = self.ports.kafka_users, case.facts[f"{role}.new_user"]

        def accepted(values: dict[str, str]) -> Seen:
            login = users.login(values)
            return Seen(bool(login.accepted), login.what)

        def put(values: dict[str, str], step: str) -> None:
            users.put(
                user, values["password"], role, Change.of(case, f"password of {user}", case.token(f"{step}.{role}"))
            )

        old = _old(case, role)
        return Step(
            name=f"set-password.{role}",
            does=f"the broker takes the new password of {user}",
            check=lambda: accepted(_new(case, role)),
            act=lambda: put(_new(case, role), "set-password"),
            undo=Undo("the old password", lambda: accepted(old), lambda: put(old, "undo")),
            deadline_s=150,
            diff=lambda: (f"~ password of {user}",),
        )

    def _moved(self, case: Case, role: str) -> SecretChange:
        old, new = case.facts[f"{role}.old"], case.facts[f"{role}.new"]
        return SecretChange(self.ports, case, f"kafka.{role}", WORKLOADS[role], old, new, at_source=True)

    def _moving(self, case: Case, role: str) -> Step:
        does = f"the Secret of {role} names {case.facts[f'{role}.new_user']} and the new password"
        new, old = lambda: _new(case, role), lambda: _old(case, role)
        return self._moved(case, role).sealing(f"move.{role}", does, new, old, restart_s=240)

    def _copying(self, case: Case, role: str) -> Step:
        store, name = self.ports.secrets, f"kafka.{role}"

        def look() -> Seen:
            source, live = store.source(name), store.live(name)
            return Seen(source == live, f"source {source}, copy {live}")

        return Step(
            name=f"copied.{role}",
            does="the copy that the clients read is the source's",
            check=look,
            act=lambda: store.restore(name, Change.of(case, "copy a Secret by hand", case.token(f"copied.{role}"))),
            undo=NOTHING_TO_UNDO,
            approval=f"the copy of secret {name} does not follow its source; it is written by hand",
        )

    def _proving(self, case: Case, role: str) -> Step:
        workload, ports = WORKLOADS[role], self.ports

        def look() -> Seen:
            running = runs_for(ports, workload, case.facts[f"{role}.new"])
            login = ports.kafka_users.login(self._read(role))
            if not running.holds or not login.accepted:
                return Seen(False, f"{running.what}; {login.what}")
            since = min(instance.since_ns for instance in ports.workloads.instances(workload))
            if refused := ports.workloads.complaints(workload, REFUSALS, since):
                return Seen(False, f"refused since the restart: {refused[-1][:200]}")
            written = ports.kafka.written(role, since)
            return Seen(written > 0, f"{login.what}; {written} records written and read since the restart")

        return Step(
            name=f"verify.{role}",
            does=f"{role}: a fresh login, records written and read since the restart, nothing refused",
            check=look,
            deadline_s=180,
        )

    def _retiring(self, case: Case, role: str) -> Step:
        users, old, user = self.ports.kafka_users, _old(case, role), case.facts[f"{role}.old_user"]
        if case.facts["way"] == IN_PLACE:
            return Step(f"refused.{role}", "the old password is refused", lambda: _is_refused(self.ports, old))
        change = Change.of(case, f"delete {user}", case.token(f"delete-user.{role}"))

        def look() -> Seen:
            return Seen(False, f"{user} is there") if users.exists(user) else _is_refused(self.ports, old)

        return Step(
            name=f"delete-user.{role}",
            does=f"delete {user}, and see that its login is refused",
            check=look,
            act=lambda: users.remove(user, change),
            approval=f"{user} is deleted: whoever else logs in as it is locked out",
            diff=lambda: (f"- user {user}",),
        )


def _is_refused(ports: Ports, values: dict[str, str]) -> Seen:
    login = ports.kafka_users.login(values)
    return Seen(login.accepted is False, login.what)


def _other(user: str) -> str:
    """Of two names that take turns the other one: `torghut-forwarder`, `torghut-forwarder-2`, and back."""
    stem, _, number = user.rpartition("-")
    return stem if number.isdigit() else f"{user}-2"


def _new(case: Case, role: str) -> dict[str, str]:
    return {"username": case.facts[f"{role}.new_user"], "password": case.secret(f"{role}.password")}


def _old(case: Case, role: str) -> dict[str, str]:
    return {"username": case.facts[f"{role}.old_user"], "password": case.secret(f"{role}.old_password")}
