# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Appends, synced, sparse and unaligned writes with the tools that everybody has.
mount_fs
dd if=/dev/urandom of=/tmp/source bs=1000 count=3000 2>/dev/null
dd if=/tmp/source of="$MNT/unaligned" bs=777 2>/dev/null
dd if=/tmp/source of="$MNT/sync" bs=65537 conv=fsync 2>/dev/null
while read -r line; do
    echo "$line" >>"$MNT/lines"
done <<END
$(seq 1 300)
END
cmp /tmp/source "$MNT/unaligned"
cmp /tmp/source "$MNT/sync"
expect_eq "$(md5sum <"$MNT/lines")" "$(seq 1 300 | md5sum)" "appended lines"
dd if=/tmp/source of="$MNT/sparse" bs=1000 seek=50000 2>/dev/null
expect_eq "$(stat -c %s "$MNT/sparse")" 53000000 "size of a sparse file"
blocks=$(stat -c %b "$MNT/sparse")
[ "$blocks" -le 6000 ] || fail "a sparse file of 3 MB takes $blocks sectors"
expect_eq "$(dd if="$MNT/sparse" bs=1000 skip=50000 2>/dev/null | md5sum)" "$(md5sum </tmp/source)" "sparse contents"
remount
cmp /tmp/source "$MNT/unaligned"
cp "$MNT/unaligned" "$MNT/copy"
cmp "$MNT/copy" /tmp/source
unmount_check
