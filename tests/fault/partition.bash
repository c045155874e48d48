#!/bin/bash
# A fleet whose controller and whose agents are in network namespaces of their own, with a bad wire between them (wire.c). Runs inside a new network namespace, which becomes the
# controller's:  unshare -n partition.bash FOLDER CONDITION...   One rollout for each condition, which comes over the wire in its middle; then the oracle.
set -u
here=$(cd "$(dirname "$0")" && pwd)
folder=$1
shift
export FLEET_HOST=10.231.0.1 FAULTS_TENANTS=4 FAULTS_PATIENCE=90
# shellcheck source=tests/support/fleet.bash
. "$here/../support/fleet.bash"
# shellcheck source=tests/support/servers.bash
. "$here/../support/servers.bash"
# shellcheck source=tests/fault/workload.bash
. "$here/workload.bash"

set_wire() { echo "loss=$1 delay=$2 ab=$3 ba=$4" >"$folder/wire.new" && mv "$folder/wire.new" "$folder/wire"; }

# The conditions: a is the controller's end, b the site's.
full() { set_wire 0 0 0 0 && sleep 6; }
one_way_to_site() { set_wire 0 0 1 0 && sleep 6; }
one_way_from_site() { set_wire 0 0 0 1 && sleep 6; }
flapping() { for _ in 1 2 3 4 5 6 7 8; do set_wire 0 0 0 0 && sleep 0.4 && set_wire 0 0 1 1 && sleep 0.5; done; }
lossy() { set_wire 30 0 1 1 && sleep 8; }
late() { set_wire 0 300 1 1 && sleep 6; }

soon() { # COMMAND...: within ten seconds
	for _ in $(seq 500); do
		"$@" && return
		sleep 0.02
	done
	echo "not within ten seconds: $*" >&2
	return 1
}
site_is_apart() { [ "$(readlink "/proc/$SITE/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }

up() { # the second namespace, the wire, the addresses
	ip link set lo up || return 1
	unshare -n sleep infinity &
	SITE=$!
	mkdir -p "$folder"
	set_wire 0 0 1 1
	mkfifo "$folder/wire.in"
	soon site_is_apart || return 1
	"$FAULTS_BIN/wire" $$ "$SITE" "$folder/wire" <"$folder/wire.in" >"$folder/wire.out" &
	exec 7>"$folder/wire.in"
	soon grep -q up "$folder/wire.out" || return 1
	ip addr add 10.231.0.1 peer 10.231.0.2 dev rc0 && ip link set rc0 up mtu 1400 || return 1
	nsenter -t "$SITE" -n sh -c 'ip link set lo up && ip addr add 10.231.0.2 peer 10.231.0.1 dev rc0 && ip link set rc0 up mtu 1400'
}

down() {
	faults_down
	exec 7>&-
	kill "$SITE" 2>/dev/null
}

up || exit 1
trap down EXIT
printf '#!/bin/sh\nexec nsenter -t %s -n %s/rollcall-agent "$@"\n' "$SITE" "$ROLLCALL_BIN" >"$folder/agent" && chmod 755 "$folder/agent"
export ROLLCALL_AGENT=$folder/agent
faults_up sqlite "$folder/fleet" || exit 1
for condition in "$@"; do
	start=$(faults_ms)
	faults_start && fleet_hold_file "$F/db/eu$FAULTS_TENANTS" || exit 1 # of the second wave: the rollout is not over before the condition comes
	faults_approve || exit 1
	faults_nap 100
	if [ "$(faults_state)" != running ]; then echo "$condition: the rollout was over before it came" && exit 1; fi
	$condition &
	coming=$!
	sleep 1
	fleet_let_go
	wait $coming
	set_wire 0 0 1 1
	if ! faults_wait || ! oracle_lit rest; then echo "$condition: not as it must be" && exit 1; fi
	echo "network $condition ... converged, oracle clean, $(($(faults_ms) - start)) ms"
done
