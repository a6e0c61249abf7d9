#!/usr/bin/env bash
# Prepares a machine: system packages that are missing, a virtual environment, this package in it.
# usage: tools/setup.sh VENV EXTRAS
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:?usage: tools/setup.sh VENV EXTRAS}
extras=${2:-sim,runtime}
say() { printf '\033[1m%s\033[0m\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Software OpenGL without a display, for rendering camera images in simulation.
wanted=(libegl1 libopengl0 libgl1-mesa-dri libosmesa6)
case ",$extras," in *,realsense,*) wanted+=(libusb-1.0-0) ;; esac
case ",$extras," in *,test,*) wanted+=(iproute2) ;; esac  # two machines made of network namespaces
python=${PYTHON:-python3}
command -v "$python" >/dev/null || wanted+=(python3 python3-venv)
if command -v "$python" >/dev/null && ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  wanted+=("python3-venv")
fi
missing=()
if command -v dpkg-query >/dev/null; then
  for package in "${wanted[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
fi
if ((${#missing[@]})); then
  sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    sudo=(sudo -n)
    sudo -n true 2>/dev/null || sudo=()
  fi
  if [ "$(id -u)" -eq 0 ] || ((${#sudo[@]})); then
    say "Installing system packages: ${missing[*]}"
    "${sudo[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    printf 'note: these packages are missing and need an administrator: sudo apt-get install %s\n' "${missing[*]}" >&2
  fi
fi

command -v "$python" >/dev/null || fail "Python 3.11 or newer is needed"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 or newer is needed, this is $("$python" -V)"
if [ ! -x "$venv/bin/python" ]; then
  say "Making the virtual environment $venv"
  "$python" -m venv "$venv"
fi
stamp="$venv/.molmo_ros-$(printf '%s' "$extras" | tr ',' '-')"
if [ ! -f "$stamp" ] || [ setup.py -nt "$stamp" ] || [ constraints.txt -nt "$stamp" ]; then
  say "Installing molmo_ros[$extras] (the first time takes a minute or two)"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$extras]"
  touch "$stamp"
fi
