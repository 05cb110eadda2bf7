#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs af2cpu on Debian 12: the commands that Dockerfile, af2cpu.def and try.sh share.
#
#   install.sh build SOURCE   compiles and installs the program of the source tree SOURCE into /opt/af2cpu
#   install.sh runtime        installs the libraries that it needs; makes the user af2cpu and the folders /data and /out
#
# AF2CPU_TORCH_INDEX: package index with PyTorch's CPU build (PyTorch's own installation page names it). Without it pip
# takes PyTorch from its default index: on x86-64 that is the CUDA build, gigabytes that are never used here.
set -eu
export DEBIAN_FRONTEND=noninteractive

packages() {
  apt-get update -q
  apt-get install -q -y --no-install-recommends "$@"
  rm -rf /var/lib/apt/lists/*
}

build() {
  packages ca-certificates g++ python3 python3-dev python3-venv
  python3 -m venv /opt/af2cpu
  pip="/opt/af2cpu/bin/python -m pip --no-cache-dir --disable-pip-version-check"
  if [ -n "${AF2CPU_TORCH_INDEX:-}" ] && [ "$AF2CPU_TORCH_INDEX" != default ]; then
    $pip install --constraint "$1/tests/constraints.txt" --index-url "$AF2CPU_TORCH_INDEX" --no-deps torch
  fi
  $pip install --constraint "$1/tests/constraints.txt" "$1"
  /opt/af2cpu/bin/python -c 'import af2cpu._kernels' # fails if the native kernels were not built
  $pip uninstall -q -y pip
  find /opt/af2cpu -name __pycache__ -type d -prune -exec rm -rf {} +
}

runtime() {
  packages ca-certificates libgomp1 libstdc++6 python3
  useradd --create-home --uid 1000 af2cpu
  mkdir -p /data /out
  chown af2cpu: /out
}

case "${1:-}" in
  build) build "${2:?"the folder of the source tree is missing"}" ;;
  runtime) runtime ;;
  *) echo "usage: install.sh build SOURCE | install.sh runtime" >&2; exit 2 ;;
esac
