# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# fs: none
# time: 120
# Each errors= mode, when a damaged inode is met.
mkfs.daxfs -q -f "$PMEM" 32M
mount_fs
mkdir "$MNT/dir"
echo sound >"$MNT/dir/sound"
echo bad >"$MNT/bad"
bad=$(stat -c %i "$MNT/bad")
umount "$MNT"
/tests/bin/damage "$PMEM" inode "$bad"

meet_damage() {
    expect_fail cat "$MNT/bad" 2>/dev/null
}

# $(cat ...) of the mount's line in /proc/mounts
shown() {
    sed -n "s,^$PMEM $MNT daxfs ,,p" /proc/mounts
}

# ---- remount-ro: nothing changes any more, and what was open can be read ----
mount_fs
/tests/bin/errors emergency "$MNT/dir" "$MNT/bad"
expect_eq "$(cat "$MNT/dir/sound")" sound "a sound file"
shown | grep -q '^rw,.*emergency_ro' || fail "not shown: $(shown)"
expect_fail mount -o remount,rw "$MNT" 2>/dev/null
expect_fail mount -o remount,rw,errors=continue "$MNT" 2>/dev/null
mount -o remount,ro "$MNT"
shown | grep -q '^ro,' || fail "not read-only: $(shown)"
expect_fail mount -o remount,rw "$MNT" 2>/dev/null
umount "$MNT"
expect_fail mount_fs emergency_ro 2>/dev/null

# ---- an unlinked file that is open stays for the next mount ----
mount_fs
echo gone >"$MNT/dir/gone"
exec 8<"$MNT/dir/gone"
rm "$MNT/dir/gone"
meet_damage
exec 8>&-
umount "$MNT"
fsck.daxfs -n "$PMEM" >/tmp/fsck.out || :
grep -q 'orphan\|unlinked' /tmp/fsck.out || fail "the unlinked file is gone: $(cat /tmp/fsck.out)"

# ---- a read-only mount stores nothing ----
sum() { dd if="$PMEM" bs=1M count=32 2>/dev/null | md5sum; }
mount_fs ro
meet_damage
expect_fail mount -o remount,rw "$MNT" 2>/dev/null
umount "$MNT"
before=$(sum)
mount_fs ro
meet_damage
umount "$MNT"
expect_eq "$(sum)" "$before" "the device"

# ---- continue ----
mount_fs errors=continue
meet_damage
echo more >"$MNT/dir/new"
expect_eq "$(cat "$MNT/dir/new")" more "a new file"
umount "$MNT"

# ---- shutdown ----
mount_fs errors=shutdown
meet_damage
expect_fail cat "$MNT/dir/sound" 2>/dev/null
expect_fail touch "$MNT/dir/other" 2>/dev/null
umount "$MNT"

/tests/bin/damage "$PMEM" inode "$bad"
fsck.daxfs -p "$PMEM" >/dev/null || [ $? = 1 ] || fail "fsck.daxfs -p"
fsck_clean
mount_fs
expect_eq "$(cat "$MNT/bad" "$MNT/dir/sound" "$MNT/dir/new")" "bad
sound
more" "the files"
unmount_check
