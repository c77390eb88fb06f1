# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# RWF_NOWAIT is refused, not taken and then waited for: through DAX and in the page cache.
for mode in always never; do
    mount_fs "dax=$mode"
    /tests/bin/nowait "$MNT/$mode"
    unmount_check
done
