"""A home folder with transcripts, and our command in it, for tests of `backscroll import`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
from http_service import HttpService
from serve_process import COMMAND, environ

CODE_OK, CODE_FAILED, CODE_USAGE, CODE_UNREACHABLE = 0, 1, 2, 4
END_S = 30.0
SESSION = "5d1f0c2e-77aa-4be0-8d53-1f2a3b4c5d6e"


class Machine:
    """A home folder with Claude Code's transcripts, and our command in it with a key of a new workspace."""

    def __init__(self, service: HttpService, root: Path) -> None:
        self.service, self.root = service, root
        self.api = service.client()
        self.project = root / ".claude" / "projects" / "-src-shop"
        self.project.mkdir(parents=True)
        self.transcript = self.project / f"{SESSION}.jsonl"
        self.environ = environ(root / "backscroll") | {
            "HOME": str(root),
            "BACKSCROLL_URL": service.url,
            "BACKSCROLL_API_KEY": self.api.headers["authorization"].removeprefix("Bearer "),
            "BACKSCROLL_LOG_LEVEL": "info",
        }
        for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
            self.environ.pop(name, None)

    def say(self, *numbers: int) -> None:
        """Append prompts to the transcript."""
        with self.transcript.open("ab") as file:
            file.write(b"".join(map(said, numbers)))

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *arguments],
            env=self.environ | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **more: str) -> tuple[int, str, str]:
        """Exit code, output, and what was said on standard error."""
        process = self.start(*arguments, **more)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def read(self, *arguments: str, **more: str) -> dict[str, Any]:
        """What `import --json` says of Claude Code's transcripts."""
        code, out, err = self.run("import", *arguments, "--json", **more)
        assert code == CODE_OK, err
        told: dict[str, Any] = json.loads(out)["sources"].get("claude-code", {})
        return told

    def texts(self) -> list[str]:
        """What is stored of the session, in its order."""
        answer = self.api.get("/api/sessions/get", params={"id": SESSION})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return []
        return [message["textContent"] for message in answer.json()["messages"]]


def said(number: int, size: int = 0) -> bytes:
    """A prompt of the session; `size` makes it longer."""
    record = {
        "type": "user",
        "uuid": f"5d1f0c2e-0000-0000-0000-{number:012}",
        "parentUuid": None,
        "sessionId": SESSION,
        "timestamp": f"2026-05-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.000Z",
        "cwd": "/src/shop",
        "message": {"role": "user", "content": f"prompt {number}" + "x" * size},
    }
    return json.dumps(record).encode() + b"\n"


def prompts(count: int) -> list[str]:
    return [f"prompt {number}" for number in range(count)]
