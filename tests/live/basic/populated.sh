# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# What mkfs.daxfs --rootdir put there is what the kernel finds: contents, modes, owners, times, links, holes; also on a
# filesystem without a free block, and everything can be changed.
tree=/tmp/populated
mkdir -p $tree/a/b/c
trap 'rm -rf $tree /tmp/populated.img' EXIT
echo one >$tree/a/one
: >$tree/a/empty
dd if=/dev/urandom of=$tree/a/large bs=64k count=101 2>/dev/null
dd if=/dev/urandom of=$tree/a/middle bs=1000 count=777 2>/dev/null
dd if=/dev/urandom of=$tree/sparse bs=4k count=1 seek=5000 2>/dev/null
ln $tree/a/one $tree/a/b/hard
ln -s ../one $tree/a/b/soft
ln -s "$(printf '%0500d' 7)" $tree/long
mkfifo $tree/fifo
mknod $tree/null c 1 3
mknod $tree/disk b 259 70000
for i in $(seq 300); do echo "$i" >$tree/a/b/c/"a name of some length $i"; done
chmod 4751 $tree/a/one
chmod 0 $tree/a/empty
chmod 3770 $tree/a/b
chown 1234:4321 $tree/a/middle
chown -h 5:6 $tree/a/b/soft
touch -d '2001-02-03 04:05:06' $tree/a/b/c $tree/a/middle

listing() { # ROOT
    (cd "$1" && find . ! -path './lost+found*' | sort | while read -r path; do
        # Of a directory all but its size and its links: lost+found is one more in the root.
        if [ -d "$path" ]; then
            stat -c '%n %f %u %g %y' "$path"
        else
            stat -c '%n %f %h %u %g %s %y %t %T' "$path"
        fi
    done)
    (cd "$1" && find . -type f ! -path './lost+found*' | sort | while read -r path; do md5sum "$path"; done)
    readlink "$1/long"
}
compare() {
    listing $tree >/tmp/wanted
    listing "$MNT" >/tmp/got
    cmp /tmp/wanted /tmp/got || { diff /tmp/wanted /tmp/got; fail "the kernel finds something else"; }
    expect_eq "$(stat -c %i "$MNT/a/one")" "$(stat -c %i "$MNT/a/b/hard")" "inode of a hard link"
    [ "$(stat -c %b "$MNT/sparse")" -le 64 ] || fail "the hole takes $(stat -c %b "$MNT/sparse") sectors"
}

mkfs_mount --rootdir $tree
compare
# Of 6.3 MiB, 3 whole huge pages.
expect_eq "$(faults 9 /tests/bin/mapping load "$MNT/a/large")" 3 "huge faults of a large file"
echo x >"$MNT/null"
# What is there is as good as what the kernel made.
echo more >>"$MNT/a/large"
rm -r "$MNT/a/b/c"
mv "$MNT/a/one" "$MNT/sparse"
expect_eq "$(cat "$MNT/a/b/hard")" one "contents through the other name"
unmount_check

mkfs.daxfs -q --shrink --rootdir $tree /tmp/populated.img
dd if=/tmp/populated.img of="$PMEM" bs=64k 2>/dev/null
mount_fs
compare
rm -r "$MNT/a" "$MNT/sparse"
echo again >"$MNT/new"
unmount_check

# Without libarchive, which is not here, nothing is overwritten.
echo nothing >/tmp/populated.img
expect_fail mkfs.daxfs -q -f --tar /tmp/populated.img "$PMEM" 2>/tmp/error
grep -q libarchive /tmp/error || fail "it says: $(cat /tmp/error)"
mount_fs
expect_eq "$(cat "$MNT/new")" again "contents after a refusal"
unmount_check
