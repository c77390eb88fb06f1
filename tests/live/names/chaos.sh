# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# time: 240
# Random operations beside a model of them; what a new mount shows is what was there.
mount_fs
/tests/bin/names chaos "$MNT" 1 6000
/tests/bin/directory ls "$MNT" >/tmp/before
remount
/tests/bin/directory ls "$MNT" >/tmp/after
cmp /tmp/before /tmp/after || fail "the tree changed with a new mount"
unmount_check
