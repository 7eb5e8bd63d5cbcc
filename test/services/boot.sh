#!/bin/sh
# Boots a container with systemd. Its root is this machine's file system under a temporary layer for changes. Run it as the first process
# in new namespaces of every kind except the network: boot.sh <an empty folder>
set -e
layer=$1
mount -t tmpfs tmpfs "$layer"
mkdir "$layer/changes" "$layer/work" "$layer/root"
root=$layer/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$layer/changes,workdir=$layer/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/dev"
for device in 'null 1 3' 'zero 1 5' 'full 1 7' 'random 1 8' 'urandom 1 9' 'tty 5 0'; do
  # shellcheck disable=SC2086 # three words
  set -- $device
  mknod -m 666 "$root/dev/$1" c "$2" "$3"
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
: >"$root/etc/machine-id"
# Disable units that would change the kernel, which the container shares with its host.
for unit in systemd-binfmt systemd-sysctl systemd-modules-load systemd-udevd systemd-udev-trigger systemd-tmpfiles-setup-dev; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit.service"
done
ln -sf /dev/null "$root/etc/systemd/system/proc-sys-fs-binfmt_misc.automount"
cd "$root"
mkdir old
pivot_root . old
umount -l old
# systemd requires shared propagation from container managers, so that mounts for a service become visible to it.
mount --make-rshared /
exec env -i container=netvia-test PATH="$PATH" /lib/systemd/systemd --system --unit=basic.target
