# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 240
# Loads and stores against truncate and punch, while freed blocks go to another file at once.
mount_fs
for seed in 1 2 3; do
    /tests/bin/fault race "$MNT/file" $seed
done
unmount_check
