"""``language-id``: the language of a text, as a concept. For post-queue workflows: it takes a tenth of a millisecond or more a text."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self

import numpy as np
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from processor.operators.base import Reducing
from processor.operators.content import Content, Elements, Output

if TYPE_CHECKING:
    from processor.operators.base import GraphOf, Rows
    from processor.operators.output_info import OutputInfo

CHARACTERS_MAX = 2_000
"""No more of a text is looked at."""
CHOICES_KEPT = 64
_CODES = (
    "ace af am an ar ary arz as az ba bcl be bg bn br bs ca crh cs cy da de dz el en eo es et eu ext fa fi fo fr fuv fy ga "
    "gcf gcr gd gl gom grc gu gug guw ha hbo he hi hr ht hu hy id ig is it ja jv ka kab kik kk km kn ko ku ky la lb lg lij ln "
    "lo lt ltg lv mg mk ml mn mr ms mt my ne nl nn no nso oc om or pa pcm pl ps pt qu ro ru rw sa sdh se si sk sl sn so sq sr "
    "st sv sw ta te tg th tk tl tr tt ug uk ur uz uzs vec vi vo wa wuu xh yo yue zh zu zxx"
)
LANGUAGES = frozenset(_CODES.split())
"""What the model knows; written down, because loading it to look takes seconds and 100 MB. ``zxx``: no language at all."""


class Language(NamedTuple):
    """A language by its ISO 639 code, and its probability among those that were asked for."""

    code: str
    value: float


@dataclass(frozen=True, slots=True)
class LanguageId(Reducing):
    """Gives one concept, the likeliest language of the text, and nothing else; a text that is blank gives nothing.

    Attributes:
        languages: the ones to choose from, sorted; empty: all that are known.
    """

    model_type_id: ClassVar[str] = "language-id"
    doc: ClassVar[str] = "Gives the language of the text as a concept: its ISO 639 code, with the probability as its value."
    takes: ClassVar[frozenset[str]] = frozenset({"text"})
    gives: ClassVar[frozenset[str]] = frozenset({"concepts"})
    params: ClassVar[frozenset[str]] = frozenset({"languages"})
    before_queue: ClassVar[bool] = False

    languages: tuple[str, ...] = ()

    @classmethod
    def parse(cls, info: OutputInfo, graph_of: GraphOf) -> Self:  # noqa: ARG003 - the operators' common signature
        """Read ``params.languages``."""
        languages = info.texts("languages", len(LANGUAGES))
        for position, code in enumerate(languages):
            if code not in LANGUAGES:
                info.problem(f"params.languages[{position}]", f"{code!r} is not known; known are {' '.join(sorted(LANGUAGES))}")
        return cls(tuple(sorted(languages)))

    def apply(self, rows: Rows, given: Output) -> Output:
        """The language of each text."""
        encoded = given.content.texts.dictionary_encode()
        codes = encoded.indices.to_numpy()
        asked = np.unique(codes[given.present]).tolist()
        texts = encoded.dictionary
        found = {code: language for code in asked if (language := language_of(texts[code].as_py(), self.languages))}
        told = np.flatnonzero(given.present & np.isin(codes, list(found)))
        languages = [found[code] for code in codes[told].tolist()]
        numbers = np.array([rows.vocabulary.code(language.code) for language in languages], np.int64)
        values = np.array([language.value for language in languages], np.float32)
        elements = Elements(len(codes), values, lambda: told, lambda: numbers)
        return Output(elements.occupied(), Content(len(codes), lambda: elements))


def language_of(text: str, languages: tuple[str, ...] = ()) -> Language | None:
    """The likeliest language of one text, None when it is blank.

    Args:
        text: its first 2,000 characters are looked at.
        languages: the ones to choose from; empty: all that are known.
    """
    looked_at = text[:CHARACTERS_MAX]
    return Language(*_identifier(languages).classify(looked_at)) if looked_at.strip() else None


@lru_cache(CHOICES_KEPT)
def _identifier(languages: tuple[str, ...]) -> LanguageIdentifier:
    """The model that chooses from some languages; all of them share one, which is read from its package once."""
    if not languages:
        return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier = copy(_identifier(()))
    identifier.set_languages(languages)
    return identifier
