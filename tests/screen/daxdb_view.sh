#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# daxdb's view on a terminal: it draws, follows a pointer, survives resizing down to one cell, and gives the terminal
# back after q and after SIGTERM. Usage: daxdb_view.sh DAXDB MKFS
set -euo pipefail

daxdb=$1
mkfs=$2
folder=$(mktemp -d)
tmux=(tmux -L "daxdb-view-$$" -f /dev/null)
trap '"${tmux[@]}" kill-server 2>/dev/null || true; rm -rf "$folder"' EXIT

screen() { "${tmux[@]}" capture-pane -p -t view; }

# Polls: what is on the screen follows the keys sooner or later.
expect() {
    for _ in $(seq 300); do
        if screen | grep -qF -- "$1"; then
            return
        fi
        sleep 0.1
    done
    echo "not on the screen: $1" >&2
    screen >&2
    exit 1
}

keys() { "${tmux[@]}" send-keys -t view "$@"; }
resize() { "${tmux[@]}" resize-window -t view -x "$1" -y "$2"; }

if ! command -v tmux >/dev/null; then
    echo "tmux is needed" >&2
    exit 1
fi
"$mkfs" "$folder/image" 16M >"$folder/mkfs.log"
cat >"$folder/run" <<RUN
"$daxdb" "$folder/image"
echo "exit=\$?"
stty -a | tr ';' '\n' | grep -qw -- '-icanon' || echo "terminal restored"
read -r end
RUN
cat >"$folder/killed" <<RUN
bash -c 'echo \$\$ >"$folder/pid"; exec "$daxdb" "$folder/image"'
echo "killed=\$?"
stty -a | tr ';' '\n' | grep -qw -- '-icanon' || echo "terminal restored"
read -r end
RUN

"${tmux[@]}" new-session -d -s view -x 120 -y 40 "bash '$folder/run'"
expect "block 0: superblock"
expect "allocation groups (1 of 1)"
keys g
expect "go to"
keys -l "/"
keys Enter
expect "directory (4)"
keys Tab End Enter
expect "parent"
keys BSpace
expect "directory (4)"
resize 1 1
resize 200 50
expect "directory (4)"
keys q
expect "exit=0"
expect "terminal restored"
"${tmux[@]}" kill-session -t view

"${tmux[@]}" new-session -d -s view -x 80 -y 24 "bash '$folder/killed'"
expect "block 0: superblock"
kill -TERM "$(cat "$folder/pid")"
expect "killed=143"
expect "terminal restored"
echo ok
