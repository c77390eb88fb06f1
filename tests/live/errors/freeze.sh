# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# Damage that is met while the filesystem is frozen: nothing is stored until the thaw, nobody hangs, and afterwards the
# filesystem is read-only and says why.
commits() { cat /sys/fs/daxfs/pmem0/commits; }

mkfs_mount
echo sound >"$MNT/sound"
echo bad >"$MNT/bad"
bad=$(stat -c %i "$MNT/bad")
umount "$MNT"
/tests/bin/damage "$PMEM" inode "$bad"
mount_fs
fsfreeze --freeze "$MNT"
before=$(commits)
expect_fail cat "$MNT/bad" 2>/dev/null
sleep 2
expect_eq "$(commits)" "$before" "transactions while frozen"
timeout 10 fsfreeze --unfreeze "$MNT" || fail "the filesystem is not thawed"
why=$(timeout 10 touch "$MNT/new" 2>&1) && fail "a new file after the damage"
case $why in *"Read-only file system"*) ;; *) fail "touch: $why" ;; esac
expect_eq "$(cat "$MNT/sound")" sound "a sound file"
dmesg -c >/dev/null
expect_fail timeout 10 mount -o remount,rw "$MNT" 2>/dev/null
dmesg | grep -q 'daxfs .*run fsck.daxfs' || fail "the remount does not say what to do"
# The note of the damage was due while frozen.
for _ in $(seq 50); do
    [ "$(commits)" = "$before" ] || break
    sleep 0.1
done
expect_eq "$(commits)" $((before + 1)) "transactions after the thaw"
timeout 20 umount "$MNT"
/tests/bin/damage "$PMEM" inode "$bad"
fsck.daxfs -n "$PMEM" >/tmp/fsck.out && fail "fsck.daxfs knows nothing of the damage"
fsck.daxfs -p "$PMEM" >/dev/null || [ $? = 1 ] || fail "fsck.daxfs -p"
fsck_clean

# ---- a copy of the device while it is frozen, by way of a page cache that has held it since before ----
mkfs_mount
first_of() { dd if="$PMEM" bs=1M count=16 "$@" 2>/dev/null | md5sum; }
first_of >/dev/null
for i in 1 2 3 4 5 6 7 8; do
    echo "$i" >"$MNT/file$i"
done
fsfreeze --freeze "$MNT"
expect_eq "$(first_of)" "$(first_of iflag=direct)" "the copy"
fsfreeze --unfreeze "$MNT"
unmount_check
