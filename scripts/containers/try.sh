#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tries out the container files without a container engine: the commands of Dockerfile and af2cpu.def in two empty
# Debian systems made with debootstrap, one to build in and one to run in, then the demo as the user af2cpu.
#
#   try.sh FOLDER [MIRROR] [PREPARE]
#
# FOLDER: is made, with 5 GB of space. MIRROR: of Debian, as debootstrap takes it; empty for the default one.
# PREPARE: a program that gets the path of each new system, to put in what this site needs, such as the configuration of
# apt and pip. Needs root and debootstrap. AF2CPU_TORCH_INDEX as for install.sh.
set -eu
folder=${1:?"usage: try.sh FOLDER [MIRROR] [PREPARE]"}
mirror=${2:-}
prepare=${3:-true}
source=$(cd "$(dirname "$0")/../.." && pwd)

[ ! -e "$folder" ] || { echo "$folder: is there already; give the name of a new folder" >&2; exit 2; }
mkdir -p "$folder"
# shellcheck disable=SC2086 # no argument where there is no mirror
debootstrap --variant=minbase --include=ca-certificates bookworm "$folder/build" $mirror
cp -a "$folder/build" "$folder/run"
for system in build run; do
  cp /etc/resolv.conf "$folder/$system/etc/resolv.conf"
  "$prepare" "$folder/$system"
done

in_build() { chroot "$folder/build" /usr/bin/env AF2CPU_TORCH_INDEX="${AF2CPU_TORCH_INDEX:-default}" "$@"; }
# With /proc, as in a container; it is unmounted when the command ends.
in_run() {
  unshare --mount sh -ec 'mount -t proc proc "$1/proc"; shift; exec chroot "$@"' sh "$folder/run" "$@"
}

mkdir "$folder/build/source"
left_out=$source/scripts/containers/Dockerfile.dockerignore
tar -C "$source" --exclude-from="$left_out" -c . | tar -C "$folder/build/source" -x
in_build sh /source/scripts/containers/install.sh build /source

cp "$source/scripts/containers/install.sh" "$folder/run/tmp/install.sh"
in_run "$folder/run" sh /tmp/install.sh runtime
rm "$folder/run/tmp/install.sh"
cp -a "$folder/build/opt/af2cpu" "$folder/run/opt/af2cpu"

cp "$source/examples/trp_cage.fasta" "$folder/run/out/"
in_run --userspec=af2cpu "$folder/run" /usr/bin/env -i PATH=/opt/af2cpu/bin:/usr/bin:/bin HOME=/tmp sh -e -c '
  cd /out
  af2cpu --version
  af2cpu predict trp_cage.fasta --params demo --db demo -o results
  af2cpu status results'
du -sh "$folder/run" | sed 's/\t.*/ in the system to run in, Debian included/'
