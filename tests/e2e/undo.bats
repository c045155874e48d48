#!/usr/bin/env bats
# A failed target whose agent goes away before it has taken the way back: the others go on, it says for whom it waits, and is taken back once its agent is there, once.

setup() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}
	crashing=${ROLLCALL_DEBUG_BIN:-$BATS_TEST_DIRNAME/../../build/debug/bin}/rollcall-agent # has the failpoints
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	fleet_new "$BATS_TEST_TMPDIR/fleet"
	cd "$F" || return 1
	for site in eu us; do
		fleet_agent "$site-1" "$site" "$site/*" <<-EOF
			  - {id: $site/lite/shop, dsn: "sqlite:$F/$site.db", labels: {environment: dev}}
		EOF
		sqlite3 "$site.db" 'CREATE TABLE own (name TEXT)'
	done
	sqlite3 us.db "INSERT INTO own VALUES ('twice'), ('twice')"
	mkdir -p shop/changes
	printf 'project: shop\nengines: [sqlite]\npipeline: [dev]\nchanges: changes\n' >shop/rollcall.yaml
	cat >shop/changes/1-names.sql <<-'EOF'
		--liquibase formatted sql
		--changeset test:checks
		CREATE TABLE checks (id INTEGER NOT NULL PRIMARY KEY);
		--rollback DROP TABLE checks;
		--changeset test:unique-names
		CREATE UNIQUE INDEX own_name ON own (name);
		--rollback DROP INDEX own_name;
	EOF
	cat >plan.yaml <<-'EOF'
		name: shop
		environments:
		  - name: dev
		    waves: [{name: all, max_parallel: 2, max_failures: 1, on_failure: rollback-target, unreachable: defer, defer_after: 500ms}]
	EOF
}

teardown() { fleet_down; }

cell() { # COLUMN: of us/lite/shop
	rc rollout status "$id" -o json 2>/dev/null | jq -r --arg c "$1" '.targets[] | select(.target == "us/lite/shop") | .[$c]'
}

left() { sqlite3 us.db "SELECT name FROM sqlite_schema WHERE name IN ('checks', 'own_name')"; } # of the release

@test "an agent that dies with the way back holds nobody up, and takes it once it is there again" {
	fleet_up
	fleet_kill us-1 TERM
	ROLLCALL_AGENT=$crashing ROLLCALL_CRASH_AT=offer-received:2 fleet_start_agent us-1
	fleet_wait_connected 2
	fleet_release shop 1.0.0
	id=$(fleet_start plan.yaml dev 1.0.0)
	fleet_await 60 fleet_rollout_is "$id" catching-up
	[ "$(cell state)" = unknown ]
	[[ "$(cell detail)" == "whether it is taken back is not known: agent us-1 is away since "* ]]
	[ "$(left)" = checks ]
	run rc rollout status "$id"
	[ "$status" -eq 4 ]
	[[ "$(tr -s ' \n' ' ' <<<"$output")" == *"catching-up: every wave passed; 1 failed target may be taken back until "* ]]
	fleet_start_agent us-1
	fleet_await 60 fleet_rollout_is "$id" succeeded
	[ "$(cell state)" = rolled-back ]
	[ -z "$(left)" ]
	[ "$(rc history --target us/lite/shop -o json 2>/dev/null | jq '[.history[] | select(.outcome == "rolled-back")] | length')" = 1 ]
}
