# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 120
# A read(2) whose target is a page that never comes keeps nobody from the file.
modprobe fuse 2>/dev/null || : # or built in
for mode in always never; do
    mount_fs dax=$mode
    out=$(/tests/bin/slow_reader /tmp/slow "$MNT"/file) || fail "dax=$mode: $out"
    unmount_check
done
