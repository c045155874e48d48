#!/usr/bin/env bats
# The disk of the agent's journal, of the controller's store, or of a SQLite target, gets full at each of its writes in turn (tests/fault/shim/full_disk.c); the process is killed and finds room when it
# comes back. Everything converges, and no view of the oracle is lit.

setup() {
	: "${ROLLCALL_BIN:=${ROLLCALL_DEBUG_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}}"
	export ROLLCALL_BIN
	# shellcheck source=tests/support/fleet.bash
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	# shellcheck source=tests/support/servers.bash
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	# shellcheck source=tests/fault/workload.bash
	. "$BATS_TEST_DIRNAME/workload.bash"
	export FAULTS_SHIM=$FAULTS_BIN/shim/full_disk.so ROLLCALL_DISK_FULL_TOLD=$BATS_TEST_TMPDIR/told
	touch "$ROLLCALL_DISK_FULL_TOLD"
}

teardown() { faults_down; }

full() { stat -c %s "$ROLLCALL_DISK_FULL_TOLD"; }

full_disks() { # NAME MOST TIMES ENGINE
	export FAULTS_DISK=$1:$2 FAULTS_DISK_FILE
	faults_up "$4" "$BATS_TEST_TMPDIR/fleet"
	while [ "$(full)" -lt "$3" ] && [ "${ROUND:-0}" -lt 20 ]; do faults_rush 150; done
	echo "# $4: the disk of ${FAULTS_DISK_FILE:-$1} got full $(full) times; $(faults_counts) violations=0, longest from the last fault to the proof $LONGEST ms" >&3
	[ "$(full)" -ge "$3" ]
}

@test "AG-05 the disk of the journal gets full at each write, SQLite tenants" { full_disks eu-1 80 100 sqlite; }
@test "AG-05 the disk of the journal gets full at each write, MariaDB tenants" { full_disks eu-1 80 40 mariadb; }
@test "disk: that of the store gets full at each write, SQLite tenants" { full_disks controller 80 40 sqlite; }
@test "SL-10 the disk of the targets gets full at each write, SQLite tenants" { FAULTS_DISK_FILE=/db/eu full_disks eu-1 120 100 sqlite; }
