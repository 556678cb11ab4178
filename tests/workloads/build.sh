#!/bin/sh
# What a workload's image has on top of the base, as a layer. In mount and process namespaces of its own: what is
# mounted or left running here goes with them.
#
# usage: build.sh BASE LISTS WORK [PACKAGE...]
# BASE is the base's root, LISTS what apt knows of packages. WORK has `before` and `setup`, scripts for a shell in the
# image before and after its packages are there, and `files`; it gets `layer.tar`.
set -eu
base=$1 lists=$2 work=$3
shift 3

root=$work/root
mkdir "$root" "$work/upper" "$work/overlay"
chmod 755 "$work/upper"
mount -t overlay -o "lowerdir=$base,upperdir=$work/upper,workdir=$work/overlay" workload "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"

inside() {
    chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

# No package is to start its service.
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"

inside sh -eu < "$work/before"
mkdir -p "$root/var/cache/apt/archives/partial"
# By this machine's apt, which knows how to reach a mirror.
DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 apt-get --quiet=2 --yes --no-install-recommends \
    -o Dir="$root" -o Dir::State::status="$root/var/lib/dpkg/status" -o Dir::State::lists="$lists" \
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Dir::Log="$work" \
    -o DPkg::Chroot-Directory="$root" -o DPkg::Use-Pty=0 -o APT::Sandbox::User=root \
    install "$@"
cp -a "$work/files/." "$root/"
inside sh -eu < "$work/setup"

rm -rf "$root/usr/sbin/policy-rc.d" "$root"/var/cache/apt/archives "$root"/usr/share/doc/* "$root"/usr/share/man/* \
    "$root"/usr/share/locale/*
find "$root/var/log" -type f -name '*.log' -delete
umount --recursive "$root/dev"
umount "$root/proc" "$root"

# The overlay marks what is gone by a device, a layer by a name. No script above makes a folder anew that the base has.
find "$work/upper" -type c | while read -r gone; do
    rm "$gone"
    : > "$(dirname "$gone")/.wh.$(basename "$gone")"
done
tar --numeric-owner --sort=name --xattrs --xattrs-include=security.capability -C "$work/upper" \
    -cf "$work/layer.tar" .
