"""The words of mails and Slack messages: ours, and the user's over them.

Owns reading ``i18n/<language>.json`` and saying what is wrong with a user's. A file that can not be
used changes nothing: the faults are for ``check``, the words that remain are for the messages.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.template_language import nearest

FOLDER = "i18n"
LANGUAGES = ("en", "fr")
OWN = "own"
"""Where a user's words stand that ours have none for: ``{{ t.own.motto }}``."""
_OPEN = frozenset({OWN, "values"})
"""Maps of words whose keys are the user's, or the portal's."""
_MOST_BYTES = 256 * 1024
_LONGEST = 500

Words = dict[str, Any]


def file_name(language: str) -> str:
    """The name of a language's file among the templates."""
    return f"{FOLDER}/{language}.json"


@functools.cache
def shipped(root: Path, language: str) -> Words:
    """Our words of one language."""
    found: Words = json.loads((root / file_name(language)).read_text("utf-8"))
    return {**found, OWN: {}}


def spoken(folders: Sequence[Path], root: Path, language: str) -> Words:
    """Our words with the user's over them; the first folder counts most."""
    words = shipped(root, language)
    for folder in reversed(folders):
        over, _ = _read(folder, language, words)
        words = _laid_over(words, over)
    return words


def faults(folder: Path, root: Path, language: str) -> list[str]:
    """What is wrong with the user's words of one language, as ``FILE:LINE: sentence``."""
    return _read(folder, language, shipped(root, language))[1]


def _laid_over(words: Words, over: Mapping[str, Any]) -> Words:
    return {
        **words,
        **{
            name: {**words[name], **value} if isinstance(value, Mapping) else value
            for name, value in over.items()
        },
    }


def _read(folder: Path, language: str, ours: Words) -> tuple[Words, list[str]]:
    """The words that can be used, and a sentence for each that can not."""
    name = file_name(language)
    try:
        with (folder / name).open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return {}, []
    except OSError as error:
        return {}, [f"{name}: {error.strerror}"]
    if len(raw) > _MOST_BYTES:
        return {}, [f"{name}: it has more than 256 KB: keep only the words that you change"]
    try:
        text = raw.decode("utf-8-sig")
        found = json.loads(text)
    except UnicodeDecodeError:
        return {}, [f"{name}: it is not UTF-8"]
    except json.JSONDecodeError as error:
        return {}, [f"{name}:{error.lineno}: it is not JSON: {error.msg}"]
    except RecursionError:
        return {}, [f"{name}: it is nested too deep"]
    if not isinstance(found, dict):
        return {}, [f'{name}: write an object of words, as {{"new_lead": "…"}}']
    return _sifted(found, ours, name, text)


def _sifted(found: Words, ours: Words, name: str, text: str) -> tuple[Words, list[str]]:
    good: Words = {}
    wrong: list[str] = []
    for key, value in found.items():
        known = ours.get(key)
        if known is None:
            near = nearest(key, ours) or f'; words of your own stand in "{OWN}"'
            wrong.append(f'{_at(name, text, key)}: there is no word "{key}"{near}')
        elif isinstance(known, str):
            if _is_word(value):
                good[key] = value
            else:
                wrong.append(f'{_at(name, text, key)}: "{key}" {_WANTED}')
        elif not isinstance(value, dict):
            wrong.append(f'{_at(name, text, key)}: "{key}" is an object of words')
        else:
            good[key] = {}
            for inner, word in value.items():
                if inner not in known and key not in _OPEN:
                    near = nearest(inner, known)
                    where = _at(name, text, inner)
                    wrong.append(f'{where}: "{key}" has no word "{inner}"{near}')
                elif _is_word(word):
                    good[key][inner] = word
                else:
                    wrong.append(f'{_at(name, text, inner)}: "{inner}" {_WANTED}')
    return good, wrong


_WANTED = f"is a text of at most {_LONGEST} characters"


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST


def _at(name: str, text: str, key: str) -> str:
    """Where a key stands in the file: by its first appearance as one."""
    place = text.find(json.dumps(key, ensure_ascii=False))
    return f"{name}:{text.count(chr(10), 0, place) + 1}" if place >= 0 else name
