#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Run a command of this tree on a bare machine of another Debian release: a root of its own, with
# nothing in it but apt and make. As root; what it mounts goes with it.
set -eu

if [ $# -lt 2 ]; then
  echo "Usage: ci/debian.sh SUITE DIR [COMMAND]

The Debian SUITE (trixie, sid) is put into DIR, unless something is there already; then the shell
command (make run && make check) is run in a copy of this tree below it. DIR stays." >&2
  exit 2
fi
suite=$1 dir=$(realpath -m "$2")
command=${3:-make run && make check}

die() {
  echo "ci/debian.sh: $1" >&2
  exit 2
}

# The address of the archive with that label, as this machine's apt has it.
archive() {
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(REPO_URI)' "Label: $1" 'Component: main' | head -n 1
}

[ "$(id -u)" = 0 ] || die "it mounts things: run it as root"
command -v debootstrap >/dev/null || die "install debootstrap"
mirror=$(archive Debian) security=$(archive Debian-Security)
[ -n "$mirror" ] || die "apt's configuration names no mirror of Debian"

if [ ! -e "$dir/src" ]; then
  unshare -m debootstrap --variant=minbase --include=make "$suite" "$dir" "$mirror"
  case $suite in
    sid | unstable | testing | experimental) ;;
    *) [ -z "$security" ] || echo "deb $security $suite-security main" >>"$dir/etc/apt/sources.list" ;;
  esac
fi
mkdir -p "$dir/src/sealmatrix" "$dir/old"
cd "$(dirname "$0")/.."
git ls-files -z | xargs -0 tar -c | tar -x -C "$dir/src/sealmatrix"
cp /etc/resolv.conf "$dir/etc/"

# A root, and not only a chroot: in one of those there are no user namespaces.
# shellcheck disable=SC2016
exec unshare -m sh -euc '
  mount --make-rprivate /
  mount --bind "$1" "$1"
  cd "$1"
  mount -t proc proc proc
  mount --rbind /dev dev
  mount -t tmpfs tmpfs tmp
  mount -t tmpfs tmpfs run
  pivot_root . old
  umount -l /old
  cd /src/sealmatrix
  exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -c "$2"
' sh "$dir" "$command"
