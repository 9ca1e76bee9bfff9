"""The embedders, with the real bundled model: torch for the backfill, ONNX Runtime for the query."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer

from indexing.embedder import (
    Compute,
    ModelUnavailable,
    OnnxEmbedder,
    Remembering,
    SentenceTransformerEmbedder,
    export_onnx,
    model_name,
    open_query_embedder,
    prepare_query_embedder,
)
from indexing.embedder.names import bundled_path
from indexing.embedder.onnx_embedder import CARD_FILE
from indexing.embedder.prepared import directory_of
from indexing.ports import Embedder, Vectors

# sentence-transformers is imported here and not where it is used: behind marimo it takes the process for a notebook.
FP32 = Compute("fp32", 1)
TEXTS = [
    "The OAuth callback redirects to the login page for ever because the cookie is SameSite=Strict.",
    "n+1",
    "Each order loads its customer with a query of its own; select_related makes it one. " * 12,
    "def test_reconnects(ws): assert ws.recv() == 'pong'",
    "CrashLoopBackOff: the container was OOMKilled at 512Mi",
]
ODD_TEXTS = {
    "empty": "",
    "blank": " \n\t ",
    "lone surrogate": "half an emoji \ud83d here",
    "long": "error: exit status 1\n" * 5_000,
    "one long word": "A" * 100_000,
    "emoji": "🙂🚀👩‍👩‍👧",
    "CJK": "数据库连接池耗尽",
    "NUL": "a\0b",
}


@pytest.fixture(scope="module")
def in_torch() -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder()


@pytest.fixture(scope="module")
def models_dir(in_torch: SentenceTransformerEmbedder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("models")
    assert prepare_query_embedder(in_torch, directory)
    return directory


@pytest.fixture(scope="module", params=["torch", "onnx"])
def embedder(
    request: pytest.FixtureRequest, in_torch: SentenceTransformerEmbedder, models_dir: Path
) -> Embedder:
    if request.param == "torch":
        return in_torch
    opened = open_query_embedder(models_dir)
    assert isinstance(opened, OnnxEmbedder)
    return opened


def test_it_gives_rows_of_length_one(embedder: Embedder) -> None:
    """One float32 row a text, of the model's dimension and of length 1; no texts give no rows."""
    vectors = embedder.embed(TEXTS)
    assert (embedder.name, embedder.dimension) == ("all-MiniLM-L6-v2", 384)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)
    assert embedder.embed([]).shape == (0, 384)


def test_it_keeps_the_order_and_a_text_has_one_vector(embedder: Embedder) -> None:
    """A text has the same vector alone as in the middle of several batches of other lengths."""
    many = [f"{n} " + TEXTS[n % len(TEXTS)] for n in range(40)]
    together = embedder.embed(many)
    for n in (0, 1, 2, 17, 39):
        assert float(together[n] @ embedder.embed([many[n]])[0]) > 0.999


def test_it_puts_texts_of_one_meaning_near_each_other(embedder: Embedder) -> None:
    """A paraphrase without a word in common is nearer than another subject."""
    question, answer, other = embedder.embed(["pod killed, not enough memory", TEXTS[4], TEXTS[2]])
    assert question @ answer > question @ other + 0.1


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS.keys())
def test_it_takes_odd_texts(embedder: Embedder, text: str) -> None:
    """Empty, broken, foreign and very long texts have a vector of length 1, and do not touch their batch."""
    vectors = embedder.embed([TEXTS[0], text, TEXTS[1]])
    assert np.isfinite(vectors).all()
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert float(vectors[0] @ embedder.embed([TEXTS[0]])[0]) > 0.999


def test_it_reads_a_lone_surrogate_as_the_replacement_character(embedder: Embedder) -> None:
    """Half an emoji counts as U+FFFD, as it is stored."""
    broken, repaired = embedder.embed(["half \ud83d here", "half � here"])
    assert float(broken @ repaired) > 0.999


def test_it_reads_as_many_tokens_as_the_model(embedder: Embedder) -> None:
    """What stands behind the first 256 tokens changes nothing; before, it does."""
    begin, end_differs, begin_differs = embedder.embed(
        ["word " * 300, "word " * 300 + "fish", "fish " + "word " * 300]
    )
    assert float(begin @ end_differs) > 0.9999
    assert float(begin @ begin_differs) < 0.999


def test_it_answers_several_threads_at_once(embedder: Embedder) -> None:
    """Calls that overlap get their own texts' vectors."""
    expected = embedder.embed(TEXTS)
    cosines: list[float] = []
    together = threading.Barrier(8)

    def ask(n: int) -> None:
        together.wait()
        for _ in range(10):
            vectors = embedder.embed([TEXTS[n % len(TEXTS)], TEXTS[(n + 1) % len(TEXTS)]])
            cosines.append(float(vectors[0] @ expected[n % len(TEXTS)]))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cosines) == 80
    assert min(cosines) > 0.999


def test_it_answers_in_onnx_what_torch_answers(
    in_torch: SentenceTransformerEmbedder, models_dir: Path
) -> None:
    """The export agrees with torch in fp32 for every text, short, long or odd: cosine above 0.9999."""
    texts = TEXTS + list(ODD_TEXTS.values())
    exported = OnnxEmbedder(directory_of(models_dir, "")).embed(texts)
    assert np.sum(exported * in_torch.encode(texts, purpose="query", compute=FP32), axis=1).min() > 0.9999


def test_it_chooses_a_way_to_compute_that_keeps_the_vectors(in_torch: SentenceTransformerEmbedder) -> None:
    """Whatever precision the measurement chose, vectors stay within a cosine of 0.999 of fp32."""
    assert in_torch.compute.threads >= 1
    chosen = in_torch.embed(TEXTS)
    assert np.sum(chosen * in_torch.encode(TEXTS, purpose="document", compute=FP32), axis=1).min() > 0.999


def test_it_pads_to_few_lengths(in_torch: SentenceTransformerEmbedder) -> None:
    """For each shape that it has seen, oneDNN keeps what it compiled."""
    lengths = {in_torch.tokens([text])["input_ids"].shape[1] for text in ["a", *TEXTS]}
    assert {length % 16 for length in lengths} == {0}


def test_it_agrees_with_sentence_transformers(in_torch: SentenceTransformerEmbedder) -> None:
    """In fp32 the vectors are those of the library's own `encode`."""
    theirs = in_torch.model.encode(TEXTS, normalize_embeddings=True)
    assert np.sum(in_torch.encode(TEXTS, purpose="document", compute=FP32) * theirs, axis=1).min() > 0.99999


def test_it_needs_no_network(monkeypatch: pytest.MonkeyPatch, models_dir: Path) -> None:
    """The bundled model loads and embeds with every way to a network shut."""

    def refuse(*_: object) -> None:
        raise AssertionError("the embedder asked for a network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert SentenceTransformerEmbedder(compute=FP32).embed(["a"]).shape == (1, 384)
    assert OnnxEmbedder(directory_of(models_dir, "")).embed(["a"]).shape == (1, 384)


def test_it_embeds_queries_without_torch(models_dir: Path) -> None:
    """A process that opens the prepared model and embeds imports neither torch nor sentence-transformers."""
    program = (
        "import sys, pathlib, indexing.embedder as e\n"
        "assert e.open_query_embedder(pathlib.Path(sys.argv[1])).embed(['a query']).shape == (1, 384)\n"
        "print(sorted({'torch', 'sentence_transformers', 'transformers'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, str(models_dir)], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


def test_it_embeds_a_query_once(models_dir: Path) -> None:
    """The same words again are not computed again, and give the same vector; long ones are, and take no memory."""
    real = OnnxEmbedder(directory_of(models_dir, ""))
    asked: list[str] = []

    class Counted:
        name, dimension = real.name, real.dimension

        def embed(self, texts: Sequence[str]) -> Vectors:
            asked.extend(texts)
            return real.embed(texts)

    remembering, long = Remembering(Counted()), "far too long " * 100
    for text in ("redirect loop", "cookie", "redirect loop", long, long):
        assert np.array_equal(remembering.embed([text]), real.embed([text]))
    assert asked == ["redirect loop", "cookie", long, long]


def test_it_has_no_query_embedder_before_one_is_prepared(tmp_path: Path) -> None:
    """Until a worker has prepared the model, the API gets None and answers from words."""
    assert open_query_embedder(tmp_path / "models") is None


def test_it_prepares_a_model_once(in_torch: SentenceTransformerEmbedder, models_dir: Path) -> None:
    """Preparing again leaves the files as they are, and an export leaves nothing beside its directory."""
    before = {file: file.stat().st_mtime_ns for file in models_dir.rglob("*")}
    assert prepare_query_embedder(in_torch, models_dir)
    assert {file: file.stat().st_mtime_ns for file in models_dir.rglob("*")} == before
    assert list(models_dir.iterdir()) == [directory_of(models_dir, "")]


def test_it_lets_the_first_of_two_exports_stand(
    in_torch: SentenceTransformerEmbedder, models_dir: Path
) -> None:
    """Two workers that export at once: the second finds the directory there and is content."""
    target = directory_of(models_dir, "")
    inode = (target / CARD_FILE).stat().st_ino
    export_onnx(in_torch, target)
    assert (target / CARD_FILE).stat().st_ino == inode


def test_it_sends_a_model_that_onnx_cannot_express_to_torch(tmp_path: Path) -> None:
    """A model that is no transformer is not exported; queries are then embedded in torch, with the same vectors."""
    static = StaticEmbedding(Tokenizer.from_file(str(bundled_path() / "tokenizer.json")), embedding_dim=8)
    SentenceTransformer(modules=[static]).save(str(tmp_path / "static"))
    worker = SentenceTransformerEmbedder(str(tmp_path / "static"), compute=FP32)
    assert not prepare_query_embedder(worker, tmp_path / "models")
    opened = open_query_embedder(tmp_path / "models", str(tmp_path / "static"))
    assert isinstance(opened, SentenceTransformerEmbedder)
    assert (opened.purpose, opened.dimension) == ("query", 8)
    assert opened.embed(TEXTS) == pytest.approx(worker.embed(TEXTS), abs=1e-5)


def test_it_names_a_directory_for_its_files(tmp_path: Path) -> None:
    """A directory is a model of its own; copied elsewhere it has the same name, and changed another."""
    here, there = tmp_path / "here" / "mine", tmp_path / "there" / "mine"
    shutil.copytree(bundled_path(), here)
    shutil.copytree(bundled_path(), there, copy_function=os.symlink)
    loaded = SentenceTransformerEmbedder(str(here), compute=FP32)
    assert loaded.name == model_name(str(there))
    assert loaded.name.startswith("mine-")
    (there / "README.md").unlink()
    assert model_name(str(there)) != loaded.name


def test_it_says_what_is_wrong_with_a_model(tmp_path: Path) -> None:
    """A path that is not there and a directory that is no model are told by name, without a try on the network."""
    with pytest.raises(ModelUnavailable, match="There is no embedding model at"):
        SentenceTransformerEmbedder(str(tmp_path / "missing"))
    with pytest.raises(ModelUnavailable, match="cannot be loaded"):
        SentenceTransformerEmbedder(str(tmp_path))
