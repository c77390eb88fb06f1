# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# A free inode in a block that nobody has looked into since the mount is found soon also while files are created without a
# pause, each chunk of which looks into two blocks. In most of some rounds: the machine has other things to do.
mkfs.daxfs -q -f --ag-size 256M "$PMEM" 256M
mount_fs
mkdir "$MNT/d" "$MNT/e"
files=$(count 20000)
/tests/bin/inodes create "$MNT/d" 0 "$files"
inode=$(stat -c %i "$MNT/d/f20")
rm "$MNT/d/f20"
found=0
for round in 0 1 2 3 4 5; do
    remount
    # Their own looks come to the last blocks alone.
    /tests/bin/inodes create "$MNT/e" $((round * files)) $((files / 4))
    taken=$(find "$MNT/e" -inum "$inode")
    [ -z "$taken" ] || { rm "$taken" && found=$((found + 1)); }
done
echo "found in $found rounds"
[ $found -ge 4 ] || fail "inode $inode was found in $found of 6 rounds"
unmount_check
