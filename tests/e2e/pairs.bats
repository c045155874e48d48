#!/usr/bin/env bats
# Other tools' up/down files on MariaDB, where a rollback that is wrong stays half-done: which file is named, what a preview says is left, and the two ways out.

setup_file() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin} SERVER_OWNER=$$
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	export MY ID
	MY=$(server_start mariadb) || return 1
	server_create "$MY" shop
	fleet_new "$BATS_FILE_TMPDIR/fleet" || return 1
	fleet_agent eu-1 eu 'eu/*' <<<"  - {id: eu/my/shop, dsn: \"$(server_dsn "$MY" shop)\", labels: {environment: dev}}" || return 1
	fleet_up || return 1
	mkdir -p "$F/shop/changes" "$F/shop/plans"
	cat >"$F/shop/rollcall.yaml" <<-EOF
		project: shop
		engines: [mariadb]
		pipeline: [dev]
		changes: changes
		reader: updown
		valid: 30d
	EOF
	printf 'name: all\nenvironments:\n  - {name: dev, waves: [{name: all}]}\n' >"$F/shop/plans/all.yaml"
	printf 'CREATE TABLE first (id int);\n' >"$F/shop/changes/1_first.up.sql"
	printf 'DROP TABLE first;\n' >"$F/shop/changes/1_first.down.sql"
	printf 'CREATE TABLE a (id int);\nCREATE TABLE b (id int);\n' >"$F/shop/changes/2_two.up.sql"
	printf 'DROP TABLE b;\nDROP TABLE nowhere;\nDROP TABLE a;\n' >"$F/shop/changes/2_two.down.sql"
	fleet_release "$F/shop" 1 || return 1
	ID=$(fleet_start "$F/shop/plans/all.yaml" dev 1) || return 1
	quietly rc rollout watch "$ID" --timeout 60s
}

teardown_file() {
	fleet_down
	server_stop "$MY"
}

setup() {
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	cd "$F" || return 1
}

tables() { server_sql "$MY" shop "SELECT group_concat(table_name ORDER BY 1) FROM information_schema.tables WHERE table_schema = 'shop' AND table_name NOT LIKE 'rollcall%'"; }

flat() { tr -s ' \n' ' ' <<<"$output"; } # a long sentence is broken over lines

@test "another reader's files are named once" {
	sed 's/^reader: .*/reader: diesel/' shop/rollcall.yaml >rollcall.yaml
	mkdir -p other && cp -r shop/changes other/ && mv rollcall.yaml other/
	run rc lint other
	[ "$status" -eq 2 ]
	[[ "$output" == *"changes: no file in it is for the reader diesel; they look like "*": write \`reader: updown\` in rollcall.yaml" ]]
}

@test "a rollback that is wrong names the down file, what is left of it, and how to leave the changeset applied" {
	[ "$(tables)" = a,b,first ]
	run rc rollout rollback "$ID" --wait --timeout 60s
	[ "$status" -eq 4 ]
	back=$(rc rollout list -o name 2>/dev/null | head -n 1)
	run rc rollout status "$back"
	[[ "$(flat)" == *"migrate:2_two (changes/2_two.down.sql:2): Unknown table 'shop.nowhere'"* ]]
	[[ "$(flat)" == *"of the rollback of migrate:2_two step 1 of 3 is done"* ]]
	[[ "$(flat)" == *"leave that changeset applied: rollcall rollout abort ${back:0:8}, then rollcall rollout rollback ${ID:0:8} --except CHANGESET"* ]]
	run rc rollout rollback "$back"
	[[ "$(flat)" == *"is itself a rollback: to go forward, roll the release out again; to leave a changeset applied that does not go back, abort this and roll back ${ID:0:8} with --except"* ]]

	run rc rollout preview shop/plans/all.yaml -e dev -r 1.release --direction rollback
	[[ "$output" == *"migrate:2_two  rollback (1 of 3 steps are rolled back)  changes/2_two.down.sql:1"* ]]
	[[ "$output" == *"step 2, class N"*"DROP TABLE nowhere"*"step 3, class N"*"DROP TABLE a"* ]]
	[[ "$output" != *"DROP TABLE b"* ]]
	run rc rollout preview shop/plans/all.yaml -e dev -r 1.release
	[[ "$output" == *"migrate:2_two  rollback (its rollback was interrupted: that is finished first)"*"DROP TABLE nowhere"*"migrate:2_two  apply (then from its first step)"*"CREATE TABLE b"* ]]
	run rc rollout preview shop/plans/all.yaml -e dev -r 1.release --direction rollback -o json
	[ "$(jq -r '[.statements[] | select(.changeset == "migrate:2_two") | .step] | join(",")' <<<"$output")" = 2,3 ]
}

@test "left applied by name, the rest goes back; repaired, it goes back too" {
	back=$(rc rollout list -o name 2>/dev/null | head -n 1)
	quietly rc rollout abort "$back" --reason "the rollback is wrong"
	run rc rollout rollback "$ID" --except migrate:2_two --wait --timeout 60s
	[ "$status" -eq 0 ]
	[ "$(tables)" = a ]
	server_sql "$MY" shop "CREATE TABLE nowhere (id int)"
	run rc rollout rollback "$ID" --wait --timeout 60s
	[ "$status" -eq 0 ]
	[ -z "$(tables | sed 's/NULL//')" ]
}
