# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Everything that building and testing need, from Debian 12's own packages. Nothing is installed that changes what the
# machine boots: the kernels are only unpacked below build/kernels (kernels.sh).

PACKAGES=(
    bc bison build-essential busybox-static ccache clang clang-format clang-tidy cmake cpio dmsetup dwarves e2fsprogs
    erofs-utils fio flex gcc-12 kmod libarchive-dev libbenchmark-dev libblkid-dev libbpf-dev libclang-rt-14-dev libcli11-dev
    libdaxctl-dev libedit-dev libelf-dev libexpected-dev libfmt-dev libgmock-dev libgtest-dev libisal-dev libncurses-dev
    libndctl-dev librapidcheck-dev lld llvm mandoc ninja-build nlohmann-json3-dev pkg-config shellcheck sparse
    spin sqlite3 time tmux util-linux xfsprogs xz-utils zlib1g-dev zstd
)
# From backports: package and the oldest version that will do.
BACKPORTS=(
    'qemu-system-x86 1:8.0'
    'bpftool 7.2'
)
ARCHIVE_KEYS=/usr/share/keyrings/debian-archive-keyring.gpg
BACKPORTS_LIST=/etc/apt/sources.list.d/daxfs-backports.list

installed_version() {
    { dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$1" 2>/dev/null || true; } | sed -n 's/^installed //p'
}

missing_packages() {
    local installed package
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${PACKAGES[@]}" 2>/dev/null || true)
    for package in "${PACKAGES[@]}"; do
        grep -qx "installed $package" <<<"$installed" || echo "$package"
    done
}

missing_backports() {
    local entry package oldest version
    for entry in "${BACKPORTS[@]}"; do
        read -r package oldest <<<"$entry"
        version=$(installed_version "$package")
        if [ -z "$version" ] || dpkg --compare-versions "$version" lt "$oldest"; then
            echo "$package"
        fi
    done
}

is_debian_12() {
    # shellcheck disable=SC1091
    [ -r /etc/os-release ] && (. /etc/os-release && [ "${ID:-}" = debian ] && [ "${VERSION_ID:-}" = 12 ])
}

refuse_other_systems() {
    local entry wanted=("$@")
    {
        echo "dev: setup installs packages on Debian 12 (amd64) only; this system lacks:"
        if ! have dpkg-query; then
            wanted=("${PACKAGES[@]}")
            for entry in "${BACKPORTS[@]}"; do
                wanted+=("${entry% *} (${entry#* } or newer)")
            done
        fi
        printf '    %s\n' "${wanted[@]}"
        echo "and the stock kernels 6.12 and 6.1 with their headers, unpacked as cmd/dev/kernels.sh does."
    } >&2
    exit 1
}

# Backports come from the mirror that already serves this machine's packages, and keep their low priority.
# shellcheck disable=SC2016  # $(SITE) and the like are apt's
add_backports() {
    local releases
    releases=$(apt-get indextargets --format '$(RELEASE)' 'Identifier: Packages')
    if grep -qx bookworm-backports <<<"$releases"; then
        return 0
    fi
    local site key=$ARCHIVE_KEYS
    site=$(apt-get indextargets --format '$(SITE)' 'Identifier: Packages' 'Release: bookworm' | sed -n 1p)
    [ -n "$site" ] || die "apt's configuration names no mirror for bookworm, so none for bookworm-backports"
    [ -e "$key" ] || key=
    echo "deb ${key:+[signed-by=$key] }$site bookworm-backports main" | as_root tee "$BACKPORTS_LIST"
    if ! apt-get indextargets >/dev/null; then
        as_root rm "$BACKPORTS_LIST"
        die "apt does not take the source for bookworm-backports; nothing is left of it"
    fi
    apt_update
}

# Somebody's broken third-party source must not stop us: what is missing afterwards is said by apt-get install.
apt_update() {
    as_root apt-get update || echo "apt-get update had trouble; going on"
}

install_missing() {
    export DEBIAN_FRONTEND=noninteractive
    local packages=() backports=()
    mapfile -t packages < <(missing_packages)
    mapfile -t backports < <(missing_backports)
    apt_update
    add_backports
    if [ ${#packages[@]} -gt 0 ]; then
        as_root apt-get install -y --no-install-recommends "${packages[@]}"
    fi
    if [ ${#backports[@]} -gt 0 ]; then
        as_root apt-get install -y --no-install-recommends -t bookworm-backports "${backports[@]}"
    fi
    local still
    still=$(missing_packages && missing_backports)
    [ -z "$still" ] || die "still missing: ${still//$'\n'/ }"
}

setup_needed() { # SERIES...
    local series
    [ -z "$(missing_packages)$(missing_backports)" ] || return 0
    for series in "$@"; do
        kernel_present "$series" || return 0
    done
    return 1
}

# Without SERIES for all kernels.
verb_setup() { # [SERIES...]
    local series missing=()
    [ $# -gt 0 ] || set -- "${KERNEL_SERIES[@]}"
    if have dpkg-query && ! setup_needed "$@"; then
        return 0
    fi
    if ! is_debian_12 || [ "$(dpkg --print-architecture)" != amd64 ]; then
        ! have dpkg-query || mapfile -t missing < <(missing_packages; missing_backports)
        refuse_other_systems "${missing[@]}"
    fi
    # Asked for here, where the user sees it; the step's output goes to a log.
    [ "$(id -u)" = 0 ] || sudo -v || return 1
    step "install packages" install_missing || return 1
    for series in "$@"; do
        kernel_present "$series" || step "fetch kernel $series" fetch_kernel "$series" || return 1
    done
}
