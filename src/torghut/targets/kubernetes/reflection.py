"""A Secret of Kafka's namespace and its copy beside the pods, which reflector makes: whether it follows.

Reflector is known to stall without a word, so source and copy are compared, never assumed to be equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from torghut.ops.errors import UnavailableError
from torghut.platform.kubernetes.api import SECRET, Ref
from torghut.platform.kubernetes.objects import Secret
from torghut.platform.waiting import wait_until
from torghut.targets.kubernetes.names import KAFKA
from torghut.targets.kubernetes.place import Place, answers

REFLECTED: Final = "reflector.v1.k8s.emberstack.com/reflected-version"
"""Annotation of a copy. To empty it is the documented way to have the copy made anew (reflector's README)."""
_LOOK_S: Final = 0.5


@dataclass(frozen=True)
class Reflection:
    """One Secret and its copy, of the same name."""

    place: Place
    name: str

    @property
    def source(self) -> Ref:
        """What is copied."""
        return Ref(SECRET, KAFKA, self.name)

    @property
    def copy(self) -> Ref:
        """The copy."""
        return self.place.ref(SECRET, self.name)

    def original(self) -> Mapping[str, str]:
        """The source's values; none while it is not there."""
        return self._values(self.source)

    def copied(self) -> Mapping[str, str]:
        """The copy's values; none while it is not there."""
        return self._values(self.copy)

    def follows(self) -> bool:
        """Whether the copy is there and is the source's."""
        original = self.original()
        return bool(original) and original == self.copied()

    def nudge(self) -> None:
        """Have reflector make the copy anew; it makes one that is not there by itself."""
        with answers():
            if self.place.api.find(self.copy, Secret) is not None:
                self.place.api.patch(self.copy, {"metadata": {"annotations": {REFLECTED: ""}}})

    def follow(self, patience_s: float) -> None:
        """Wait until the copy is the source's, nudged if it is not at once.

        Raises:
            UnavailableError: it did not become so within `patience_s` seconds.
        """
        if self.follows():
            return
        self.nudge()
        try:
            wait_until(self.follows, patience_s, "the copy", _LOOK_S)
        except TimeoutError as error:
            raise UnavailableError(
                f"{self.copy} does not follow {self.source}, nudged and waited {patience_s:g} s: does reflector run?"
            ) from error

    def write(self) -> None:
        """Write the copy by hand.

        Raises:
            UnavailableError: there is nothing to copy.
        """
        with answers():
            source = self.place.api.find(self.source, Secret)
            if source is None or not source.data:
                raise UnavailableError(f"{self.source} is not there, or empty: Strimzi makes it")
            meta = {"name": self.name, "namespace": self.place.namespace}
            wanted = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": source.data}
            self.place.api.apply(self.copy, wanted)

    def _values(self, ref: Ref) -> Mapping[str, str]:
        with answers():
            found = self.place.api.find(ref, Secret)
        return {} if found is None else found.values()
