#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Install what is missing, with apt: as root, or through sudo where it asks for no password.
# Otherwise print the one line to type and exit 2.
set -eu

# build tools and libraries; the machine; the guest; what kernels/ needs to build one
packages="gcc make pkg-config libc6-dev
check libarchive-dev libkmod-dev libjansson-dev libinih-dev zlib1g-dev
qemu-system-x86 busybox-static musl-tools kmod
apt dpkg dpkg-dev debian-archive-keyring ca-certificates gnupg gpgv faketime
flex bison bc libelf-dev libssl-dev patch xz-utils cpio"
# what CI adds
[ "${1:-}" = --ci ] && packages="$packages gdb clang clang-format libclang-rt-dev shellcheck git"

missing=
for p in $packages; do
  # A held package is installed, too, and one may be there for several architectures.
  dpkg-query -W -f='${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed ||
    missing="$missing $p"
done
[ -z "$missing" ] && exit 0

install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ]; then
  as_root=
elif sudo -n true 2>/dev/null; then
  as_root="sudo -n"
else
  echo "sealmatrix needs some packages; type this and try again:" >&2
  echo "  sudo apt-get update && sudo $install" >&2
  exit 2
fi

echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# Lists may be missing or old on a fresh machine: refresh them only if the first try fails.
# shellcheck disable=SC2086
$as_root $install >/dev/null 2>&1 || { $as_root apt-get update -qq && $as_root $install >/dev/null; }
