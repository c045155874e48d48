#!/usr/bin/env bats
# Rollouts as a release team, site operators and a central team see them: three sites with SQLite, PostgreSQL and MariaDB targets under one controller, the sample
# project, and everything that may happen to a release on its way. One fleet for the file; each test leaves the targets as it found them, so that each stands alone.

setup_file() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin} FLEET_APPROVALS=2 SERVER_OWNER=$$
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	servers_both trust password ap eu us || return 1
	fleet_new "$BATS_FILE_TMPDIR/fleet" || return 1
	server_get "$MY" password >"$F/mariadb.password" && chmod 600 "$F/mariadb.password"
	local site
	for site in ap eu us; do
		touch "$F/$site.canary" "$F/$site.shop"
		fleet_agent $site-1 $site "$site/*" <<-EOF || return 1
			  - {id: $site/lite/canary, dsn: "sqlite:$F/$site.canary", labels: {environment: dev, ring: canary}}
			  - {id: $site/lite/shop, dsn: "sqlite:$F/$site.shop", labels: {environment: dev}}
			  - {id: $site/my/shop, dsn: "$(server_dsn "$MY" $site)", password: {file: $F/mariadb.password}, labels: {environment: dev}}
			  - {id: $site/pg/shop, dsn: "$(server_dsn "$PG" $site)", labels: {environment: dev}}
		EOF
	done
	touch "$F/one.db" "$F/two.db"
	fleet_agent live-1 live 'live/*' <<-EOF || return 1
		  - {id: live/lite/one, dsn: "sqlite:$F/one.db", labels: {environment: production}}
		  - {id: live/lite/two, dsn: "sqlite:$F/two.db", labels: {environment: production}}
	EOF
	fleet_up || return 1
	quietly rc init "$F/shop" || return 1
	sed -i 's/^pipeline:.*/pipeline: [dev, production]/' "$F/shop/rollcall.yaml"
	write_plan "max_failures: 0"
	fleet_release "$F/shop" 1.0.0 || return 1
	quietly rc rollout start "$F/plan.yaml" -e dev -r 1.0.0 --wait --timeout 60s
}

teardown_file() {
	fleet_down
	servers_stop_all
}

setup() {
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	cd "$F" || return 1
	rm -f shop/changes/1*.sql
}

# write_plan "keys of wave rest" ["keys of wave canary"]
write_plan() {
	cat >"$F/plan.yaml" <<-EOF
		name: shop
		environments:
		  - name: dev
		    waves:
		      - {name: canary, selector: "ring=canary", ${2:-max_parallel: 3}}
		      - {name: rest, max_parallel: 1, $1}
		  - name: production
		    waves:
		      - {name: all, max_parallel: 2}
	EOF
}

# change NAME [attributes]: a changeset of the project; its lines on standard input
change() {
	{ printf -- '--liquibase formatted sql\n--changeset test:%s %s\n' "$1" "${2:-}" && cat; } >"$F/shop/changes/1-$1.sql"
}

# A table, and an index that fails where two customers have one name.
unique_names() {
	change names-table <<-'EOF'
		CREATE TABLE name_checks (id INTEGER NOT NULL PRIMARY KEY);
		--rollback DROP TABLE name_checks;
	EOF
	change unique-names dbms:!mariadb <<-'EOF'
		CREATE UNIQUE INDEX customers_name ON customers (name);
		--rollback DROP INDEX customers_name;
	EOF
	change unique-names-mariadb dbms:mariadb <<-'EOF'
		CREATE UNIQUE INDEX customers_name ON customers (name);
		--rollback DROP INDEX customers_name ON customers;
	EOF
}

start() { # VERSION: into dev, to its end
	fleet_release "$F/shop" "$1" || return 1
	run rc rollout start plan.yaml -e dev -r "$1" --wait --timeout 60s
	id=$(rc rollout list -o name 2>/dev/null | head -n 1)
}

take_back() { # the rollout in $id, which dev needs no approval for
	run rc rollout rollback "$id" --reason 'end of the test' --wait --timeout 60s
	[ "$status" -eq 0 ]
}

lite() { sqlite3 "$F/$1" "$2"; }

state_of() { # TARGET
	rc rollout status "$id" -o json 2>/dev/null | jq -r --arg t "$1" '.targets[] | select(.target == $t) | .state'
}

has() { # text that the output must hold, on any line; folded lines count as one
	[[ "$(tr '\n' ' ' <<<"$output" | tr -s ' ')" == *"$1"* ]] || { printf 'not in the output: %s\n' "$1" "$output" >&2; return 1; }
}

# What the three kinds of databases hold, in one line each: for "nothing changed".
everything() {
	local site
	for site in ap eu us; do
		sqlite3 "$F/$site.canary" .dump
		sqlite3 "$F/$site.shop" .dump
		"$PG_BIN/pg_dump" -h "$PG/run" -p "$(server_get "$PG" port)" -U postgres "$site" | grep -v '^\\\(un\)\?restrict'
		mariadb-dump --no-defaults -S "$MY/run/mysqld.sock" -uroot --skip-comments "$site"
	done | sha256sum
}

@test "one release goes over SQLite, PostgreSQL and MariaDB; status and history say so" {
	id=$(rc rollout list -o name | tail -n 1)
	run rc rollout status "$id"
	[ "$status" -eq 0 ]
	has "rollout $id 1.0.0 to dev succeeded 12 of 12 applied; created 20"
	has "succeeded: every wave passed"
	for site in ap eu us; do
		[ "$(lite $site.canary 'select count(*) from customers')" = 3 ]
		[ "$(server_sql "$PG" $site 'select count(*) from customer_totals')" = 2 ]
		[ "$(server_sql "$MY" $site 'select count(*) from orders where note = ""')" = 3 ]
	done
	[ "$(rc rollout status "$id" -o json 2>/dev/null | jq -r '.rollouts[0].state, (.waves | length), ([.targets[] | select(.state == "applied")] | length)' | paste -sd ' ')" = "succeeded 2 12" ]
	[ "$(rc history --rollout "$id" -o json 2>/dev/null | jq '[.history[] | select(.outcome == "applied" and .rollout == "'"$id"'")] | length')" = 12 ]
	[ "$(rc history --target eu/pg/shop -o csv 2>/dev/null | wc -l)" -ge 2 ]
}

@test "a change that fails on one of twelve halts the rollout, goes back there, and is finished by a retry" {
	unique_names
	write_plan "max_failures: 0, on_failure: rollback-target"
	lite eu.shop "insert into customers values (4, 'Ada')"
	before=$(lite eu.shop .schema)
	start 1.1.0
	[ "$status" -eq 4 ]
	has "rollout ${id:0:8} running -> halted wave rest: 1 of 9 failed, 0 allowed; nothing new starts"
	has "; nothing new starts; repair the cause, then: rollcall rollout retry ${id:0:8} (or abort, or rollback)"
	run rc rollout status "$id"
	[ "$status" -eq 4 ]
	has "rollout $id 1.1.0 to dev halted 6 of 12 applied, 1 failed, 1 taken back; created 20"
	has "canary passed 3 3 0 0"
	has "rest failed 9 3 1 5"
	has "eu/lite/shop rest rolled-back - 1 test:unique-names (changes/1-unique-names.sql:3): UNIQUE constraint failed: customers.name. In the database: changesets 1 to 10 of 12 are applied (2 of them are not for sqlite); nothing else changed. Since then this release was rolled back here. next: to go forward again: rollcall rollout retry ${id:0:8} eu/lite/shop"
	[ "$(lite eu.shop .schema)" = "$before" ]
	[ "$(state_of eu/my/shop)" = pending ]
	[ -z "$(server_sql "$MY" eu "show tables like 'name_checks'")" ]
	run rc rollout retry "$id" ap/lite/shop
	[ "$status" -eq 1 ]
	[ "$output" = "rollcall: target ap/lite/shop is applied: there is nothing to retry" ]
	run rc rollout retry "$id" --wait --timeout 60s
	[ "$status" -eq 4 ]
	has "1 target is tried again"
	lite eu.shop "delete from customers where id = 4"
	run rc rollout retry "$id" eu/lite/shop --wait --timeout 60s
	[ "$status" -eq 0 ]
	has "succeeded: every wave passed"
	[ "$(state_of us/pg/shop)" = applied ]
	[ "$(lite eu.shop "select count(*) from sqlite_master where name = 'customers_name'")" = 1 ]
	take_back
	[ "$(lite eu.shop .schema)" = "$before" ]
}

@test "failures within the threshold let the rollout finish, and status still exits 4" {
	unique_names
	write_plan "max_failures: 1"
	server_sql "$PG" us "insert into customers values (4, 'Ada')"
	start 1.2.0
	[ "$status" -eq 4 ]
	run rc rollout status "$id"
	[ "$status" -eq 4 ]
	has "rollout $id 1.2.0 to dev succeeded 11 of 12 applied, 1 failed; created 20"
	has "us/pg/shop rest failed - 1 test:unique-names (changes/1-unique-names.sql:3): could not create unique index \"customers_name\" (SQLSTATE 23505); Key (name)=(Ada) is duplicated. In the database: changesets 1 to 10 of 12 are applied (2 of them are not for postgresql); "
	has "nothing else changed. next: repair the cause, then: rollcall rollout retry ${id:0:8} us/pg/shop"
	has "succeeded: every wave passed, with 1 failure that the plan allows; repair the cause, then: rollcall rollout retry ${id:0:8}"
	server_sql "$PG" us "delete from customers where id = 4"
	run rc rollout retry "$id" --wait --timeout 60s
	[ "$status" -eq 0 ]
	take_back
}

@test "rollback-wave takes back the wave and leaves the one before it" {
	unique_names
	write_plan "max_failures: 0, on_failure: rollback-wave"
	server_sql "$MY" eu "insert into customers values (4, 'Ada')"
	start 1.3.0
	[ "$status" -eq 4 ]
	[ "$(state_of eu/lite/canary)" = applied ]
	[ "$(state_of ap/pg/shop)" = rolled-back ]
	[ "$(state_of eu/my/shop)" = rolled-back ]
	[ "$(server_sql "$PG" ap "select to_regclass('name_checks') is null")" = t ]
	[ -z "$(server_sql "$MY" eu "show tables like 'name_checks'")" ]
	run rc rollout status "$id"
	has "Duplicate entry 'Ada' for key 'customers_name' (error 1062, SQLSTATE 23000)"
	server_sql "$MY" eu "delete from customers where id = 4"
	run rc rollout abort "$id" --reason 'end of the test'
	[ "$status" -eq 1 ]
	has "rollcall: rollout ${id:0:8} is failed and cannot be aborted"
	take_back
	[ "$(lite eu.canary "select count(*) from sqlite_master where name = 'name_checks'")" = 0 ]
}

@test "rollback-all takes back every wave" {
	unique_names
	write_plan "max_failures: 0, on_failure: rollback-all"
	server_sql "$PG" ap "insert into customers values (4, 'Ada')"
	before=$(everything)
	start 1.4.0
	[ "$status" -ne 0 ]
	run rc rollout status "$id"
	echo "$output"
	[ "$status" -eq 4 ]
	[ "$(state_of eu/lite/canary)" = rolled-back ]
	[ "$(state_of ap/pg/shop)" = rolled-back ]
	[ "$(lite eu.canary "select count(*) from sqlite_master where name = 'name_checks'")" = 0 ]
	server_sql "$PG" ap "delete from customers where id = 4"
}

@test "a validation that fails reverts its changeset at once and says what it found" {
	change only-two <<-'EOF'
		--validate-before name:orders SELECT count(*) FROM orders
		--validate-after name:orders same-as-before SELECT count(*) FROM orders
		DELETE FROM orders WHERE id = 3;
		--rollback INSERT INTO orders (id, customer_id, amount) VALUES (3, 3, 40);
	EOF
	write_plan "max_failures: 0"
	start 1.5.0
	[ "$status" -eq 4 ]
	run rc rollout status "$id"
	has "ap/lite/canary canary failed - 1 test:only-two (changes/1-only-two.sql:4): C23 validations: validation orders after test:only-two failed: found '2', expected '3' as before. The changeset was rolled back at once. In the database: changesets 1 to 9 of 10 are applied (1 of them is not for sqlite); test:only-two is rolled back; nothing else changed."
	[ "$(lite ap.canary 'select count(*) from orders')" = 3 ]
	[ "$(lite ap.shop 'select count(*) from orders')" = 3 ]
	rc rollout abort "$id" --reason 'end of the test' --wait || [ $? -eq 1 ]
}

@test "a revert that fails needs a person: exit 5" {
	change one-way <<-'EOF'
		--validate-after name:none expectedResult:0 SELECT count(*) FROM customers
		CREATE TABLE one_way (id INTEGER NOT NULL PRIMARY KEY);
		--rollback DROP TABLE another_name;
	EOF
	write_plan "max_failures: 0" "max_parallel: 1"
	start 1.6.0
	[ "$status" -eq 5 ]
	run rc rollout status "$id"
	echo "$output"
	[ "$status" -eq 5 ]
	has "needs-attention"
	has "its rollback fails: no such table: another_name"
	[ "$(lite ap.canary "select count(*) from sqlite_master where name = 'one_way'")" = 1 ]
	rc rollout abort "$id" --reason 'end of the test' --wait || true
	run rc rollout status "$id"
	[ "$status" -eq 5 ]
	"$ROLLCALL_BIN/rollcall-agent" resolve ap/lite/canary --validated --reason 'the table stays' --config ap-1/agent.yaml # no later release goes on behind it before
}

@test "preconditions: MARK_RAN goes on without it, HALT fails and says why" {
	change marked <<-'EOF'
		--preconditions onFail:MARK_RAN
		--precondition-sql-check expectedResult:0 SELECT count(*) FROM customers
		CREATE TABLE not_made (id INTEGER NOT NULL PRIMARY KEY);
		--rollback DROP TABLE not_made;
	EOF
	write_plan "max_failures: 0"
	start 1.7.0
	[ "$status" -eq 0 ]
	[ "$(lite eu.shop "select count(*) from sqlite_master where name = 'not_made'")" = 0 ]
	take_back
	rm shop/changes/1-marked.sql
	change must-be-empty <<-'EOF'
		--preconditions onFail:HALT onFailMessage:"empty the customers first"
		--precondition-sql-check expectedResult:0 SELECT count(*) FROM customers
		CREATE TABLE not_made (id INTEGER NOT NULL PRIMARY KEY);
		--rollback DROP TABLE not_made;
	EOF
	start 1.7.1
	[ "$status" -eq 4 ]
	run rc rollout status "$id"
	has "precondition of test:must-be-empty: empty the customers first (the query gave '3', expected '0')."
	[ "$(lite ap.canary "select count(*) from sqlite_master where name = 'not_made'")" = 0 ]
	rc rollout abort "$id" --reason 'end of the test' --wait || [ $? -eq 1 ]
}

canary_soaks() { [ "$(rc rollout status "$id" -o json 2>/dev/null | jq -r '.waves[0].state')" = soaking ]; }

@test "pause, resume, abort: what each leaves, what it refuses, and the way back" {
	change quiet <<-'EOF'
		CREATE TABLE quiet (id INTEGER NOT NULL PRIMARY KEY);
		--rollback DROP TABLE quiet;
	EOF
	write_plan "max_failures: 0" "max_parallel: 3, soak: 1h"
	fleet_release shop 1.8.0
	run rc rollout start plan.yaml -e dev -r 1.8.0 --wait --timeout 1s
	[ "$status" -eq 8 ]
	id=$(rc rollout list -o name 2>/dev/null | head -n 1)
	has "rollcall: rollout $id is soaking after the time given: it goes on; 'rollcall rollout status $id' tells how it stands" ||
		has "rollcall: rollout $id is running after the time given: it goes on; 'rollcall rollout status $id' tells how it stands"
	fleet_await 60 canary_soaks
	run rc rollout pause "$id" --reason 'peak hours'
	[ "$status" -eq 0 ]
	has "paused"
	has "peak hours"
	run rc rollout status "$id"
	[ "$status" -eq 0 ]
	has "rollout $id 1.8.0 to dev paused 3 of 12 applied; created 20"
	run rc rollout start plan.yaml -e dev -r 1.8.0
	[ "$status" -eq 1 ]
	has "rollcall: rollout ${id:0:8} (release shop 1.8.0, paused) still has target"
	has "let it end, or abort it"
	run rc rollout resume "$id"
	[ "$status" -eq 0 ]
	run rc rollout abort "$id"
	[ "$status" -eq 2 ]
	run rc rollout abort "$id" --reason 'wrong release' --wait
	[ "$status" -eq 1 ]
	run rc rollout status "$id"
	[ "$status" -eq 1 ]
	has "rollout $id 1.8.0 to dev aborted 3 of 12 applied, 9 skipped; created 20"
	has "aborted: wrong release"
	[[ $output != *"until 20"* ]]
	[ "$(lite eu.canary "select count(*) from sqlite_master where name = 'quiet'")" = 1 ]
	[ "$(lite eu.shop "select count(*) from sqlite_master where name = 'quiet'")" = 0 ]
	run rc rollout resume "$id"
	[ "$status" -eq 1 ]
	has "cannot be resumed"
	run rc rollout rollback "$id" --reason 'end of the test' --wait --timeout 1s # the same waves and gates: it soaks too
	[ "$status" -eq 8 ]
	id=$(rc rollout list -o name 2>/dev/null | head -n 1)
	fleet_await 60 canary_soaks
	[ "$(lite eu.canary "select count(*) from sqlite_master where name = 'quiet'")" = 0 ]
	rc rollout abort "$(rc rollout list -o name 2>/dev/null | head -n 1)" --reason 'seen enough' --wait || [ $? -eq 1 ]
}

@test "production comes after dev, and needs two approvers: not a stranger, not the same twice, not who signed the release" {
	write_plan "max_failures: 0"
	rc release build shop --version 2.0.0 --sequence $(($(cat sequence) + 1)) --out 2.0.0.release
	cp sequence s && echo $(($(cat s) + 1)) >sequence
	rc release sign 2.0.0.release --key keys/release
	rc release push 2.0.0.release
	run rc rollout start plan.yaml -e production -r 2.0.0
	[ "$status" -eq 6 ]
	[ "$output" = "rollcall: release 2.0.0 has not succeeded in dev, which comes before production in its pipeline (a rollout for some of its targets only does not count): roll it out there first" ]
	run rc rollout start plan.yaml -e dev -r 2.0.0 --target eu/lite/shop --wait
	[ "$status" -eq 0 ]
	has "it leaves targets of dev out, so the release does not count as rolled out there"
	run rc rollout start plan.yaml -e production -r 2.0.0
	[ "$status" -eq 6 ]
	run rc rollout start plan.yaml -e dev -r 2.0.0 --wait
	[ "$status" -eq 0 ]
	run rc rollout start plan.yaml -e production -r 2.0.0 --wait
	[ "$status" -eq 3 ]
	id=$(rc rollout list -o name 2>/dev/null | head -n 1)
	has "rollout ${id:0:8} awaits 2 approvals; an approver runs: rollcall rollout approve ${id:0:8}"
	run rc rollout status "$id"
	[ "$status" -eq 3 ]
	has "awaiting-approval: 0 of 2 approvals; may sign: approver, approver2; an approver runs: rollcall rollout approve ${id:0:8} --key KEY"
	run rc rollout approve "$id" --key keys/stranger --targets 2
	[ "$status" -eq 6 ]
	has "rollcall: no key of role approver/production signed this approval: the trust document lists who may"
	run rc rollout approve "$id" --key keys/approver --targets 12
	[ "$status" -eq 6 ]
	has "rollcall: you count 12 targets, order $id has 2: nothing was signed; look at what the plan selects"
	run rc rollout approve "$id" --key keys/approver --targets 2 --release 1.0.0.release
	[ "$status" -eq 6 ]
	has "is for another release (shop 2.0.0): nothing was signed"
	run rc rollout approve "$id" --key keys/approver --targets 2 --release 2.0.0.release --reason CHG-1
	[ "$status" -eq 3 ]
	[[ $output == *"gates        11 ran over "*" changesets, 0 errors, "* ]]
	run rc rollout approve "$id" --key keys/approver --targets 2
	[ "$status" -ne 0 ]
	has "this key has approved it before and counts once: rollout ${id:0:8} has 1 of 2 approvals; another approver runs: rollcall rollout approve ${id:0:8}"
	run rc rollout status "$id"
	[ "$status" -eq 3 ]
	has "awaiting-approval: 1 of 2 approvals, by approver; may sign too: approver2"
	[ "$(lite one.db "select count(*) from sqlite_master")" = 0 ]
	run rc rollout approve "$id" --key keys/approver2 --targets 2 --wait
	[ "$status" -eq 0 ]
	[ "$(lite one.db "select count(*) from customers")" = 3 ]
	run rc rollout rollback "$id" --reason 'orders page is slow'
	[ "$status" -eq 3 ]
	id=$(rc rollout list -o name 2>/dev/null | head -n 1)
	rc rollout approve "$id" --key keys/approver --targets 2 || [ $? -eq 3 ]
	run rc rollout approve "$id" --key keys/approver2 --targets 2 --wait
	[ "$status" -eq 0 ]
	[ "$(lite one.db "select count(*) from sqlite_master where name = 'customers'")" = 0 ]
	run rc rollout status "$id"
	has "rollout $id 2.0.0 off production succeeded 2 of 2 taken back; created 20"
}

@test "who signed a release cannot approve it" {
	write_plan "max_failures: 0"
	echo $(($(cat sequence) + 1)) >sequence
	rc release build shop --version 2.1.0 --sequence "$(cat sequence)" --out 2.1.0.release
	rc release sign 2.1.0.release --key keys/release
	rc release sign 2.1.0.release --key keys/approver
	rc release push 2.1.0.release
	rc rollout start plan.yaml -e dev -r 2.1.0 --wait
	rc rollout start plan.yaml -e production -r 2.1.0 || [ $? -eq 3 ]
	id=$(rc rollout list -o name 2>/dev/null | head -n 1)
	run rc rollout approve "$id" --key keys/approver --targets 2
	[ "$status" -eq 6 ]
	has "signed release 2.1.0 and cannot approve it too: another approver has to"
	rc rollout abort "$id" --reason 'end of the test' || [ $? -eq 1 ]
}

@test "no controller: exit 7, and the agents go on by themselves" {
	fleet_kill controller TERM
	run rc rollout list
	[ "$status" -eq 7 ]
	echo "$output"
	[ "$output" = "rollcall: controller at $FLEET_CONTROL cannot be reached: check the address, and that rollcall-controller runs there" ]
	fleet_start_controller
	fleet_wait_connected 4
	run rc rollout list
	[ "$status" -eq 0 ]
}
