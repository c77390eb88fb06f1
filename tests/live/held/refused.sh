# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# The mm layer refuses to hold pages of the device for long: no buffers of io_uring.
mount_fs
/tests/bin/held refused "$MNT/file"
unmount_check
