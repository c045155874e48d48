#!/usr/bin/env bats
# Batched data changes and `transaction: release` in real rollouts: progress that people see, a pause, a kill, a site that holds batches, all or nothing.

setup() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	fleet_new "$BATS_TEST_TMPDIR/fleet"
	cd "$F" || return 1
	sqlite3 one.db "CREATE TABLE big (id INTEGER PRIMARY KEY, n INTEGER NOT NULL DEFAULT 0, note TEXT);
		WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 20000) INSERT INTO big (id) SELECT i FROM k;"
	fleet_agent eu-1 eu 'eu/*' <<-EOF2
		  - {id: eu/lite/one, dsn: "sqlite:$F/one.db", labels: {environment: dev}}
	EOF2
	mkdir -p shop/changes
	printf 'project: shop\nengines: [sqlite]\npipeline: [dev]\n' >shop/rollcall.yaml
	cat >plan.yaml <<-'EOF2'
		name: shop
		environments:
		  - {name: dev, waves: [{name: all, max_failures: 0}]}
	EOF2
	cat >shop/changes/1.sql <<-'EOF2'
		--liquibase formatted sql
		--changeset ann:fill batch:100 pause:50ms rollbackBatch:5000
		--validate-after name:none-left expectedResult:0 SELECT count(*) FROM big WHERE note IS NULL
		UPDATE big SET n = n + 1, note = 'done' WHERE note IS NULL;
		--rollback UPDATE big SET n = n - 1, note = NULL WHERE note = 'done';
	EOF2
}

teardown() {
	fleet_down
	if declare -F servers_stop_all >/dev/null; then servers_stop_all; fi
}

state() { rc rollout status "$id" -o json 2>/dev/null | jq -r '.targets[0].state'; }
detail() { rc rollout status "$id" -o json 2>/dev/null | jq -r '.targets[0].detail'; }
counts() { sqlite3 one.db "SELECT count(*) || ' ' || min(n) || ' ' || max(n) FROM big"; }
passed() { sqlite3 one.db 'SELECT passed FROM rollcall_batch' 2>/dev/null || echo 0; }

is_in() { [ "$(state)" = "$1" ]; }

await() { fleet_await 60 is_in "$1" || { echo "it is $(state): $(detail)" >&2; return 1; }; } # STATE

# shellcheck disable=SC2053 # a pattern
has_detail() { [[ "$(detail)" == $1 ]]; }

await_detail() { fleet_await 60 has_detail "$1" || { echo "detail: $(detail)" >&2; return 1; }; } # PATTERN

passed_more() { [ "$(passed)" -gt "$1" ]; }

begin() { # VERSION
	fleet_release shop "$1"
	id=$(fleet_start plan.yaml dev "$1")
}

@test "progress is told in rows; a pause ends between two batches, a resume goes on from the cursor; then back in batches" {
	fleet_up
	begin 1.0.0
	await_detail '*00 of about 20,000 rows, about * left*'
	run rc rollout pause "$id"
	[ "$status" -eq 0 ]
	await held
	[[ "$(detail)" == *"stopped in step 1 of ann:fill, as asked, after "*" of about 20,000 rows"* ]]
	at=$(passed)
	[ "$at" -gt 0 ] && [ "$at" -lt 20000 ]
	[ "$(sqlite3 one.db 'SELECT count(*) FROM big WHERE n = 1')" -eq "$at" ]
	rc rollout resume "$id" >/dev/null 2>&1
	await applied
	[ "$(counts)" = "20000 1 1" ]
	[ "$(sqlite3 one.db "SELECT group_concat(state, ' ') FROM rollcall_ledger")" = "intent done" ]
	run rc rollout rollback "$id" --wait
	[ "$status" -eq 0 ]
	[ "$(counts)" = "20000 0 0" ]
}

@test "an agent that is killed in the middle goes on from the cursor; no row is changed twice" {
	fleet_up
	begin 1.0.0
	for _ in 1 2 3; do
		before=$(passed)
		fleet_await 60 passed_more "$before"
		fleet_kill eu-1 KILL
		fleet_start_agent eu-1
	done
	await applied
	[ "$(counts)" = "20000 1 1" ]
}

@test "the site's flag file holds batches back, and its limit makes them smaller" {
	sed -i "s|^limits:.*|limits: {max_batch: 50, batch_hold_file: $F/hold}|" eu-1/agent.yaml
	sed -i 's/ pause:50ms//' shop/changes/1.sql
	touch hold
	fleet_up
	begin 1.0.0
	await_detail "*waits after 0 of about 20,000 rows: the site holds it: $F/hold is there"
	[ "$(counts)" = "20000 0 0" ]
	rm hold
	await applied
	[ "$(counts)" = "20000 1 1" ]
	[ "$(sqlite3 one.db 'SELECT batches FROM rollcall_batch')" -eq 401 ] # the last finds nothing behind the last key
}

@test "transaction: release is all or nothing, and what cannot be in it is named at lint" {
	echo 'transaction: release' >>shop/rollcall.yaml
	cat >shop/changes/1.sql <<-'EOF2'
		--liquibase formatted sql
		--changeset ann:table
		CREATE TABLE item (id INTEGER PRIMARY KEY);
		--rollback DROP TABLE item;
		--changeset ann:rows
		--validate-after name:two expectedResult:2 SELECT count(*) FROM item
		INSERT INTO item VALUES (1);
		--rollback DELETE FROM item;
	EOF2
	fleet_up
	begin 1.0.0
	await failed
	[[ "$(detail)" == *"validation two after ann:rows failed: found '1', expected '2'. The release is one transaction: nothing of this delivery was kept."* ]]
	[ "$(sqlite3 one.db "SELECT count(*) FROM sqlite_schema WHERE name = 'item'")" -eq 0 ]
	[ "$(sqlite3 one.db 'SELECT count(*) FROM rollcall_ledger')" -eq 0 ]
	printf '%s\n' '--changeset ann:vacuum' 'VACUUM;' '--rollback empty' >>shop/changes/1.sql
	run rc lint shop
	[ "$status" -eq 1 ]
	[[ "$output" == *"changes/1.sql:10: error: transaction: release, and on sqlite step 1 of ann:vacuum is of class N"* ]]
}

@test "maxLag on MariaDB: the rollout waits for a replica that stands still, says which and why, and goes on by itself" {
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	primary=$(server_start mariadb)
	replica=$(server_replica "$primary")
	server_create "$primary" shop
	server_sql "$primary" shop "CREATE TABLE big (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, note varchar(20)); INSERT INTO big (id) SELECT seq FROM seq_1_to_2000"
	target="{id: eu/maria/shop, dsn: \"$(server_dsn "$primary" shop)\", lag_from: [\"mariadb://127.0.0.1:$(server_get "$replica" port)\"], labels: {environment: dev}}"
	sed -i "s|{id: eu/lite/one.*|$target|" eu-1/agent.yaml
	sed -i 's/sqlite/mariadb/' shop/rollcall.yaml
	sed -i 's/pause:50ms/pause:5ms maxLag:2s/' shop/changes/1.sql
	fleet_up
	server_sql "$replica" '' "STOP SLAVE SQL_THREAD"
	run "$ROLLCALL_BIN/rollcall-agent" check --config eu-1/agent.yaml --connect
	[ "$status" -eq 0 ]
	[[ "$output" == *"caution: eu/maria/shop: maxLag: replica 127.0.0.1 port $(server_get "$replica" port) does not replicate: its SQL thread is stopped"* ]]
	begin 1.0.0
	await_detail "*waits after 0 of about *: replica 127.0.0.1 port $(server_get "$replica" port) does not replicate: its SQL thread is stopped: START SLAVE there, or take it out of lag_from*"
	[ "$(server_sql "$primary" shop "SELECT SUM(n) FROM big")" -eq 0 ]
	server_sql "$replica" '' "START SLAVE SQL_THREAD"
	await applied
	[ "$(server_sql "$primary" shop "SELECT CONCAT(COUNT(*), ' ', MIN(n), ' ', MAX(n)) FROM big")" = "2000 1 1" ]
}
