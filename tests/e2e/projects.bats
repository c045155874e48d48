#!/usr/bin/env bats
# Two projects on one database: each with its own releases, sequences and changesets (of the same id), one after the other and at once, on every engine.

setup_file() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin} SERVER_OWNER=$$
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	servers_both trust trust app || return 1
	fleet_new "$BATS_FILE_TMPDIR/fleet" || return 1
	fleet_three eu-1 eu 'environment: dev' app || return 1
	project shop goods
	project billing bills
	fleet_up
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

project() { # NAME TABLE: its one changeset makes the table
	fleet_project "$1"
	changeset "$1" t:first "CREATE TABLE $2 (id int NOT NULL PRIMARY KEY, note varchar(20));" "DROP TABLE $2;"
}

changeset() { # PROJECT ID SQL ROLLBACK [ATTRIBUTES]
	printf '\n--changeset %s%s\n%s\n--rollback %s\n' "$2" "${5:+ $5}" "$3" "$4" >>"$F/$1/changes/1.sql"
}

release() { # PROJECT VERSION SEQUENCE
	quietly rc release build "$1" --version "$2" --sequence "$3" --out "$2.release"
	quietly rc release sign "$2.release" --key keys/release
	quietly rc release push "$2.release"
}

ask() { fleet_ask "$1" app "$2"; } # ENGINE SQL

ledger() { # ENGINE [WHERE]: "project changeset direction" of what is done, in order
	local table=rollcall_ledger
	[ "$1" != pg ] || table=rollcall.ledger
	ask "$1" "SELECT ${3:-project} FROM $table WHERE state = 'done' ${2:+AND $2} ORDER BY seq" | paste -sd' '
}

rows() { # TABLE: of each engine
	local e
	for e in lite my pg; do ask $e "SELECT count(*) FROM $1"; done | paste -sd' '
}

journal() { sqlite3 -cmd '.timeout 5000' eu-1/data/journal.db "$1"; }

finish() { # ROLLOUT
	fleet_await 60 fleet_rollout_is "$1" succeeded || { rc rollout status "$1"; return 1; }
}

@test "a second project comes to targets where another one's sequence is higher" {
	release shop 1.4.0 5
	finish "$(fleet_start shop.yaml dev 1.4.0)"
	release billing 0.1.0 1
	run rc rollout preview billing.yaml -e dev -r 0.1.0.release
	[[ "$output" == *"t:first  apply"*"CREATE TABLE bills"* ]]
	finish "$(fleet_start billing.yaml dev 0.1.0)"
	[ "$(rows goods)" = "0 0 0" ]
	[ "$(rows bills)" = "0 0 0" ]
	for e in lite my pg; do [ "$(ledger $e "changeset = 't:first'")" = "shop billing" ]; done
	[ "$(rc rollout list -o json 2>/dev/null | jq -r '[.rollouts[] | "\(.project) \(.release)"] | join("; ")')" = "billing 0.1.0; shop 1.4.0" ]
}

@test "what a target has, lacks and had is told of both" {
	[ "$(rc targets -o json | jq -r '[.targets[].release] | unique | join(";")')" = "shop 1.4.0, billing 0.1.0" ]
	[ -z "$(rc targets --behind -o name 2>/dev/null)" ]
	run rc show eu/pg/app
	[[ "$output" == *"shop 1.4.0, billing 0.1.0"* ]]
	[ "$(rc show eu/pg/app -o json | jq -r '[.. | objects | select(.changeset? == "t:first") | "\(.project) \(.state) \(.release)"] | sort | join("; ")')" = "billing applied 0.1.0; shop applied 1.4.0" ]
	[ "$(rc history --target eu/lite/app -o json | jq -r '[.. | objects | select(.outcome?) | "\(.project) \(.release) \(.outcome)"] | join("; ")')" = "billing 0.1.0 applied; shop 1.4.0 applied" ]
	[ "$("$ROLLCALL_BIN/rollcall-agent" history eu/pg/app --config eu-1/agent.yaml -o json | jq -r '[.ledger[] | "\(.project) \(.changeset)"] | join("; ")')" = "shop t:first; billing t:first" ]
}

@test "each project's older releases are still refused, and rolled back it leaves the other alone" {
	changeset billing t:second "INSERT INTO bills VALUES (1, 'one');" "DELETE FROM bills WHERE id = 1;"
	release billing 0.2.0 2
	local second
	second=$(fleet_start billing.yaml dev 0.2.0)
	finish "$second"
	run rc rollout start billing.yaml -e dev -r 0.1.0 --wait --timeout 60s
	[ "$status" -ne 0 ]
	run rc history --target eu/pg/app
	[[ "$(tr -s ' \n' ' ' <<<"$output")" == *"release billing 0.1.0 has sequence 1, and this target has changeset t:second of release 0.2.0, sequence 2: it is older"* ]]
	rc rollout abort "$(rc rollout list -o name | head -n 1)" --reason "an older release" || true
	quietly rc rollout rollback "$second" --wait --timeout 60s
	[ "$(rows bills)" = "0 0 0" ]
	[ "$(rows goods)" = "0 0 0" ]
	for e in lite my pg; do [ "$(ledger $e "direction = 'rollback'" changeset)" = t:second ]; done
	[ "$(rc targets -o json | jq -r '[.targets[].release] | unique | join(";")')" = "shop 1.4.0, billing 0.1.0" ]
}

@test "two projects at once: one after the other on each target, in either's own time" {
	changeset shop t:third "INSERT INTO goods SELECT 1, 'slow' FROM pg_sleep(8);" "DELETE FROM goods WHERE id = 1;" dbms:postgresql
	changeset shop t:third-my "INSERT INTO goods SELECT 1 + sleep(8), 'slow';" "DELETE FROM goods WHERE id = 1;" dbms:mariadb
	changeset shop t:third-lite "INSERT INTO goods VALUES (1, 'one');" "DELETE FROM goods WHERE id = 1;" dbms:sqlite
	changeset shop t:fourth "INSERT INTO goods VALUES (2, 'two');" "DELETE FROM goods WHERE id = 2;"
	changeset billing t:fourth "INSERT INTO bills VALUES (2, 'two');" "DELETE FROM bills WHERE id = 2;"
	release shop 1.5.0 6
	release billing 0.3.0 3
	local one two
	one=$(fleet_start shop.yaml dev 1.5.0)
	two_are_at_it() { [ "$(rc rollout status "$one" -o json 2>/dev/null | jq '[.targets[] | select(.state == "applying" or .state == "running")] | length')" -ge 2 ]; }
	fleet_await 60 two_are_at_it
	run rc rollout start shop.yaml -e dev -r 1.4.0
	[ "$status" -ne 0 ]
	[[ "$(tr -s ' \n' ' ' <<<"$output")" == *"(release shop 1.5.0, "*"still has target eu/"* ]]
	two=$(fleet_start billing.yaml dev 0.3.0) # the other project's is not over yet
	finish "$one"
	finish "$two"
	[ "$(rows goods)" = "2 2 2" ]
	[ "$(rows bills)" = "2 2 2" ]
	[ "$(ledger pg "release_sequence IN (3, 6)" "project || '/' || changeset")" = "shop/t:third shop/t:fourth billing/t:second billing/t:fourth" ]
	[ "$(ledger my "release_sequence IN (3, 6)" "concat(project, '/', changeset)")" = "shop/t:third-my shop/t:fourth billing/t:second billing/t:fourth" ]
	[ "$(rc targets -o json | jq -r '[.targets[].release] | unique | join(";")')" = "shop 1.5.0, billing 0.3.0" ]
	quietly rc rollout rollback "$one" --wait --timeout 60s
	[ "$(rows goods)" = "0 0 0" ]
	[ "$(rows bills)" = "2 2 2" ]
	[ "$(rc targets -o json | jq -r '[.targets[].release] | unique | join(";")')" = "shop 1.4.0, billing 0.3.0" ]
}

@test "killed with -9 in one project's delivery while the other one waits, the agent ends what it had begun first" {
	changeset shop t:fifth "INSERT INTO goods SELECT 5, 'slow' FROM pg_sleep(8);" "DELETE FROM goods WHERE id = 5;" dbms:postgresql
	changeset billing t:fifth "INSERT INTO bills VALUES (5, 'five');" "DELETE FROM bills WHERE id = 5;" dbms:postgresql
	release shop 1.6.0 7
	release billing 0.4.0 4
	local one two
	one=$(fleet_start shop.yaml dev 1.6.0)
	shop_is_at_it() { [ "$(ask pg "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND state = 'active' AND pid <> pg_backend_pid()")" != 0 ]; }
	fleet_await 60 shop_is_at_it
	two=$(fleet_start billing.yaml dev 0.4.0)
	billing_waits() { [ "$(journal "SELECT count(*) FROM task WHERE state = 0 AND target = 'eu/pg/app'")" = 1 ]; }
	fleet_await 60 billing_waits
	fleet_kill eu-1
	journal "UPDATE task SET accepted_at_us = 1 WHERE state = 0" # as if it had been accepted first, and had waited for its release
	fleet_start_agent eu-1
	finish "$one"
	finish "$two"
	[ "$(ledger pg "release_sequence IN (4, 7) AND changeset = 't:fifth'" "project || '/' || changeset")" = "shop/t:fifth billing/t:fifth" ]
	[ "$(ask pg "SELECT count(*) FROM goods WHERE id = 5")" = 1 ]
}

@test "who is behind with one project, a catch-up by a plan that both have used, and the audit with both" {
	printf 'name: shop\nenvironments:\n  - {name: dev, waves: [{name: all, selector: "on=pg"}]}\n' >same.yaml
	changeset billing t:sixth "INSERT INTO bills VALUES (6, 'six');" "DELETE FROM bills WHERE id = 6;"
	release billing 0.5.0 5
	finish "$(fleet_start same.yaml dev 0.5.0)"
	[ "$(rc targets --behind -o json 2>/dev/null | jq -r '[.targets[] | "\(.target) \(.lacks)"] | join("; ")')" = "eu/lite/app billing 0.5.0; eu/my/app billing 0.5.0" ]
	run rc rollout catch-up same.yaml -e dev
	[ "$status" -eq 2 ]
	[[ "$(tr -s ' \n' ' ' <<<"$output")" == *"plan shop has brought releases of billing and of shop to dev: name the one that is meant with -r"* ]]
	quietly rc rollout catch-up billing.yaml -e dev -r 0.5.0 --wait --timeout 60s
	[ -z "$(rc targets --behind -o name 2>/dev/null)" ]
	[ "$(rows bills)" = "3 3 4" ]
	rc audit export --format bundle --out all.audit
	run rc audit verify all.audit --trust trust.env
	echo "$output"
	[ "$status" -eq 0 ]
}
