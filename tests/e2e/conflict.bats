#!/usr/bin/env bats
# Two projects on one database whose releases work on the same table: said before the second one begins, in its preview and when it is started.

setup() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	fleet_new "$BATS_TEST_TMPDIR/fleet"
	cd "$F" || return 1
	fleet_lite eu-1 eu 'environment: dev' one two
	sqlite3 one.db 'CREATE TABLE goods (id int PRIMARY KEY)'
	sqlite3 two.db 'CREATE TABLE goods (id int PRIMARY KEY)'
	project shop 'ALTER TABLE goods ADD COLUMN price int' 'ALTER TABLE goods DROP COLUMN price'
	project billing 'CREATE INDEX goods_by_id ON goods (id)' 'DROP INDEX goods_by_id'
	project hr 'CREATE TABLE staff (id int PRIMARY KEY)' 'DROP TABLE staff'
	fleet_up
}

teardown() { fleet_down; }

project() { # NAME SQL ROLLBACK
	fleet_project "$1"
	sed -i "s/^engines:.*/engines: [sqlite]/" "$1/rollcall.yaml"
	printf '\n--changeset t:first\n%s;\n--rollback %s;\n' "$2" "$3" >>"$1/changes/1.sql"
}

@test "what two projects' rollouts both work on is named before the second one begins" {
	"$ROLLCALL_BIN/rollcall-agent" hold eu/lite/one --config eu-1/agent.yaml >/dev/null # so that the first one is not over
	fleet_release shop 1.0.0 && fleet_release billing 2.0.0 && fleet_release hr 3.0.0
	first=$(fleet_start shop.yaml dev 1.0.0)
	warning="WARNING: rollout ${first:0:8} (release shop 1.0.0, running) has 2 of these targets too, and both releases work on goods (sqlite)"
	run rc rollout preview billing.yaml -e dev -r 2.0.0
	[ "$status" -eq 0 ]
	[[ "$(tr -s ' \n' ' ' <<<"$output")" == *"$warning"* ]]
	run rc rollout start billing.yaml -e dev -r 2.0.0
	[ "$status" -eq 0 ]
	[[ "$(tr -s ' \n' ' ' <<<"$output")" == *"$warning"* ]]
	run rc rollout start hr.yaml -e dev -r 3.0.0
	[ "$status" -eq 0 ]
	[[ "$output" != *WARNING* ]]
}
