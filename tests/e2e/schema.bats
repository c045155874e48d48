#!/usr/bin/env bats
# What a site's people type about their own databases' schemas: snapshots, drift, moved and restored databases, steps that only a person can judge.
# shellcheck disable=SC2154 # stderr is bats' own

setup() {
	# shellcheck source=tests/support/fleet.bash
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	agent=$ROLLCALL_BIN/rollcall-agent
	crashing=${ROLLCALL_DEBUG_BIN:-$BATS_TEST_DIRNAME/../../build/debug/bin}/rollcall-agent # has the failpoints
	fleet_new "$BATS_TEST_TMPDIR/fleet"
	mkdir "$F/db"
	sqlite3 "$F/db/shop" 'CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT)'
	fleet_agent eu-1 eu 'eu/*' <<-EOF
		  - {id: eu/lite/shop, dsn: "sqlite:$F/db/shop", labels: {environment: dev}}
	EOF
	config=$F/eu-1/agent.yaml
	echo 'fingerprint: changed' >>"$config"
	cd "$F" || return
	bats_require_minimum_version 1.5.0
}

teardown() {
	fleet_down
	[ -z "${my:-}" ] || server_stop "$my"
}

@test "snapshot: text that people can read, its SHA-256 is the fingerprint, and what differs from an earlier one" {
	"$agent" snapshot eu/lite/shop --config "$config" >before 2>err || { cat err; return 1; }
	diff - before <<-'EOF'
		# Rollcall snapshot 2 of a sqlite target
		column orders.id id INTEGER PRIMARY KEY
		column orders.note note TEXT
		table orders (id, note)
	EOF
	[ "$(cat err)" = "eu/lite/shop: 3 objects, fingerprint $(sha256sum <before | cut -d' ' -f1)" ]
	"$agent" snapshot eu/lite/shop --config "$config" --diff before >only 2>err
	[ ! -s only ]
	[ "$(cat err)" = "eu/lite/shop: the schema is the one of before" ]
	sqlite3 db/shop 'ALTER TABLE orders ADD COLUMN paid INT; CREATE INDEX by_note ON orders (note)'
	run --separate-stderr "$agent" snapshot eu/lite/shop --config "$config" --diff before
	[ "$status" -eq 1 ]
	[ "$output" = "$(printf '%s\n' '+ column orders.paid paid INT' '+ index orders.by_note CREATE INDEX by_note ON orders (note)' '- table orders (id, note)' '+ table orders (id, note, paid)')" ]
	[ "$stderr" = "eu/lite/shop: 4 lines differ from before: '-' is only there, '+' only in the database" ]
	run --separate-stderr "$agent" snapshot eu/lite/other --config "$config"
	[ "$status" -eq 1 ]
	[ "$stderr" = "rollcall-agent: eu/lite/other is not a target of this agent: 'rollcall-agent check' lists them" ]
}

shop_project() { # a project whose releases make one table each
	mkdir -p shop/changes shop/plans
	printf 'project: shop\nengines: [sqlite]\npipeline: [dev]\nchanges: changes\nreader: updown\nvalid: 30d\n' >shop/rollcall.yaml
	printf 'name: all\nenvironments:\n  - {name: dev, waves: [{name: all}]}\n' >shop/plans/all.yaml
	makes_table 1 first
}

makes_table() { # NUMBER NAME
	printf 'CREATE TABLE %s (id int);\n' "$2" >"shop/changes/$1_$2.up.sql"
	printf 'DROP TABLE %s;\n' "$2" >"shop/changes/$1_$2.down.sql"
}

delivered() { # VERSION: builds it and rolls it out; prints the rollout
	local id
	fleet_release shop "$1" && id=$(fleet_start shop/plans/all.yaml dev "$1") && quietly rc rollout watch "$id" --timeout 60s && echo "$id"
}

schema_cells() { rc targets list -o json 2>/dev/null | jq -r '.targets[0] | [.schema, .fingerprint] | @tsv'; }

@test "drift: a schema that was changed by hand since the last delivery is seen by a preview and taken back by hand" {
	shop_project
	fleet_up
	[ "$(schema_cells)" = "$(printf '\t')" ]
	delivered 1
	"$agent" snapshot eu/lite/shop --config "$config" >after 2>/dev/null
	fingerprint=$(sha256sum <after | cut -c1-12)
	[ "$(schema_cells)" = "$(printf 'as-left\t%s' "$fingerprint")" ]
	sqlite3 db/shop 'CREATE INDEX by_hand ON first (id)'
	rc rollout preview shop/plans/all.yaml --environment dev --release 1 >/dev/null 2>&1
	[ "$(schema_cells | cut -f1)" = drift ]
	run --separate-stderr "$agent" snapshot eu/lite/shop --config "$config" --diff after
	[ "$output" = '+ index first.by_hand CREATE INDEX by_hand ON first (id)' ]
	sqlite3 db/shop 'DROP INDEX by_hand'
	rc rollout preview shop/plans/all.yaml --environment dev --release 1 >/dev/null 2>&1
	[ "$(schema_cells)" = "$(printf 'as-left\t%s' "$fingerprint")" ]
}

# What the plan's approvers sign binds the site; so does the site's own policy, whatever the plan says.
@test "drift: where it is refused nothing runs, what differs is named, and the site's people may accept it" {
	shop_project
	sed -i 's/name: dev,/name: dev, drift: refuse,/' shop/plans/all.yaml
	fleet_up
	delivered 1
	sqlite3 db/shop 'CREATE INDEX by_hand ON first (id)'
	makes_table 2 second
	fleet_release shop 2
	id=$(fleet_start shop/plans/all.yaml dev 2)
	[ "$(settle "$id")" = refused ]
	detail=$(rc rollout status "$id" -o json 2>/dev/null | tr -s ' ')
	[[ "$detail" == *"C17 schema-before: drift: the schema was changed from outside since the last delivery ('-' is gone, '+' is new): + index first.by_hand CREATE INDEX by_hand ON first (id)"* ]]
	[ "$(sqlite3 db/shop '.tables second')" = "" ]
	run --separate-stderr "$agent" snapshot eu/lite/shop --config "$config" --accept
	[ "$status" -eq 0 ]
	[[ "$stderr" == "eu/lite/shop: its schema of "*" objects is taken to be as it should be."* ]]
	rc rollout retry "$id" eu/lite/shop >/dev/null 2>&1
	[ "$(settle "$id")" = applied ]
	[ "$(sqlite3 db/shop '.tables second')" != "" ]
	run -0 rc rollout order "$id" --out o.order
	[[ "$output" == *"asks for     refuse-drift"* ]]
}

@test "a release that is signed with its schemas: what it does not find, or does not leave, is refused or failed" {
	shop_project
	fleet_up
	"$agent" snapshot eu/lite/shop --config "$config" >before.txt 2>/dev/null
	cp db/shop scratch && sqlite3 scratch 'CREATE TABLE first (id int)'
	sed "s|sqlite:$F/db/shop|sqlite:$F/scratch|" "$config" >eu-1/scratch.yaml
	"$agent" snapshot eu/lite/shop --config eu-1/scratch.yaml >after.txt 2>/dev/null
	run -1 rc release build shop --version 1 --schema-after sqlite=shop/rollcall.yaml
	[[ "$output" == *"--schema-after: shop/rollcall.yaml: not a snapshot: give what 'rollcall-agent snapshot TARGET >FILE' wrote" ]]
	signed() { quietly rc release build shop --version "$1" --sequence "$1" --out "$1.release" "${@:2}" && quietly rc release sign "$1.release" --key keys/release && quietly rc release push "$1.release"; }
	signed 1 --schema-before sqlite=before.txt --schema-after sqlite=after.txt
	run -0 rc release show 1.release
	[[ "$output" == *"before $(sha256sum <before.txt | cut -c1-12), after $(sha256sum <after.txt | cut -c1-12)"* ]]
	sqlite3 db/shop 'CREATE TABLE other (id int)'
	id=$(fleet_start shop/plans/all.yaml dev 1)
	[ "$(settle "$id")" = refused ]
	[[ "$(rc rollout status "$id" -o json 2>/dev/null | tr -s ' ')" == *"C17 schema-before: the schema is not the one that release shop 1 was signed to find"* ]]
	# What an auditor is told: that it was refused, by which check, and the schemas that the delivery found and left.
	told() { rc audit export --format json 2>/dev/null | jq -r ".$1"; }
	[ "$(told 'changes[0] | [.outcome, .changeset, .steps, .check, .code] | join("|")')" = "refused||0|C17 schema-before|policy" ]
	[ "$(told 'changes[0]."schema-before"')" = "$(told 'changes[0]."schema-after"')" ]
	[[ "$(told 'changes[0].failure')" == "the schema is not the one that release shop 1 was signed to find"* ]]
	sqlite3 db/shop 'DROP TABLE other'
	rc rollout retry "$id" --reason 'the table is gone' >/dev/null 2>&1
	[ "$(settle "$id")" = applied ]
	[ "$(told 'changes[1] | [.state, ."schema-before", ."schema-after"] | join(" ")')" = "done $(sha256sum <before.txt | cut -d ' ' -f 1) $(sha256sum <after.txt | cut -d ' ' -f 1)" ]
	[ "$(told 'actions[] | select(.action == "retry" and .object == "eu/lite/shop") | [.actor, .detail] | join(": ")')" = "operator olga: the table is gone" ]
	run -0 rc audit prove eu/lite/shop "$(told 'changes[1].changeset')"
	[[ "$output" == *"schema     before $(sha256sum <before.txt | cut -d ' ' -f 1), after $(sha256sum <after.txt | cut -d ' ' -f 1)"* ]]
	[[ "$output" == *"operators  "*"Z: operator olga, start of rollout"*"retry of eu/lite/shop: the table is gone"* ]]
	makes_table 2 second
	signed 2 --schema-after sqlite=after.txt
	id=$(fleet_start shop/plans/all.yaml dev 2)
	[ "$(settle "$id")" = failed ]
	[[ "$(rc rollout status "$id" -o json 2>/dev/null | tr -s ' ')" == *"C24 schema-after: the schema is not the one that release shop 2 was signed to leave"* ]]
}

settle() { quietly rc rollout watch "$1" --timeout 60s || true; rc rollout status "$1" -o json 2>/dev/null | jq -r '[.. | objects | select(has("target")) | .state][0]'; }

@test "a changeset that stays although its validation failed stops the next order, and goes on when a person has said that it is right" {
	shop_project
	fleet_up
	delivered 1
	sed -i 's/^reader: .*/gates: [{rule: PF23, level: warn}]/' shop/rollcall.yaml
	rm shop/changes/*
	printf '%s\n' '-- liquibase formatted sql' '--changeset a:marked' '--validate-after name:two expectedResult:2 SELECT count(*) FROM first' 'INSERT INTO first VALUES (1);' \
		'--changeset a:next' 'CREATE TABLE next (id int);' '--rollback DROP TABLE next;' >shop/changes/2_rows.sql
	fleet_release shop 2
	id=$(fleet_start shop/plans/all.yaml dev 2)
	[ "$(settle "$id")" = failed ]
	quietly rc rollout abort "$id" --reason 'anew'
	id=$(fleet_start shop/plans/all.yaml dev 2)
	[ "$(settle "$id")" = failed ]
	[[ "$(rc rollout status "$id" -o json 2>/dev/null | tr -s ' ')" == *"C23 validations: validation two after a:marked failed: found '1', expected '2'; the changeset has no rollback, so what it did stays"* ]]
	[ "$(sqlite3 db/shop '.tables next')" = "" ]
	run --separate-stderr "$agent" resolve eu/lite/shop --config "$config"
	[ "$status" -eq 5 ]
	[[ "$stderr" == "eu/lite/shop: a:marked is applied and stays, but its validations after it did not hold"*"--validated --reason"* ]]
	run --separate-stderr "$agent" resolve eu/lite/shop --config "$config" --applied --reason 'no'
	[ "$status" -eq 5 ]
	"$agent" resolve eu/lite/shop --config "$config" --validated --reason 'one row is right'
	run --separate-stderr "$agent" resolve eu/lite/shop --config "$config"
	[ "$status" -eq 0 ]
	rc rollout retry "$id" eu/lite/shop >/dev/null 2>&1
	[ "$(settle "$id")" = applied ]
	[ "$(sqlite3 db/shop 'SELECT count(*) FROM first')" = 1 ]
	[ "$(sqlite3 db/shop '.tables next')" = next ]
}

@test "a restored backup stops as diverged, and goes on when a person has said that it is meant" {
	shop_project
	fleet_up
	delivered 1
	cp db/shop backup
	makes_table 2 second
	delivered 2
	cat backup >db/shop # the same file: a restore in place
	makes_table 3 third
	fleet_release shop 3
	id=$(fleet_start shop/plans/all.yaml dev 3)
	[ "$(settle "$id")" = needs-attention ]
	run --separate-stderr "$agent" resolve eu/lite/shop --config "$config"
	[ "$status" -eq 5 ]
	[[ "$stderr" == "eu/lite/shop: the ledger was set back: it has 1 rows, and this agent has seen row 2 there; both know row 1."* ]]
	[ "$(sqlite3 db/shop '.tables second third')" = "" ]
	run --separate-stderr "$agent" resolve eu/lite/shop --config "$config" --accept-ledger
	[ "$status" -eq 2 ]
	"$agent" resolve eu/lite/shop --config "$config" --accept-ledger --reason 'backup of Monday'
	rc rollout retry "$id" eu/lite/shop >/dev/null 2>&1
	[ "$(settle "$id")" = applied ]
	[ "$(sqlite3 db/shop "SELECT count(*) FROM sqlite_schema WHERE name IN ('second', 'third')")" = 2 ]
	sqlite3 db/shop "SELECT value FROM rollcall_meta WHERE name = 'accepted'" | grep -qE '^[^,]+, 20.*: backup of Monday$'
}

@test "a database that was moved is refused until the site adopts it" {
	shop_project
	fleet_up
	delivered 1
	cp db/shop moved && mv moved db/shop # another file at the same path
	makes_table 2 second
	fleet_release shop 2
	id=$(fleet_start shop/plans/all.yaml dev 2)
	[ "$(settle "$id")" = refused ]
	run --separate-stderr "$agent" adopt eu/lite/shop --config "$config" --reason 'new disk'
	[ "$status" -eq 0 ]
	[[ "$stderr" == "eu/lite/shop: adopted: its ledger of 1 rows was of target eu/lite/shop in database "* ]]
	run --separate-stderr "$agent" adopt eu/lite/shop --config "$config" --reason 'new disk'
	[ "$stderr" = "eu/lite/shop: this is the database that its ledger names; there is nothing to adopt" ]
	rc rollout retry "$id" eu/lite/shop >/dev/null 2>&1
	[ "$(settle "$id")" = applied ]
}

@test "a step that nobody else can judge: what was seen is told, a person decides, and the next report says so" {
	# shellcheck source=tests/support/servers.bash
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	export SERVER_OWNER=$$
	my=$(server_start mariadb trust)
	server_create "$my" shop
	rm -r "$F/eu-1"
	fleet_agent eu-1 eu 'eu/*' <<<"  - {id: eu/my/shop, dsn: \"$(server_dsn "$my" shop)\", labels: {environment: dev}}"
	shop_project
	sed -i 's/sqlite/mariadb/' shop/rollcall.yaml
	fleet_up
	delivered 1
	printf 'ALTER TABLE first ADD COLUMN more int;\n' >shop/changes/2_more.up.sql
	printf 'ALTER TABLE first DROP COLUMN more;\n' >shop/changes/2_more.down.sql
	fleet_release shop 2
	fleet_kill eu-1 TERM
	ROLLCALL_AGENT=$crashing ROLLCALL_CRASH_AT=intent-written fleet_start_agent eu-1
	fleet_wait_connected 1
	id=$(fleet_start shop/plans/all.yaml dev 2)
	fleet_await 60 fleet_is_gone eu-1 # in the middle of the step
	server_sql "$my" shop 'DROP TABLE first'
	fleet_start_agent eu-1
	quietly rc rollout watch "$id" --timeout 60s || true
	detail=$(rc rollout status "$id" -o json 2>/dev/null | tr -s ' ')
	[[ "$detail" == *"needs-attention"* ]]
	[[ "$detail" == *"migrate:2_more, step 1 (ALTER TABLE) was interrupted (ledger row 3, attempt 1, backend "*"it cannot be told whether it took effect: the object is neither as it was before nor is it seen to be as the statement leaves it; table first was in state "*" before and is absent now; its definition differs: - CREATE TABLE "* ]]
	run --separate-stderr "$agent" resolve eu/my/shop --config "$config"
	[ "$status" -eq 5 ]
	server_sql "$my" shop 'CREATE TABLE first (id int)'
	run --separate-stderr "$agent" resolve eu/my/shop --config "$config" --not-applied --retry --reason 'both'
	[ "$status" -eq 2 ] && [[ $stderr == *"--applied, --not-applied, --retry, --validated and --accept-ledger exclude each other"* ]]
	run --separate-stderr "$agent" resolve eu/my/shop --config "$config" --retry --reason 'somebody dropped the table; made again'
	[ "$status" -eq 0 ] && [[ $stderr == *"it may run again, whatever of it is there"* ]]
	rc rollout retry "$id" eu/my/shop >/dev/null 2>&1
	[ "$(settle "$id")" = applied ]
	[ "$(server_sql "$my" shop "SELECT group_concat(state, ' ', via ORDER BY seq) FROM rollcall_ledger WHERE changeset = 'migrate:2_more'")" = "intent run,failed operator,intent run,done run" ]
	[[ "$(server_sql "$my" shop "SELECT agent FROM rollcall_ledger WHERE via = 'operator'")" == "operator "* ]]
	[[ "$(server_sql "$my" shop "SELECT value FROM rollcall_meta WHERE name = 'row 4'")" == "may run again, whatever of it is there: "*": somebody dropped the table; made again" ]]
	server_stop "$my"
}
