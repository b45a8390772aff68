# Helpers of the bed's scripts (sourced by bash).
BED_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TARGET=${CARGO_TARGET_DIR:-$BED_DIR/../../target}
BED_CACHE=${BED_CACHE:-$TARGET/bed}
BED_RUN_ROOT=${BED_RUN:-${TMPDIR:-/tmp}/bed-run}
BED_NAME=${BED_NAME:-default}

say()  { printf '[%s] %s\n' "$(basename "$0")" "$*" >&2; }
die()  { local rc=1; [[ ${1:-} =~ ^-[0-9]+$ ]] && { rc=${1#-}; shift; }; say "error: $*"; exit "$rc"; }
need() { local c miss=(); for c in "$@"; do command -v "$c" >/dev/null || miss+=("$c"); done
         (( ${#miss[@]} == 0 )) || die "missing commands: ${miss[*]} (see README.md, Prerequisites)"; }
now()  { date +%s; }

run_dir() { printf '%s/%s' "$BED_RUN_ROOT" "$BED_NAME"; }

# Prints the QEMU pid of this bed, only if that pid is really our QEMU.
bed_pid() {
    local d pid; d=$(run_dir)
    [[ -s $d/qemu.pid ]] || return 1
    pid=$(<"$d/qemu.pid")
    [[ $pid =~ ^[0-9]+$ && -r /proc/$pid/cmdline ]] || return 1
    tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF -- "$d/qemu.pid" || return 1
    printf '%s' "$pid"
}

# Fills SSH_BASE with the ssh options of this bed.
ssh_setup() {
    local d; d=$(run_dir)
    [[ -s $d/ssh.port ]] || die -3 "bed '$BED_NAME' is not running (no $d/ssh.port)"
    SSH_PORT=$(<"$d/ssh.port")
    SSH_BASE=(-F /dev/null -i "$d/id" -o IdentitiesOnly=yes -o BatchMode=yes
              -o UserKnownHostsFile="$d/known_hosts" -o StrictHostKeyChecking=yes
              -o HostKeyAlias=bed -o LogLevel=ERROR -o ConnectTimeout=20
              -o ServerAliveInterval=15 -o ServerAliveCountMax=8
              -o ControlMaster=auto -o ControlPath="$d/ssh.ctl" -o ControlPersist=120)
}
