"""Whatever a server sends: nothing raises, no event is lost next to garbage, the state is the last acknowledgement."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from torghut.feed.messages import parse_frame
from torghut.feed.session import Data, Keys, Rejected, Session, State, Subscribed, Subscription

symbols = st.sampled_from(["AAPL", "BTC/USD", "T", "S", "ÄÖ", 'a"b', "},{"])
numbers = st.sampled_from(["0", "1", "100", "1e2", "0.25", "-3.5", "12345678901234567890"])
seconds = st.integers(0, 2**31).map(lambda s: f"1970-01-01T{s // 3600 % 24:02}:{s // 60 % 60:02}:{s % 60:02}")
times = st.tuples(seconds, st.sampled_from(["", ".5", ".123456789", ".000000001"])).map(
    lambda p: json.dumps("".join(p) + "Z")
)
texts = st.sampled_from(["T", "S", "D", " ", ' "T": ', "},{", "\\", "é", ""]).map(json.dumps)
extras = st.dictionaries(
    st.sampled_from(["c", "x", "z", "new", "T ", "\\u0053S"]),
    texts | numbers | st.just("null") | st.just('[{"T":"q","S":1}]') | st.just('["T","S"]').map(str),
    max_size=3,
)
FIELDS = {
    "t": ["i", "p", "s"],
    "q": ["bp", "bs", "ap", "as"],
    "b": ["o", "h", "l", "v"],
    "u": ["o", "h", "l", "v"],
    "l": ["u", "d"],
    "x": ["i", "p", "s"],
}
INTEGERS = {"i"}


@st.composite
def messages(draw: st.DrawFn) -> str:
    """The text of a valid data message, with its keys in any order and any space around them."""
    kind = draw(st.sampled_from(sorted(FIELDS)))
    members = {
        "T": json.dumps(kind),
        "S": json.dumps(draw(symbols), ensure_ascii=draw(st.booleans())),
        "t": draw(times),
    }
    known = {key: draw(numbers if key not in INTEGERS else st.just("77")) for key in FIELDS[kind]}
    strange = {key: value for key, value in draw(extras).items() if key in {"new", "T ", "\\u0053S"}}
    if kind in "bu":
        known["c"] = draw(numbers)
    if kind in "tx":
        strange["z"] = draw(texts)
    members |= known | strange
    names = draw(st.permutations(list(members))) if draw(st.booleans()) else list(members)
    space = draw(st.sampled_from(["", "", "", " ", "\n\t"]))
    return "{" + f",{space}".join(f'{space}"{name}"{space}:{space}{members[name]}' for name in names) + space + "}"


garbage = st.sampled_from(
    [
        "7",
        "null",
        "{}",
        '{"T":"n"}',
        '{"T":"t"}',
        '{"T":"t","S":"A","p":NaN}',
        '{"T":"d","S":"A","o":1}',
        "[[]]",
        '"x"',
        "tru",
    ]
)


def exact(text: str) -> Any:
    """The parsed JSON with numbers as their text, so that nothing is rounded."""
    return json.loads(text, parse_float=lambda n: ("number", n), parse_int=lambda n: ("number", n))


def is_subsequence(part: bytes, whole: bytes) -> bool:
    remaining = iter(whole)
    return all(byte in remaining for byte in part)


@given(st.lists(messages(), min_size=1, max_size=6))
def test_a_payload_is_the_message_without_type_and_symbol(texts_: list[str]) -> None:
    parsed = parse_frame(("[" + ",".join(texts_) + "]").encode())
    assert not parsed.rejects
    assert len(parsed.messages) == len(texts_)
    for message, text in zip(parsed.messages, texts_, strict=True):
        whole = exact(text)
        assert message.symbol == whole.pop("S")
        whole.pop("T")
        assert exact(message.payload.decode()) == whole
        assert is_subsequence(message.payload, text.encode())


@given(st.lists(messages() | garbage, max_size=8))
def test_no_message_is_lost_next_to_garbage(parts: list[str]) -> None:
    parsed = parse_frame(("[" + ",".join(parts) + "]").encode())
    alone = [message for part in parts for message in parse_frame(f"[{part}]".encode()).messages]
    assert parsed.messages == alone
    bad = [part for part in parts if not parse_frame(f"[{part}]".encode()).messages]
    if any(part.startswith("{") for part in parts):
        assert [reject.raw.decode() for reject in parsed.rejects] == bad


@given(st.binary(max_size=60) | st.text(alphabet='[]{}",:\\TSt1 ', max_size=60).map(str.encode))
def test_no_bytes_make_the_parser_raise(raw: bytes) -> None:
    parse_frame(raw)


states = st.builds(
    Subscription,
    trades=st.frozensets(st.sampled_from("ABC*"), max_size=3),
    quotes=st.frozensets(st.sampled_from("ABC*"), max_size=3),
)
acknowledgements = states.map(lambda s: msgspec.json.encode([{"T": "subscription", **msgspec.to_builtins(s)}]))
controls = st.sampled_from(
    [
        b'[{"T":"success","msg":"connected"}]',
        b'[{"T":"success","msg":"authenticated"}]',
        b"[]",
        b"junk",
        b'[{"T":"zz"}]',
    ]
)
errors = st.sampled_from([400, 401, 403, 405, 410, 499, 500, 406]).map(
    lambda code: msgspec.json.encode([{"T": "error", "code": code, "msg": ""}])
)
data = st.lists(messages() | garbage, min_size=1, max_size=4).map(lambda m: ("[" + ",".join(m) + "]").encode())
steps = st.lists(acknowledgements | controls | errors | data | states | st.floats(0, 5), max_size=30)


def play(session: Session, script: list[bytes | Subscription | float]) -> tuple[list[Any], list[bytes]]:
    """Outputs of a session that is told all this, and the frames that it was given."""
    outputs: list[Any] = list(session.opened(0.0))
    now, frames = 0.0, []
    for step in script:
        if isinstance(step, float):
            now += step
            outputs += session.tick(now)
        elif isinstance(step, Subscription):
            outputs += session.want(step, now)
        else:
            frames.append(step)
            outputs += session.received(step, now)
    return outputs, frames


def script(welcome: bool, rest: list[Any]) -> list[Any]:  # noqa: FBT001 - drawn
    opening = [b'[{"T":"success","msg":"connected"}]', b'[{"T":"success","msg":"authenticated"}]']
    return opening + rest if welcome else rest


@settings(max_examples=150)
@given(states, st.builds(script, st.booleans(), steps))
def test_every_event_and_every_reject_comes_out_once_and_in_order(wanted: Subscription, played: list[Any]) -> None:
    outputs, frames = play(Session(wanted, lambda: Keys("k", "s")), played)
    events = [message for output in outputs if isinstance(output, Data) for message in output.messages]
    rejects = [reject for output in outputs if isinstance(output, Rejected) for reject in output.rejects]
    parsed = [parse_frame(frame) for frame in frames]
    assert events == [message for frame in parsed for message in frame.messages]
    assert rejects == [reject for frame in parsed for reject in frame.rejects]


@settings(max_examples=150)
@given(states, st.builds(script, st.just(value=True), steps))
def test_the_state_is_always_the_last_acknowledgement(wanted: Subscription, played: list[Any]) -> None:
    session = Session(wanted, lambda: Keys("k", "s"))
    outputs, _ = play(session, played)
    told = [output for output in outputs if isinstance(output, Subscribed)]
    if told:
        assert told[-1].state == session.subscription
        for subscribed in told:
            assert not subscribed.missing.not_covered_by(subscribed.missing)


@settings(max_examples=150)
@given(states, st.lists(states, max_size=4))
def test_an_honest_server_ends_up_with_what_is_wanted(first: Subscription, changes: list[Subscription]) -> None:
    session = Session(first, lambda: Keys("k", "s"))
    held: dict[str, set[str]] = {"trades": set(), "quotes": set()}
    session.opened(0.0)
    session.received(b'[{"T":"success","msg":"connected"}]', 0.0)
    pending = session.received(b'[{"T":"success","msg":"authenticated"}]', 0.0)
    for wanted in [first, *changes]:
        pending += session.want(wanted, 0.0)
        while sends := [output for output in pending if hasattr(output, "data")]:
            pending = []
            for send in sends:
                request = msgspec.json.decode(send.data)
                for channel, names in held.items():
                    asked = request.get(channel, [])
                    held[channel] = names | set(asked) if request["action"] == "subscribe" else names - set(asked)
                state = {channel: sorted(names) for channel, names in held.items()}
                pending += session.received(msgspec.json.encode([{"T": "subscription", **state}]), 0.0)
        assert session.state is State.STREAMING
        assert held == {"trades": set(wanted.trades), "quotes": set(wanted.quotes)}
