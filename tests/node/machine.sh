#!/bin/sh
# The machine that the node takes this to be. Process 1 of process, mount and network namespaces of its own: when
# it ends, however that happens, the kernel ends every process in them and removes every mount and interface.
#
# usage: machine.sh FOLDER ADDRESS SERVICES PROGRAM [ARGUMENT...]
set -eu
folder=$1 address=$2 services=$3
shift 3

# Containers are to see what kubelet mounts; nobody outside is.
mount --make-rshared /
# What the programs keep at places that cannot be configured.
mount -t tmpfs -o mode=755 machine /run
mkdir "$folder/log"
mount --bind "$folder/log" /var/log
mkdir "$folder/lib" "$folder/lib-work"
mount -t overlay -o "lowerdir=/var/lib,upperdir=$folder/lib,workdir=$folder/lib-work" machine /var/lib

# Kubelet sets these for the whole machine; it finds them set already. Since the kernel lets a user namespace have
# a /proc only where a whole one can be seen, there is one.
mkdir "$folder/proc" "$folder/settings"
mount -t proc machine "$folder/proc"
while read -r name value; do
    file=$folder/settings/$(basename "$name")
    echo "$value" > "$file"
    mount --bind "$file" "/proc/sys/$name"
done << 'SETTINGS'
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
SETTINGS

# An API server has a connection for each request that waits.
ulimit -n "$(ulimit -H -n)"

ip link set lo up
# The address at which pods reach the machine; the route is what kube-proxy works on.
ip link add machine type bridge
ip address add "$address/24" dev machine
ip link set machine up
ip route add "$services" dev machine
echo 1 > /proc/sys/net/ipv4/ip_forward

# Not by `exec`: this shell waits for processes that others leave behind.
status=0
"$@" || status=$?
exit "$status"
