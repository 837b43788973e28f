#!/bin/sh
# python-tuf's own client tests against Mote's client. Needs python3 with venv, PyPI, and `npm run build` before.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-$(mktemp -d)}
version=7.0.1
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install "tuf==$version" 'securesystemslib[crypto]' pytest freezegun hatchling
"$work/venv/bin/pip" -q download "tuf==$version" --no-binary tuf --no-deps --no-build-isolation -d "$work"
tar xzf "$work/tuf-$version.tar.gz" -C "$work"
cd "$work/tuf-$version"
PYTHONPATH="$here:." exec "$work/venv/bin/python" -m pytest -p conftest -q \
  tests/test_updater_top_level_update.py tests/test_updater_delegation_graphs.py \
  tests/test_updater_key_rotations.py tests/test_updater_consistent_snapshot.py \
  --deselect tests/test_updater_consistent_snapshot.py::TestConsistentSnapshot::test_download_targets
