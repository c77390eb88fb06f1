# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# fs: none
# Directories that name themselves, their parents, the root, or each other's children, and names that are none.
# shellcheck source=tests/live/hostile/lib
. /tests/hostile/lib

make() {
    mkfs_mount
    mkdir -p "$MNT/outer/inner/below" "$MNT/beside/inner"
    echo x >"$MNT/outer/inner/file"
    root=$(stat -c %i "$MNT")
    outer=$(stat -c %i "$MNT/outer")
    inner=$(stat -c %i "$MNT/outer/inner")
    umount "$MNT"
    leaf=$(damage get inode "$inner" $FORK_BLOCK 8)
}

try() { # WHAT COMMAND...
    echo "$1"
    shift
    mount_fs errors=continue
    unclean "$@"
    find "$MNT" >/dev/null 2>&1 || :
    rm -rf "$MNT/outer" "$MNT/beside" >/dev/null 2>&1 || :
    umount "$MNT"
}

make
damage entry "$leaf" below below "$inner"
try "a directory that names itself" ls "$MNT/outer/inner/below"
make
damage entry "$leaf" below below "$outer"
try "a directory that names its parent" ls "$MNT/outer/inner/below"
make
damage entry "$leaf" below below "$root"
try "a directory that names the root" ls "$MNT/outer/inner/below"
make
damage entry "$leaf" file fi/e 0
try "a name with a slash" /tests/bin/directory ls "$MNT/outer/inner"

# Two names for one directory: whichever is asked for has it, and moves that go round in a circle are refused.
make
mount_fs
beside=$(stat -c %i "$MNT/beside")
umount "$MNT"
leaf=$(damage get inode "$beside" $FORK_BLOCK 8)
damage entry "$leaf" inner inner "$inner"
mount_fs errors=continue
i=0
while [ $i -lt 20 ]; do
    ls "$MNT/outer/inner" "$MNT/beside/inner" >/dev/null
    i=$((i + 1))
done
mv "$MNT/outer" "$MNT/beside/inner/below" 2>/dev/null || :
mv "$MNT/beside" "$MNT/outer/inner/below" 2>/dev/null || :
find "$MNT" >/dev/null 2>&1 || :
rm -rf "$MNT/outer" "$MNT/beside" >/dev/null 2>&1 || :
umount "$MNT"
