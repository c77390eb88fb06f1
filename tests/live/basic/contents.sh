# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Everything that was made is there after a remount: contents, modes, owners, times, links, special files.
mount_fs
mkdir -p "$MNT/a/b/c"
echo one >"$MNT/a/one"
dd if=/dev/urandom of="$MNT/a/b/big" bs=64k count=40 2>/dev/null
ln "$MNT/a/one" "$MNT/a/b/hard"
ln -s ../one "$MNT/a/b/soft"
mkfifo "$MNT/a/fifo"
mknod "$MNT/a/null" c 1 3
chmod 4751 "$MNT/a/one"
chown 1234:4321 "$MNT/a/b/big"
touch -d '2001-02-03 04:05:06' "$MNT/a/b/c"
: >"$MNT/a/empty"

listing() {
    (cd "$MNT" && find . | sort | while read -r path; do
        stat -c '%n %i %f %h %u %g %s %b %Y %Z %t %T' "$path"
    done)
    (cd "$MNT" && find . -type f | sort | xargs md5sum)
    readlink "$MNT/a/b/soft"
}
listing >/tmp/before
remount
listing >/tmp/after
cmp /tmp/before /tmp/after || { diff /tmp/before /tmp/after; fail "the remount changed something"; }
expect_eq "$(cat "$MNT/a/b/hard")" one "contents through a hard link"
expect_eq "$(cat "$MNT/a/b/soft")" one "contents through a symlink"
echo x >"$MNT/a/null"
unmount_check
