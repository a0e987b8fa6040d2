from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from torghut.ops.errors import JournalError, RefusedError
from torghut.ops.journal import Head, Journal
from torghut.ops.redaction import Redactor
from torghut.ops.state import Event, Note
from torghut.platform.git import Repository
from torghut.runbooks.ports import Change
from torghut.stack.desired import read_desired, scale, set_running
from torghut.stack.home import Home
from torghut.stack.services import kafka
from torghut.targets.local.anchor import GitAnchor
from torghut.targets.local.desired import LocalDesired
from torghut.targets.local.secrets import LocalSecrets

WHY = Change("because", "run-1/step")
NEW = {"username": "torghut-forwarder-2", "password": "quite-a-new-password"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.prepare()
    kafka.name_users(made)
    Path(kafka.password_file(made, "forwarder")).write_text("the-old-password\n")
    return made


@pytest.fixture
def secrets(home: Home) -> LocalSecrets:
    return LocalSecrets(home, LocalDesired(home))


def test_a_change_is_in_force_and_committed_with_its_reason_and_token(home: Home) -> None:
    LocalDesired(home).apply({"workload.forwarder.count": "2"}, WHY)
    assert read_desired(home).process("forwarder").count == 2
    assert LocalDesired(home).committed()["workload.forwarder.count"] == "2"
    (commit,) = Repository(home.desired.parent).log()
    assert commit.message == "because\n\nToken: run-1/step"


def test_the_same_change_again_is_no_commit(home: Home) -> None:
    for _ in range(2):
        LocalDesired(home).apply({"workload.forwarder.count": "2"}, WHY)
    assert len(Repository(home.desired.parent).log()) == 1


def test_what_commands_change_is_committed_as_well(home: Home) -> None:
    scale(home, "forwarder", 3)
    set_running(home, "kafka", False)
    assert LocalDesired(home).drift() == ()
    assert LocalDesired(home).committed()["workload.kafka.run"] == "no"


def test_a_file_changed_by_hand_is_drift_and_says_where(home: Home) -> None:
    scale(home, "forwarder", 3)
    home.desired.write_bytes(home.desired.read_bytes().replace(b'"count": 3', b'"count": 5'))
    assert LocalDesired(home).drift() == ("workload.forwarder.count: Git says 3, in force is 5",)


def test_a_name_that_the_stack_does_not_have_is_refused(home: Home) -> None:
    with pytest.raises(RefusedError, match=r"weather\.today is nothing"):
        LocalDesired(home).apply({"weather.today": "rain"}, WHY)


def test_a_secret_is_written_for_its_readers_alone_and_git_knows_only_a_digest(
    home: Home, secrets: LocalSecrets
) -> None:
    secrets.put("kafka.forwarder", NEW, WHY)
    assert secrets.live("kafka.forwarder") == secrets.desired("kafka.forwarder") == secrets.digest_of(NEW)
    files = [file for file in home.secrets.rglob("*") if file.is_file()]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    git = b"".join(Repository(home.desired.parent).contents("stack.json"))
    assert NEW["password"].encode() not in git


def test_a_digest_does_not_reveal_a_weak_password_to_those_without_the_home_s_key(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    other.prepare()
    one, two = (LocalSecrets(h, LocalDesired(h)).digest_of({"password": "1234"}) for h in (home, other))
    assert one != two


def test_a_spoilt_copy_differs_from_its_source_and_is_restored_from_it(home: Home, secrets: LocalSecrets) -> None:
    secrets.put("kafka.forwarder", NEW, WHY)
    Path(kafka.password_file(home, "forwarder")).write_text("spoilt\n")
    assert secrets.live("kafka.forwarder") != secrets.source("kafka.forwarder")
    secrets.restore("kafka.forwarder", WHY)
    assert secrets.read("kafka.forwarder") == NEW


def test_a_secret_that_was_never_sealed_cannot_be_restored(secrets: LocalSecrets) -> None:
    with pytest.raises(RefusedError, match="was never sealed here: rotate it instead"):
        secrets.restore("kafka.forwarder", WHY)


def test_a_secret_with_other_values_than_its_own_is_refused(secrets: LocalSecrets) -> None:
    with pytest.raises(RefusedError, match="has the values username, password"):
        secrets.put("kafka.forwarder", {"password": "x"}, WHY)


def test_heads_are_commits_and_a_rewritten_journal_does_not_fit_them(home: Home, tmp_path: Path) -> None:
    anchor, journal = GitAnchor(home), Journal(tmp_path / "journal.jsonl", Redactor())
    journal.append(Note("r", Event.STARTED, 1, "somebody", what="example"))
    anchor.keep(journal.head(), "begun")
    assert [head.lines for head in anchor.heads()] == [1]
    journal.path.unlink()
    journal.append(Note("r", Event.STARTED, 2, "nobody", what="example"))
    with pytest.raises(JournalError, match="rewritten"):
        journal.verify(anchor)


def test_a_head_in_git_is_a_file_of_its_own_that_others_can_read(home: Home) -> None:
    GitAnchor(home).keep(Head(7, "ab" * 32), "x")
    assert msgspec.json.decode((home.desired.parent / "journal.json").read_bytes(), type=Head) == Head(7, "ab" * 32)
