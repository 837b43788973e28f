"""Puts Mote's TUF client in the place of python-tuf's `Updater`, so that python-tuf's own tests judge it.

Every Updater call starts the client's process once; the test's simulated repository is served to it over HTTP.
"""

import json
import os
import subprocess
import tempfile
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import tuf.ngclient
from tuf.api import exceptions
from tuf.api.metadata import TargetFile
from tuf.ngclient.config import UpdaterConfig

HERE = Path(__file__).resolve().parent
CLIENT = HERE.parent / "dist" / "tuf-conformance" / "client.js"
EXPECTED_FAILURES = {
    line.split("#")[0].strip()
    for line in (HERE / "expected-failures.txt").read_text().splitlines()
    if line.split("#")[0].strip()
}


class Mismatch(exceptions.BadVersionNumberError, exceptions.LengthOrHashMismatchError):
    """Mote has one class for metadata that is not what the role above names: version, length or digest."""


EXCEPTIONS = {
    "MOTE_TRUST_FORMAT": exceptions.RepositoryError,
    "MOTE_TRUST_SIGNATURE": exceptions.UnsignedMetadataError,
    "MOTE_TRUST_ROLLBACK": exceptions.BadVersionNumberError,
    "MOTE_TRUST_EXPIRED": exceptions.ExpiredMetadataError,
    "MOTE_TRUST_MISMATCH": Mismatch,
    "MOTE_TRUST_TOO_LARGE": exceptions.DownloadLengthMismatchError,
}


class Updater:
    def __init__(self, metadata_dir, metadata_base_url, target_dir=None, target_base_url=None, fetcher=None, config=None, bootstrap=None):
        self.config = config or UpdaterConfig()
        self._dir = metadata_dir
        self._base = metadata_base_url.rstrip("/") + "/"
        self._fetcher = fetcher
        self._refreshed = False
        self._seen = {}
        if bootstrap is None:
            with open(os.path.join(metadata_dir, "root.json"), "rb"):
                return
        if not os.path.exists(os.path.join(metadata_dir, "root.json")):
            with tempfile.NamedTemporaryFile(suffix=".json") as root:
                root.write(bootstrap)
                root.flush()
                self._run("init", root.name)

    def refresh(self):
        self._seen = {}
        self._run("refresh")
        self._refreshed = True

    def get_targetinfo(self, path):
        if not self._refreshed:
            self.refresh()
        found = json.loads(self._run("lookup", target=path))
        return None if found is None else TargetFile.from_dict(found, path)

    def _run(self, command, *arguments, target=None):
        config = self.config
        limits = {
            "rootMaxBytes": config.root_max_length,
            "timestampMaxBytes": config.timestamp_max_length,
            "snapshotMaxBytes": config.snapshot_max_length,
            "targetsMaxBytes": config.targets_max_length,
            "maxRootRotations": config.max_root_rotations,
            "maxDelegations": config.max_delegations,
        }
        environment = {
            **os.environ,
            "MOTE_TEST_LIMITS": json.dumps(limits),
            # Tests move Python's clock.
            "MOTE_TEST_NOW_MS": str(int(datetime.now(timezone.utc).timestamp() * 1000)),
        }
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            line = ["node", str(CLIENT), "--metadata-dir", self._dir]
            line += ["--metadata-url", f"http://127.0.0.1:{server.server_port}/"]
            line += [f"--target-name={target}"] if target is not None else []
            result = subprocess.run([*line, command, *arguments], env=environment, capture_output=True, text=True, check=False)
        finally:
            server.shutdown()
            server.server_close()
        if result.returncode == 0:
            return result.stdout
        fault = json.loads(result.stderr.strip().splitlines()[-1])
        raise EXCEPTIONS.get(fault["code"], exceptions.RepositoryError)(fault["message"])

    def _handler(self):
        updater = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.lstrip("/")
                status, body = updater._answer(name)
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler

    def _answer(self, name):
        # A search after a refresh, in one Updater, asks the repository for nothing of the top level again.
        if self._refreshed and name in self._seen:
            return self._seen[name]
        try:
            answer = 200, b"".join(self._fetcher._fetch(self._base + name))
        except exceptions.DownloadHTTPError as error:
            answer = error.status_code, b""
        if not self._refreshed:
            self._seen[name] = answer
        return answer


# Before the tests' own `from tuf.ngclient import Updater`.
tuf.ngclient.Updater = Updater


def pytest_collection_modifyitems(items):
    for item in items:
        if item.name in EXPECTED_FAILURES:
            item.add_marker(pytest.mark.xfail(strict=True, reason="see expected-failures.txt"))
