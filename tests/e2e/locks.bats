#!/usr/bin/env bats
# A lock is a session's and nothing else: it is in no table, so that a dump taken in the middle of a rollout carries none, and what is restored from it goes on at once.

setup_file() {
	export FLEET_LIMITS="{max_parallel: 4, max_parallel_per_instance: 4, retry_budget: 10m, lock_timeout: 3s, statement_timeout: 10m, connect_timeout: 5s}" # the slow step is slower on a loaded machine
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin} SERVER_OWNER=$$
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	servers_both trust trust shop || return 1
	fleet_new "$BATS_FILE_TMPDIR/fleet" || return 1
	fleet_three eu-1 eu 'environment: dev' shop || return 1
	local engine # the slow steps take so many seconds
	for engine in pg my lite; do fleet_ask $engine shop 'CREATE TABLE pace (seconds int); INSERT INTO pace VALUES (300)'; done
	fleet_ask pg shop 'GRANT SELECT ON pace TO PUBLIC'
	fleet_project locks
	{
		printf '\n--changeset t:one\nCREATE TABLE witness (step int NOT NULL);\n--changeset t:two\nINSERT INTO witness VALUES (2);\n'
		printf '\n--changeset t:slow-pg dbms:postgresql\nINSERT INTO witness SELECT 3 FROM (SELECT pg_sleep(seconds) FROM pace) AS slowly;\n'
		printf '\n--changeset t:slow-my dbms:mariadb\nINSERT INTO witness SELECT 3 + sleep(seconds) FROM pace;\n'
		printf '\n--changeset t:slow-lite dbms:sqlite\nINSERT INTO witness WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 1 + (SELECT seconds FROM pace) * 10000000) SELECT 3 FROM (SELECT max(i) FROM s);\n'
		printf '\n--changeset t:four\nINSERT INTO witness VALUES (4);\n'
	} >>"$F/locks/changes/1.sql"
	fleet_up && fleet_release "$F/locks" 1.0.0
}

teardown_file() {
	fleet_down
	servers_stop_all
}

setup() {
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	cd "$F" || return 1
}

begin_on() { # ENGINE: a rollout to its target, up to the slow statement, which would take minutes
	printf 'name: %s\nenvironments:\n  - name: dev\n    waves:\n      - {name: all, selector: "on=%s"}\n' "$1" "$1" >"$1.yaml"
	ROLLOUT=$(fleet_start "$1.yaml" dev 1.0.0) || return 1
	{ fleet_await 60 stands_at "$1" 2 && fleet_await 60 slow_one_runs "$1"; } || { rc rollout status "$ROLLOUT"; return 1; }
}

slow_one_runs() { # ENGINE
	case $1 in
	pg) [ "$(fleet_ask pg shop "SELECT count(*) FROM pg_stat_activity WHERE usename = 'rollcall' AND query LIKE '%pg_sleep%' AND state = 'active'")" = 1 ] ;;
	my) [ "$(fleet_ask my shop "SELECT count(*) FROM information_schema.PROCESSLIST WHERE USER = 'rollcall' AND INFO LIKE '%sleep(%'")" = 1 ] ;;
	lite) fleet_file_is_held shop.db ;;
	esac
}

agent_dies() { # ENGINE: and what it left running in the server
	fleet_kill eu-1
	case $1 in
	pg) fleet_ask pg shop "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rollcall'" >/dev/null ;;
	my) fleet_ask my shop "KILL USER rollcall" ;;
	esac
}

witnesses() { # ENGINE: what they say, in order
	fleet_ask "$1" shop "SELECT step FROM witness ORDER BY step" | paste -sd,
}

stands_at() { [ "$(witnesses "$1" 2>/dev/null)" = "$2" ]; }

finish() { # ENGINE: the restored database is taken up where the dump left it
	fleet_ask "$1" shop 'UPDATE pace SET seconds = 0'
	fleet_start_agent eu-1
	fleet_await 60 fleet_rollout_is "$ROLLOUT" succeeded || { rc rollout status "$ROLLOUT"; return 1; }
	[ "$(witnesses "$1")" = 2,3,4 ]
}

@test "locks: a PostgreSQL dump from the middle of a rollout carries none" {
	begin_on pg
	"$PG_BIN/pg_dump" -h "$PG/run" -p "$(server_get "$PG" port)" -U postgres --clean --if-exists shop >shop.sql
	[ "$(server_sql "$PG" shop "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")" = 1 ]
	agent_dies pg
	"$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 -h "$PG/run" -p "$(server_get "$PG" port)" -U postgres -d shop -f shop.sql >restore.log
	[ "$(server_sql "$PG" shop "SELECT count(*) FROM rollcall.ledger")" = 2 ]
	finish pg
	[ "$(server_sql "$PG" shop "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")" = 0 ]
}

@test "locks: a MariaDB dump from the middle of a rollout carries none" {
	begin_on my
	mariadb-dump --no-defaults -S "$MY/run/mysqld.sock" -uroot --single-transaction shop >shop.sql
	agent_dies my
	mariadb --no-defaults -S "$MY/run/mysqld.sock" -uroot -D shop <shop.sql
	[ "$(server_sql "$MY" shop "SELECT count(*) FROM rollcall_ledger WHERE state = 'done'")" = 2 ]
	finish my
}

@test "locks: a SQLite backup from the middle of a rollout carries none" {
	begin_on lite
	sqlite3 shop.db ".backup backup.db"
	agent_dies lite
	sqlite3 shop.db ".restore backup.db"
	[ "$(sqlite3 shop.db "SELECT count(*) FROM rollcall_ledger")" = 2 ]
	finish lite
}

detail() { rc rollout status "$ROLLOUT" -o json 2>/dev/null | jq -r '.targets[0] | [.state, .changeset, .detail, .next] | join(" | ")'; }

# shellcheck disable=SC2053 # a pattern
has_detail() { seen=$(detail) && [[ "$seen" == $1 ]]; }

await_detail() { # PATTERN
	fleet_await 60 has_detail "$1" || { echo "it is: $(detail)" >&2; return 1; }
}

@test "locks: who is in the way is named, with what the agent's account may know of it" {
	printf '\n--changeset t:five\nALTER TABLE witness ADD COLUMN more int;\n' >>locks/changes/1.sql
	fleet_release locks 1.1.0
	PGAPPNAME=nightly-report "$PG_BIN/psql" -X -q -h "$PG/run" -p "$(server_get "$PG" port)" -U postgres -d shop -c BEGIN -c 'SELECT * FROM witness' -c 'SELECT pg_sleep(600)' >/dev/null 2>&1 3>&- &
	blocker=$!
	report_runs() { [ "$(server_sql "$PG" shop "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'nightly-report' AND query LIKE '%pg_sleep%'")" = 1 ]; }
	fleet_await 60 report_runs
	pid=$(server_sql "$PG" shop "SELECT pid FROM pg_stat_activity WHERE application_name = 'nightly-report'")
	ROLLOUT=$(fleet_start pg.yaml dev 1.1.0)
	await_detail "waiting-lock | t:five | blocked by pid $pid of postgres (application nightly-report, database shop), what it does and since when is hidden: GRANT pg_read_all_stats to *"
	[[ "$seen" == *" | goes on by itself once the lock is free, or end what blocks it at the database" ]]
	server_sql "$PG" shop 'GRANT pg_read_all_stats TO rollcall'
	await_detail "waiting-lock | t:five | blocked by pid $pid of postgres (application nightly-report, database shop), its transaction open for * s, runs: SELECT pg_sleep(*"
	run rc status
	[[ "$output" == *"eu/pg/shop  waiting-lock, rollout ${ROLLOUT:0:8}"*"blocked by pid $pid "* ]]
	server_sql "$PG" shop "SELECT pg_terminate_backend($pid)" >/dev/null
	wait "$blocker" || true
	run rc rollout watch "$ROLLOUT" --plain --timeout 60s
	[ "$status" -eq 0 ]
}

await_cancelled() { # PATTERN: an administrator, who loses patience with the standby, cancels the wait for it
	cancel_waits >/dev/null
	has_detail "$1"
}

cancel_waits() { server_sql "$PG" shop "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"; } # how many

commits_wait() { # the setting is in force
	local waits=1
	server_sql "$PG" shop "SELECT pg_logical_emit_message(true, 'test', '')" >/dev/null 2>&1 3>&- &
	while kill -0 $! 2>/dev/null; do [ "$(cancel_waits)" = 0 ] || waits=0; done
	return $waits
}

@test "locks: a COMMIT that the synchronous standby has not confirmed is done, and told as that" {
	printf '\n--changeset t:six\nALTER TABLE witness ADD COLUMN most int;\n' >>locks/changes/1.sql
	fleet_release locks 1.2.0
	server_sql "$PG" shop "ALTER SYSTEM SET synchronous_standby_names = 'nobody'"
	server_sql "$PG" shop "SELECT pg_reload_conf()" >/dev/null
	fleet_await 60 commits_wait
	ROLLOUT=$(fleet_start pg.yaml dev 1.2.0)
	fleet_await 60 await_cancelled "applied | t:six | * step 1 of t:six is committed here and not confirmed by the synchronous standby: *" || { echo "it is: $(detail)" >&2; return 1; }
	server_sql "$PG" shop "ALTER SYSTEM RESET synchronous_standby_names"
	server_sql "$PG" shop "SELECT pg_reload_conf()" >/dev/null
	rc audit export --format csv --out pg.csv
	grep -q 't:six.*is committed here and not confirmed' pg.csv
}

@test "C21: a changeset that lifts its session's own time-out is refused where nobody at the site has allowed as much, and runs where somebody has" {
	fleet_project caps
	{
		printf '\n--changeset t:patient-pg dbms:postgresql\nSET LOCAL lock_timeout = 60000;\nCREATE TABLE patient (id int);\n--rollback DROP TABLE patient;\n'
		printf '\n--changeset t:patient-my dbms:mariadb\nSET SESSION lock_wait_timeout = 60;\n--rollback empty\n\n--changeset t:my dbms:mariadb\nCREATE TABLE patient (id int);\n--rollback DROP TABLE patient;\n'
	} >>caps/changes/1.sql
	printf 'name: caps\nenvironments:\n  - name: dev\n    waves: [{name: all, selector: "on in (pg,my)", max_failures: 2}]\n' >caps.yaml
	fleet_release caps 2.0.0
	id=$(fleet_start caps.yaml dev 2.0.0)
	run rc rollout status "$id" --wait --timeout 60s
	[ "$status" -eq 4 ]
	why_of() { rc rollout status "$id" -o json 2>/dev/null | jq -r --arg t "$1" '.targets[] | select(.target == $t) | .detail'; }
	[[ "$(why_of eu/pg/shop)" == "C21 timeouts: changes/1.sql:4: changeset t:patient-pg: it sets lock_timeout to 60000 ms, and this site allows 3000 ms (lock_timeout of agent.yaml): take the setting out of the changeset, or have the site's people allow it"* ]]
	[[ "$(why_of eu/my/shop)" == "C21 timeouts: changes/1.sql:9: changeset t:patient-my: it sets lock_wait_timeout to 60000 ms, and this site allows 3000 ms (lock_timeout of agent.yaml)"* ]]
	fleet_kill eu-1 TERM
	sed -i 's/lock_timeout: 3s/lock_timeout: 1m/' eu-1/agent.yaml
	fleet_start_agent eu-1
	fleet_wait_connected 1
	run rc rollout retry "$id" --wait --timeout 60s
	[ "$status" -eq 0 ]
	[ "$(server_sql "$PG" shop "SELECT count(*) FROM patient")$(server_sql "$MY" shop "SELECT count(*) FROM patient")" = 00 ]
}
