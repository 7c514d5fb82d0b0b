#!/usr/bin/env bash
# Runs a command in a clone of this project on a bare Debian that holds Python and nothing else:
#
#   sudo tests/system/bare_debian.sh [--suite bookworm] FOLDER COMMAND [WORD ...]
#   sudo tests/system/bare_debian.sh "$(mktemp -d)" python3 run.py demo
#
# FOLDER receives the Debian tree; a tree already there is used again with a fresh clone. The host's package
# sources, keys, name servers, certificates and pip settings are taken along, since the tree must reach what
# the host reaches; run.py itself does nothing of the kind. Needs root and debootstrap. All mounts live in a
# name space of their own and end with the command, so that removing FOLDER afterwards is safe.
set -euo pipefail

suite=bookworm
if [ "${1:-}" = --suite ]; then
    suite=$2
    shift 2
fi
if [ $# -lt 2 ]; then
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
tree=$(realpath -m "$1")
shift
project=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
host_suite=$(. /etc/os-release && echo "$VERSION_CODENAME")

# The first package source of Debian itself that the host knows.
mirror() {
    apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' |
        awk '$1 == "Debian" && $2 == "Debian" { print $3; exit }'
}

take_along() {
    local path
    for path in "$@"; do
        if [ -e "$path" ]; then
            mkdir -p "$tree$(dirname "$path")"
            rm -rf "$tree$path"
            cp -aL "$path" "$tree$path"
        fi
    done
}

# Each certificate of the host as a local one of the tree: installing ca-certificates there, which Debian does
# together with python3-venv, makes its bundle anew from these.
take_certificates() {
    mkdir -p "$tree/usr/local/share/ca-certificates"
    awk -v folder="$tree/usr/local/share/ca-certificates" \
        '/BEGIN CERTIFICATE/ { n++ } n { print > (folder "/host-" n ".crt") } /END CERTIFICATE/ { close(folder "/host-" n ".crt") }' \
        /etc/ssl/certs/ca-certificates.crt
    take_along /etc/ssl/certs/ca-certificates.crt
}

make_tree() {
    debootstrap --variant=minbase "$suite" "$tree" "$(mirror)"
    take_along /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/keyrings /etc/apt/trusted.gpg.d \
        /usr/share/keyrings /etc/resolv.conf
    take_certificates
    # Of apt's own settings only those of its downloads: the rest speaks of packages the tree does not have.
    # shellcheck disable=SC2046 # file names there hold no blanks
    take_along $(grep -ls '^ *Acquire' /etc/apt/apt.conf /etc/apt/apt.conf.d/*)
    find "$tree/etc/apt" -name '*.sources' -o -name '*.list' | xargs -r sed -i "s/\b$host_suite\b/$suite/g"
    chroot "$tree" apt-get update
    chroot "$tree" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3
}

# Paths that pip's settings name. Files among them are copied like the files that hold the settings; of folders
# comes a package index with all that lies beside it, since its pages name files there.
pip_named() { python3 -m pip config list | grep -oE "(file://)?/[^' ]+" | sed 's,^file://,,' | sort -u; }
pip_files() {
    python3 -m pip config debug | sed -n 's/^ *\(\/.*\), exists: True$/\1/p'
    pip_named | while read -r path; do [ ! -f "$path" ] || echo "$path"; done
}
pip_folders() {
    pip_named | while read -r path; do
        [ -d "$path" ] || continue
        case $path in /*/*/*) dirname "$path" ;; *) echo "$path" ;; esac
    done | sort -u
}

# Settings by which the host's programs find certificates, proxies and package indexes.
kept_settings() { env | grep -iE '^(PIP_|[A-Z0-9_]*(CA_BUNDLE|CERT_FILE|CERT_DIR|CA_CERTS)=|(https?|no|all)_proxy=)' || true; }

enter() {
    local folder
    local -a settings
    mount -t proc proc "$tree/proc"
    mount --rbind /dev "$tree/dev"
    for folder in $(pip_folders); do
        mkdir -p "$tree$folder"
        mount --bind "$folder" "$tree$folder"
        mount -o remount,bind,ro "$tree$folder"
    done
    mapfile -t settings < <(kept_settings)
    exec chroot "$tree" env -i HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" CI=true \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "${settings[@]}" \
        sh -c 'cd /project && exec "$@"' sh "$@"
}

if [ "${BARE_DEBIAN_INSIDE:-}" = yes ]; then
    enter "$@"
fi
[ -e "$tree/usr/bin/python3" ] || make_tree
# shellcheck disable=SC2046 # paths of settings hold no blanks
take_along $(pip_files)
rm -rf "$tree/project"
git clone --quiet --no-hardlinks "$project" "$tree/project"
BARE_DEBIAN_INSIDE=yes exec unshare --mount --propagation private --pid --fork "$0" "$tree" "$@"
