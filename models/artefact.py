"""The artefact on disk: a skops file with the reader, and a manifest that says what it is.

Loading refuses a file that is not the one the manifest names, another scikit-learn, and every type not on our list:
no pickle is ever read.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

from schemas.errors import StartupError
from schemas.event_type import EventType

MODEL_FILE = "model.skops"
MANIFEST_FILE = "manifest.json"
NAME = "tocsin-reader"

TRUSTED = (
    "models.features.FeatureCounter",
    "models.reader.ArticleReader",
    "models.sentence_model.SentenceModel",
    "numpy.dtype",
)
"""Types beyond skops' own list that an artefact may hold."""

FORMAT = 3
"""Raised by every change of how sentences are read or features are counted: older artefacts would decide otherwise."""

_LISTS = ("gazetteer", "lexicon")

_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an artefact is: its file's hash, what made it, what it decides, and how well.

    `format` and `lists_sha256` say by which code and word lists it reads; `thresholds` are probabilities in [0, 1];
    `metrics` are figures of the training run, for people.
    """

    name: str
    version: str
    sha256: str
    sklearn: str
    format: int
    lists_sha256: str
    corpus_sha256: str
    thresholds: dict[EventType, float]
    metrics: dict[str, Any]


def shipped_artefact() -> Path:
    """The folder of the artefact that comes with the package."""
    return Path(str(resources.files("models") / "artefact"))


def save_artefact(
    folder: Path,
    reader: Any,
    *,
    version: str,
    corpus_sha256: str,
    thresholds: dict[EventType, float],
    metrics: dict[str, Any],
) -> Manifest:
    """Writes both files; the same reader gives the same bytes."""
    content = _canonical(skops.io.dumps(reader))
    manifest = Manifest(
        name=NAME,
        version=version,
        sha256=hashlib.sha256(content).hexdigest(),
        sklearn=sklearn.__version__,
        format=FORMAT,
        lists_sha256=_lists_sha256(),
        corpus_sha256=corpus_sha256,
        thresholds=thresholds,
        metrics=metrics,
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL_FILE).write_bytes(content)
    (folder / MANIFEST_FILE).write_text(_manifest_text(manifest), encoding="utf-8")
    return manifest


def load_artefact(folder: Path) -> tuple[Any, Manifest]:
    """The reader and its manifest. Raises StartupError naming what is missing, altered, or not to be trusted."""
    manifest = _load_manifest(folder / MANIFEST_FILE)
    path = folder / MODEL_FILE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StartupError(f"model {path}: {error.strerror}; `tocsin train --out {folder}` makes one") from error
    found = hashlib.sha256(content).hexdigest()
    if found != manifest.sha256:
        raise StartupError(
            f"model {path}: its SHA-256 is {found[:16]}…, the manifest names {manifest.sha256[:16]}…: the file was "
            "altered or cut off; take it anew or train it"
        )
    if manifest.sklearn != sklearn.__version__:
        raise StartupError(
            f"model {path}: made with scikit-learn {manifest.sklearn}, this is {sklearn.__version__}: install that "
            "version, or train the model anew"
        )
    if (manifest.format, manifest.lists_sha256) != (FORMAT, _lists_sha256()):
        raise StartupError(
            f"model {path}: made by a Tocsin that reads sentences by other rules or word lists than this one: train it "
            "anew with `tocsin train`"
        )
    try:
        return skops.io.loads(content, trusted=list(TRUSTED)), manifest
    except (UntrustedTypesFoundException, TypeError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise StartupError(f"model {path}: not an artefact of ours: {error}") from error


def _load_manifest(path: Path) -> Manifest:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return Manifest(
            name=str(document["name"]),
            version=str(document["version"]),
            sha256=str(document["sha256"]),
            sklearn=str(document["sklearn"]),
            format=int(document.get("format", 1)),
            lists_sha256=str(document.get("lists_sha256", "")),
            corpus_sha256=str(document["corpus_sha256"]),
            thresholds={event_type: float(document["thresholds"][event_type]) for event_type in EventType},
            metrics=dict(document["metrics"]),
        )
    except OSError as error:
        raise StartupError(f"model manifest {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StartupError(f"model manifest {path}: not a manifest of ours: {error!r}") from error


@lru_cache(maxsize=1)
def _lists_sha256() -> str:
    """The SHA-256 of all word lists, in the order of their names."""
    digest = hashlib.sha256()
    for folder in _LISTS:
        lists = [file for file in (resources.files("models") / folder).iterdir() if file.name.endswith(".txt")]
        for file in sorted(lists, key=lambda file: file.name):
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _manifest_text(manifest: Manifest) -> str:
    document = {
        "name": manifest.name,
        "version": manifest.version,
        "sha256": manifest.sha256,
        "sklearn": manifest.sklearn,
        "numpy": np.__version__,
        "format": manifest.format,
        "lists_sha256": manifest.lists_sha256,
        "corpus_sha256": manifest.corpus_sha256,
        "labels": [event_type.value for event_type in EventType],
        "thresholds": {event_type.value: value for event_type, value in manifest.thresholds.items()},
        "metrics": manifest.metrics,
    }
    return json.dumps(document, indent=2) + "\n"


def _canonical(content: bytes) -> bytes:
    """A skops file without what changes from run to run: memory addresses as ids and file names, and times.

    skops 0.16 numbers objects by their address. Remove this when two dumps of one object are equal.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        schema = packed.read("schema.json").decode()
        files = {name: packed.read(name) for name in packed.namelist() if name != "schema.json"}
    numbers: dict[str, str] = {}

    def number(address: str) -> str:
        return numbers.setdefault(address, str(len(numbers) + 1))

    schema = re.sub(r'"__id__": (\d+)', lambda found: f'"__id__": {number(found[1])}', schema)
    schema = re.sub(r'"file": "(\d+)\.', lambda found: f'"file": "{number(found[1])}.', schema)
    renamed = {re.sub(r"^(\d+)\.", lambda found: f"{number(found[1])}.", name): data for name, data in files.items()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in [*sorted(renamed.items()), ("schema.json", schema.encode())]:
            info = zipfile.ZipInfo(name, date_time=_EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(info, data)
    return out.getvalue()
