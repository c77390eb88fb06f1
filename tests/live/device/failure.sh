# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 180
# Memory that fails while it is mapped: whoever maps it gets SIGBUS, and the log says which file it is and where.
DRIVER=/sys/bus/nd/drivers/nd_pmem
DEVICE=$(basename "$(readlink -f /sys/block/pmem0/device)")

expect_report() { # PATTERN
    for _ in $(seq 50); do
        ! dmesg | grep -q "$1" || return 0
        sleep 0.1
    done
    fail "no message '$1'"
}

mount_fs
mkdir "$MNT"/a "$MNT"/b
for i in $(seq 100); do
    echo "$i" >"$MNT"/a/f"$i"
done
dd if=/dev/zero of="$MNT"/b/file bs=64k count=100 2>/dev/null
# Unlinked, but open.
dd if=/dev/zero of="$MNT"/gone bs=64k count=4 2>/dev/null
inode=$(stat -c %i "$MNT"/b/file)
/tests/bin/poison fail "$MNT"/b/file 1234567
expect_report "media error: inode $inode, bytes 1232896 to 1236992"
inode=$(stat -c %i "$MNT"/gone)
exec 8<>"$MNT"/gone
rm "$MNT"/gone
/tests/bin/poison fail /proc/self/fd/8 70000
expect_report "media error: inode $inode, bytes 69632 to 73728"
exec 8>&-
echo still >"$MNT"/a/works
unmount_check
# A new set of struct pages, without the marks.
echo "$DEVICE" >$DRIVER/unbind
echo "$DEVICE" >$DRIVER/bind
for _ in $(seq 100); do
    [ ! -b "$PMEM" ] || break
    sleep 0.1
done
