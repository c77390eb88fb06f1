# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 180
# Mapped pages and the edges of holes and zeros in the page cache; blocks become written when writeback has ended.
mount_fs dax=never
/tests/bin/cached mapped "$MNT/mapped"
/tests/bin/cached edges "$MNT/edges"

# Sizes are of inodes that come from the device again.
mkdir "$MNT/sizes"
/tests/bin/cached sizes "$MNT/sizes"
echo 2 >/proc/sys/vm/drop_caches
for file in "$MNT"/sizes/*; do
    name=${file##*/}
    expect_eq "$(stat -c %s "$file")" "${name%%-*}" "the size of $name after its inode was dropped"
done

mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null || true
events=/sys/kernel/tracing/events/daxfs/daxfs_convert
[ -d $events ] || fail "no tracepoint"
echo 1 >$events/enable
dd if=/dev/urandom of="$MNT/traced" bs=4k count=16 conv=fsync 2>/dev/null
echo 0 >$events/enable
ino=$(stat -c %i "$MNT/traced")
converted=$(sed -n "s/.*daxfs_convert: .*ino $ino offset [0-9]* length \([0-9]*\) error 0$/\1/p" /sys/kernel/tracing/trace |
    awk '{ sum += $1 } END { print sum + 0 }')
expect_eq "$converted" 65536 "bytes whose conversion was traced"
md5sum "$MNT/mapped" "$MNT/edges" "$MNT/traced" >/tmp/sums
remount dax=always
md5sum -c -s /tmp/sums || fail "contents through DAX"
unmount_check
