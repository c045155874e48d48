#!/usr/bin/env bats
# The failpoints around a delivery (common/base/failpoint.c): agent and controller are killed at each, on each engine, and everything converges with no view of the oracle lit.
# Those inside a delivery are walked by tests/unit/agent/apply/crash_test.c and tests/conformance/apply_test.c. Test builds only.

setup() {
	export ROLLCALL_BIN=${ROLLCALL_DEBUG_BIN:-$BATS_TEST_DIRNAME/../../build/debug/bin}
	# shellcheck source=tests/support/fleet.bash
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	# shellcheck source=tests/support/servers.bash
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	# shellcheck source=tests/fault/workload.bash
	. "$BATS_TEST_DIRNAME/workload.bash"
}

teardown() { faults_down; }

names() { # agent|controller
	sed -n "/failpoint_$1_names\\[\\] = {/,/NULL}/p" "$BATS_TEST_DIRNAME/../../common/base/failpoint.c" | grep -o '"[^"]*"' | tr -d '"'
}

walk() { # ENGINE
	local name
	FAULTS_TENANTS=2
	faults_up "$1" "$BATS_TEST_TMPDIR/fleet"
	for name in $(names agent); do
		faults_die_at eu-1 "$name"
		faults_settle "$(faults_ms)" || { echo "eu-1 killed at $name" && return 1; }
	done
	for name in $(names controller); do
		faults_die_at controller "$name$([[ $name != turn-* ]] || echo :6)"
		faults_settle "$(faults_ms)" || { echo "controller killed at $name" && return 1; }
	done
	echo "# $1: $ROUND failpoints, longest from the kill to the proof $LONGEST ms" >&3
}

@test "failpoint: each of agent and controller around a delivery, SQLite" { walk sqlite; }
@test "failpoint: each of agent and controller around a delivery, PostgreSQL" { walk postgresql; }
@test "failpoint: each of agent and controller around a delivery, MariaDB" { walk mariadb; }
