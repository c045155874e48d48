#!/usr/bin/env bats
# kill -9 of agents, of the controller and of the database server in mid-rollout, hundreds of times at random: everything converges, nothing is applied twice, nothing false is
# said. What is true is asked of the databases, the journals and the store by tests/fault/collect, and judged by the oracle's views. SEED=n repeats the kills of a run.

setup() {
	: "${ROLLCALL_BIN:=${ROLLCALL_DEBUG_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}}"
	export ROLLCALL_BIN
	# shellcheck source=tests/support/fleet.bash
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	# shellcheck source=tests/support/servers.bash
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	# shellcheck source=tests/fault/workload.bash
	. "$BATS_TEST_DIRNAME/workload.bash"
}

teardown() { faults_down; }

storm() { # ENGINE KILLS CUTS RESTARTS
	faults_storm "$1" "$BATS_TEST_TMPDIR" "$2" "$3" "$4"
	echo "# $SUMMARY" >&3
}

# ---- planted faults: the collector and the oracle go red, and only for what was planted ----------------------------------------------------------------------

quiet_fleet() { # ENGINE: one release, no kills, at rest
	faults_up "$1" "$BATS_TEST_TMPDIR/fleet"
	faults_release 1 && faults_roll 1 && faults_wait
	run oracle_lit rest
	echo "$output"
	[ "$status" -eq 0 ]
}

lights() { # VIEW... : these are lit now, and no others
	run oracle_lit rest
	[ "$(cut -d_ -f1 <<<"$output" | sort -u | tr '\n' ' ')" = "$* " ] || { echo "wanted $*, got: $output"; return 1; }
	[ "$status" -eq 1 ]
}

planted() { # FILE SQL VIEW...: in a SQLite file, and taken back
	local file=$1 sql=$2
	shift 2
	cp "$file" "$F/kept.db"
	sqlite3 "$file" "$sql"
	lights "$@" || { echo "planted: $sql"; return 1; }
	cp "$F/kept.db" "$file"
}

@test "kill: faults planted in SQLite targets, journal, store and history are seen" {
	quiet_fleet sqlite
	fleet_down
	t=$F/db/eu1 j=$F/eu-1/data/journal.db s=$F/controller/store.db
	planted "$t" "INSERT INTO witness SELECT * FROM witness LIMIT 1" v01
	planted "$t" "DELETE FROM rollcall_ledger WHERE seq = 6" v02 v05 v10 v12 v15 v23
	planted "$t" "DELETE FROM witness WHERE changeset = 'w:1-c'" v03
	planted "$t" "UPDATE counter SET n = n + 1" v05
	planted "$t" "DROP INDEX i_1" v06
	planted "$t" "UPDATE rollcall_ledger SET seq = 100 WHERE seq = 2" v08
	planted "$t" "UPDATE rollcall_ledger SET digest = replace(digest, substr(digest, 1, 4), 'ffff') WHERE seq = 2" v09
	planted "$t" "UPDATE rollcall_ledger SET attempt = 7 WHERE seq = 2" v16
	planted "$t" "UPDATE rollcall_ledger SET epoch = 0 WHERE seq = 6" v17
	planted "$t" "UPDATE rollcall_ledger SET order_digest = 'another' WHERE seq = 2" v16
	planted "$j" "DELETE FROM step WHERE target LIKE '%/eu1' AND changeset = 'w:1-b' AND state = 0" v11
	planted "$s" "DELETE FROM step WHERE target LIKE '%/eu1' AND changeset = 'w:1-b'" v13 v22
	planted "$s" "UPDATE step SET state = 'failed' WHERE target LIKE '%/eu1' AND changeset = 'w:1-b'" v13 v14 v22
	planted "$s" "UPDATE approval SET at_us = at_us + 1000000000" v16
	planted "$s" "UPDATE approval SET public_key = x'00'" v16
	planted "$s" "UPDATE event SET at_us = at_us + 1000000000 WHERE object = 'wave 1' AND to_state = 'passed'" v19 v21
	planted "$s" "INSERT INTO event (at_us, actor, object, event, to_state) SELECT min(at_us), 'x', 'rollout', 'halt', 'halted' FROM event" v20 v21
	planted "$s" "UPDATE event SET detail = 'nothing' WHERE seq = 5" v21
	planted "$s" "DELETE FROM event WHERE seq = 5" v21
	planted "$s" "DELETE FROM event WHERE seq = (SELECT min(seq) FROM event WHERE event = 'report')" v21 v22
	lit=$(oracle_lit rest) && [ -z "$lit" ]
}

@test "kill: faults planted in PostgreSQL are seen" {
	quiet_fleet postgresql
	server_sql "$S" eu1 "INSERT INTO witness SELECT * FROM witness LIMIT 1"
	lights v01
	server_sql "$S" eu2 "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'n_1_c_0'::regclass"
	lights v01 v03 v05 v07
	server_sql "$S" us1 "DELETE FROM rollcall.ledger WHERE seq = (SELECT max(seq) FROM rollcall.ledger)"
	lights v01 v02 v03 v05 v07 v10 v12 v15 v23
}

@test "kill: faults planted in MariaDB are seen" {
	quiet_fleet mariadb
	server_sql "$S" eu1 "INSERT INTO witness SELECT * FROM witness LIMIT 1"
	lights v01
	server_sql "$S" eu2 "DROP INDEX n_1_d_0 ON n_1_a_0"
	lights v01 v03 v05 v06
	server_sql "$S" us1 "DELETE FROM rollcall_ledger ORDER BY seq DESC LIMIT 1"
	lights v01 v02 v03 v05 v06 v10 v12 v15 v23
}

# ---- kills -----------------------------------------------------------------------------------------------------------------------------------------------------

@test "kill: agents 2000 times and the controller, SQLite tenants" { storm sqlite 2000 0 0; }
@test "kill: agents 500 times and the controller, 250 cuts at COMMIT, 20 restarts of the server, PostgreSQL tenants" { storm postgresql 500 250 20; }
@test "kill: agents 200 times and the controller, 250 cuts at COMMIT, 20 restarts of the server, MariaDB tenants" { storm mariadb 200 250 20; }
