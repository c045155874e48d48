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

again() { if [ "$1" = controller ]; then fleet_start_controller; else fleet_start_agent "$1"; fi; }

state() { rc rollout status "$ROLLOUT" -o json 2>/dev/null | jq -r '.rollouts[0].state'; }

approve() { fleet_approve "$ROLLOUT" $((FAULTS_TENANTS * 2)) >"$F/shown.$ROLLOUT" 2>"$F/approve.log"; }

# A rollout is approved while NAME runs as one that dies at the failpoint; another takes its place when it has. Fails when it never passes there. The approval that dies with its
# controller is given again, if it did not get through.
dies_at() { # NAME FAILPOINT
	local pid
	ROUND=$((${ROUND:-0} + 1))
	faults_release "$ROUND" && ROLLOUT=$(fleet_start "$F/project/plans/production.yaml" production "$ROUND") || return 1
	fleet_kill "$1"
	ROLLCALL_CRASH_AT=$2 again "$1"
	pid=$(cat "$F/$1.pid")
	until approve || ! fleet_alive "$pid"; do sleep 0.02; done
	for _ in $(seq 400); do
		if ! fleet_alive "$pid"; then break; fi
		sleep 0.02
	done
	if fleet_alive "$pid"; then echo "$1 did not pass $2" && return 1; fi
	again "$1"
	until [ -n "$(state)" ]; do sleep 0.02; done
	[ "$(state)" != awaiting-approval ] || approve
}

walk() { # ENGINE
	local name
	FAULTS_TENANTS=2
	faults_up "$1" "$BATS_TEST_TMPDIR/fleet"
	for name in $(names agent); do
		dies_at eu-1 "$name"
		faults_settle "$(faults_ms)" || { echo "eu-1 killed at $name" && return 1; }
	done
	for name in $(names controller); do
		dies_at controller "$name$([[ $name != turn-* ]] || echo :6)"
		faults_settle "$(faults_ms)" || { echo "controller killed at $name" && return 1; }
	done
	echo "# $1: $ROUND failpoints, longest from the kill to the proof $LONGEST ms" >&3
}

@test "failpoint: each of agent and controller around a delivery, SQLite" { walk sqlite; }
@test "failpoint: each of agent and controller around a delivery, PostgreSQL" { walk postgresql; }
@test "failpoint: each of agent and controller around a delivery, MariaDB" { walk mariadb; }
