# Sourced by what runs in the machine: evidence is kept as it is told, and judged outside.
mkdir -p /evidence
keep() { n=$1; shift; "$@" >"/evidence/$n" 2>"/evidence/$n.err"; echo $? >"/evidence/$n.rc"; }
# until_true SECONDS COMMAND...
until_true() { t=$1; shift; n=0; until "$@"; do n=$((n + 1)); [ $n -ge "$t" ] && return 1; sleep 1; done; }
finish() {
    keep journal journalctl -b -o json --no-pager
    keep failed systemctl list-units --failed --no-legend --plain
    touch /evidence/finished; sync
    echo "stand-in: finished"
    systemctl --no-block "${1:-poweroff}"
}
