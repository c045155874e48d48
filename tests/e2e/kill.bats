#!/usr/bin/env bats
# kill -9 of an agent, of the controller and of the database server in mid-rollout, 20 times each at random: everything converges, nothing is applied twice, nothing false is said.
# What is true is asked of the databases, the journals and the store by tests/fault/collect, and judged by the oracle's views. SEED=n repeats the kills of a run.

setup() {
	: "${ROLLCALL_BIN:=${ROLLCALL_DEBUG_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}}"
	export ROLLCALL_BIN
	# shellcheck source=tests/support/fleet.bash
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	# shellcheck source=tests/support/servers.bash
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	# shellcheck source=tests/fault/workload.bash
	. "$BATS_TEST_DIRNAME/../fault/workload.bash"
}

teardown() { faults_down; }

killed() { # ENGINE WHAT
	faults_up "$1" "$BATS_TEST_TMPDIR/fleet"
	faults_kill_often "$2" "${KILLS_WANTED:-20}"
	echo "# $SUMMARY" >&3
}

@test "kill: an agent, SQLite tenants" { killed sqlite agent; }
@test "kill: the controller, SQLite tenants" { killed sqlite controller; }
@test "kill: an agent, PostgreSQL tenants" { killed postgresql agent; }
@test "kill: the controller, PostgreSQL tenants" { killed postgresql controller; }
@test "kill: the database server, PostgreSQL" { killed postgresql server; }
@test "kill: an agent, MariaDB tenants" { killed mariadb agent; }
@test "kill: the controller, MariaDB tenants" { killed mariadb controller; }
@test "kill: the database server, MariaDB" { killed mariadb server; }
