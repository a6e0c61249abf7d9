#!/usr/bin/env bash
# Runs test/browser with the Chromium that is here, or installs one first.
# usage: browser.sh VENV [PYTEST_ARGS...]
set -euo pipefail
cd "$(dirname "$0")/.."
bin="$1/bin"
shift

"$bin/python" -c "import playwright" 2>/dev/null || "$bin/python" -m pip install -q "playwright>=1.49,<2"

find_browser() {
    if [ -n "${MOLMO_ROS_CHROMIUM:-}" ]; then echo "$MOLMO_ROS_CHROMIUM"; return; fi
    command -v chromium || command -v chromium-browser || command -v google-chrome || true
}

browser=$(find_browser)
if [ -z "$browser" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing chromium"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
    browser=$(find_browser)
fi
if [ -z "$browser" ]; then
    echo "error: no Chromium here; install it, or set MOLMO_ROS_CHROMIUM to its path." >&2
    exit 2
fi
MOLMO_ROS_CHROMIUM=$browser exec "$bin/python" -m pytest test/browser "$@"
