#!/bin/sh
# Boots systemd with the two units, as process 1 of namespaces that are there already, and with
# nothing else of this machine's: boot.sh DIR, where haechi, haechi.yaml and the units are. What
# it writes is lost with the namespaces.
set -eu
dir=$1
mount --make-rprivate /
keep=$dir/keep lib=/usr/lib/systemd/system
mkdir "$keep"
mount -t tmpfs -o size=512m tmpfs "$keep"
mkdir "$keep/up" "$keep/work" "$keep/units"
for unit in basic sysinit multi-user network-online network shutdown umount paths slices sockets timers local-fs swap; do
	cp -L "$lib/$unit.target" "$keep/units/"
done

mount -t overlay -o "lowerdir=/etc,upperdir=$keep/up,workdir=$keep/work" overlay /etc
echo 'haechi:x:64999:64999::/nonexistent:/usr/sbin/nologin' >>/etc/passwd
echo 'haechi:x:64999:' >>/etc/group
echo 0123456789abcdef0123456789abcdef >/etc/machine-id
mkdir -p /etc/haechi
cp "$dir/haechi.yaml" /etc/haechi/
chmod 755 /etc/haechi
chmod 644 /etc/haechi/haechi.yaml

for empty in /run /var/lib /var/log /usr/local/bin /etc/systemd/system /etc/init.d $lib /usr/lib/systemd/system-generators; do
	mount -t tmpfs -o size=256m,mode=755 tmpfs $empty
done
cp "$keep"/units/* $lib/
cp "$dir/haechi" /usr/local/bin/
mkdir /etc/systemd/system/multi-user.target.wants /etc/systemd/system/service.d
for unit in haechi haechi-shield; do
	cp "$dir/$unit.service" /etc/systemd/system/
	ln -s ../$unit.service /etc/systemd/system/multi-user.target.wants/
done
printf '[Service]\nStandardOutput=append:/run/log.txt\nStandardError=append:/run/log.txt\n' >/etc/systemd/system/service.d/log.conf

mount -t tmpfs -o size=256m,mode=1777 tmpfs /tmp
umount -R /sys/fs/cgroup
mount -t sysfs -o ro sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for all in kernel vm fs; do # settings of the whole machine
	mount --bind /proc/sys/$all /proc/sys/$all
	mount -o remount,ro,bind /proc/sys/$all
done
exec env -i container=haechi-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=multi-user.target --log-target=console --show-status=0
