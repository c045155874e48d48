#!/usr/bin/env bats
# Sizes that stay within the limits: a release of 3000 changesets, whose report names only the newest of its steps and still travels.

setup_file() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	fleet_new "$BATS_FILE_TMPDIR/fleet" || return 1
	fleet_lite eu-1 eu 'environment: dev' one || return 1
	fleet_up
}

teardown_file() {
	fleet_down
}

setup() {
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	cd "$F" || return 1
}

@test "3000 changesets go to one target and back, each once" {
	mkdir -p big/changes
	printf 'project: big\nengines: [sqlite]\npipeline: [dev]\nchanges: changes\nreader: liquibase-sql\n' >big/rollcall.yaml
	{
		printf -- '--liquibase formatted sql\n'
		printf -- '--changeset test:all\nCREATE TABLE t (n INTEGER NOT NULL);\n--rollback DROP TABLE t;\n'
		for i in $(seq 2999); do printf -- '--changeset test:row-%d\nINSERT INTO t VALUES (%d);\n--rollback DELETE FROM t WHERE n = %d;\n' "$i" "$i" "$i"; done
	} >big/changes/all.sql
	printf 'name: big\nenvironments:\n  - name: dev\n    waves:\n      - {name: all}\n' >plan.yaml
	fleet_release big 1.0.0
	run rc rollout start plan.yaml -e dev -r 1.0.0 --wait --timeout 120s
	echo "$output"
	tail -n 3 eu-1.log controller.log
	[ "$status" -eq 0 ]
	[ "$(sqlite3 one.db 'select count(*), count(distinct n), max(n) from t')" = "2999|2999|2999" ]
	[ "$(rc history -o json 2>/dev/null | jq -r '.history[0].outcome')" = applied ]
	run rc rollout preview plan.yaml -e dev -r 1.0.0
	echo "$output" | tail -n 3
	[ "$status" -eq 0 ]
	[[ $output == *"1 target; nothing was changed"* ]]
	run rc rollout rollback "$(rc rollout list -o name 2>/dev/null | head -n 1)" --reason 'end of the test' --wait --timeout 120s
	[ "$status" -eq 0 ]
	[ "$(sqlite3 one.db "select count(*) from sqlite_master where name = 't'")" = 0 ]
}
