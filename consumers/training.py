"""`tocsin train`: files and progress around `models.train`."""

from __future__ import annotations

from pathlib import Path

from consumers.console import talk
from models.artefact import save_artefact, shipped_artefact
from models.corpus import corpus_sha256, shipped_corpus
from models.train import train as run_train
from schemas.version import __version__


def train(out: Path | None) -> None:
    """Trains on the shipped corpus and writes the artefact; prints where it is and its hash."""
    console = talk()
    trained = run_train(shipped_corpus(), lambda step: console.print(step, markup=False))
    folder = out or shipped_artefact()
    manifest = save_artefact(
        folder,
        trained.reader,
        version=__version__,
        corpus_sha256=corpus_sha256(),
        thresholds=trained.thresholds,
        metrics=trained.metrics,
    )
    console.print(f"artefact in {folder}, sha256 {manifest.sha256}", markup=False)
