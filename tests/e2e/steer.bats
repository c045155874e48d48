#!/usr/bin/env bats
# Rollouts that are steered: a site that is away is deferred and follows, probes hold the gate on every engine, freezes, quarantine and skips, a start at a set time, and
# tenants that come later. Two sites under one controller; one fleet for the file.

setup_file() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin} SERVER_OWNER=$$
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	servers_both trust password near tenant_a || return 1
	fleet_new "$BATS_FILE_TMPDIR/fleet" || return 1
	server_get "$MY" password >"$F/mariadb.password" && chmod 600 "$F/mariadb.password"
	touch "$F"/{near,far,new}.shop
	fleet_agent near-1 near 'near/*' <<-EOF || return 1
		  - {id: near/lite/shop, dsn: "sqlite:$F/near.shop", labels: {environment: dev, ring: canary}}
		  - {id: near/my/shop, dsn: "$(server_dsn "$MY" near)", password: {file: $F/mariadb.password}, labels: {environment: dev, ring: canary}}
		  - {id: near/pg/shop, dsn: "$(server_dsn "$PG" near)", labels: {environment: dev, ring: canary}}
	EOF
	fleet_agent far-1 far 'far/*' <<-EOF || return 1
		  - {id: far/lite/shop, dsn: "sqlite:$F/far.shop", labels: {environment: dev, ring: late}}
	EOF
	mkdir "$F/tenants" && touch "$F"/tenants/t-{a,template}.db
	server_sql "$PG" near 'CREATE SCHEMA s_a' && server_sql "$PG" near 'GRANT ALL ON SCHEMA s_a TO PUBLIC' || return 1
	fleet_agent finds-1 finds 'finds/*' <<-EOF || return 1
		  - {id: "finds/pg/{database}", dsn: "$(server_dsn "$PG" '{database}')", discover: "tenant_*", labels: {environment: qa}}
		  - {id: "finds/my/{database}", dsn: "$(server_dsn "$MY" '{database}')", discover: "tenant_*", password: {file: $F/mariadb.password}, labels: {environment: qa}}
		  - {id: "finds/pg/near/{schema}", dsn: "$(server_dsn "$PG" near)", schema: "{schema}", discover: "s_*", labels: {environment: qa}}
		  - {id: "finds/lite/{database}", dsn: "sqlite:$F/tenants/{database}.db", discover: "t-*", except: "*template", labels: {environment: qa}}
	EOF
	echo "look_every: 1s" >>"$F/finds-1/agent.yaml"
	fleet_up || return 1
	quietly rc init "$F/shop" || return 1
	sed -i 's/^pipeline:.*/pipeline: [dev, production]/' "$F/shop/rollcall.yaml"
}

teardown_file() {
	fleet_down
	servers_stop_all
}

setup() {
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	cd "$F" || return 1
}

# write_plan "keys of wave canary" "keys of wave rest": one line each, in YAML's braces
write_plan() {
	printf 'name: shop\nenvironments:\n  - name: dev\n    waves:\n      - {name: canary, selector: ring=canary, %s}\n      - {name: rest, %s}\n' "$1" "$2" >plan.yaml
}

# begin VERSION [options]: builds and starts it over dev; its id in $id
begin() {
	fleet_release shop "$1" || return 1
	id=$(rc rollout start plan.yaml -e dev -r "$1" "${@:2}" -o json 2>start.err | jq -r '.rollouts[0].rollout')
	[ -n "$id" ] || { cat start.err >&2; return 1; }
}

rollout_is() { # STATE
	fleet_await 60 fleet_rollout_is "$id" "$1" || { rc rollout status "$id" >&2; return 1; }
}

cell() { # TABLE KEY NAME COLUMN
	rc rollout status "$id" -o json 2>/dev/null | jq -r --arg k "$2" --arg n "$3" --arg c "$4" ".$1[] | select(.[\$k] == \$n) | .[\$c]"
}

has() {
	[[ "$(tr '\n' ' ' <<<"$output" | tr -s ' ')" == *"$1"* ]] || { printf 'not in the output: %s\n' "$1" "$output" >&2; return 1; }
}

@test "a site that is away holds nobody up, and follows when it is back" {
	fleet_kill far-1
	cat >plan.yaml <<-'EOF'
		name: shop
		environments:
		  - name: dev
		    waves:
		      - {name: all, unreachable: defer, defer_after: 500ms}
	EOF
	begin 1.0.0
	rollout_is catching-up
	[ "$(cell targets target far/lite/shop state)" = deferred ]
	[ "$(cell waves wave all state)" = passed ]
	[ "$(cell waves wave all detail)" = "1 deferred" ]
	[ "$(sqlite3 near.shop 'select count(*) from customers')" = 3 ]
	run rc rollout status "$id"
	[ "$status" -eq 0 ]
	has "catching-up: every wave passed; 1 deferred target may follow until"
	fleet_start_agent far-1
	run rc rollout watch "$id" --plain --timeout 60s
	[ "$status" -eq 0 ]
	[ "$(cell targets target far/lite/shop state)" = applied ]
	[ "$(sqlite3 far.shop 'select count(*) from customers')" = 3 ]
}

@test "the inventory knows each server's version and size, and who cannot be reached" {
	all_are_known() {
		rc targets list -o json >targets.json 2>/dev/null
		[ "$(jq '[.targets[] | select(.looked != null and .looked != "")] | length' targets.json)" -ge 8 ]
	}
	fleet_await 60 all_are_known
	[[ "$(jq -r '.targets[] | select(.target == "near/pg/shop") | .version' targets.json)" == 15* ]]
	[[ "$(jq -r '.targets[] | select(.target == "near/my/shop") | .version' targets.json)" == 10.11* ]]
	[[ "$(jq -r '.targets[] | select(.target == "far/lite/shop") | .size' targets.json)" == *MB ]]
	[ "$(jq -r '[.targets[] | .state] | unique[]' targets.json)" = online ]
	write_plan 'max_parallel: 3, count: 1' 'max_parallel: 3'
	fleet_release shop 1.0.5
	run rc rollout preview plan.yaml -e dev -r 1.0.5
	has "the first wave (canary) has 2 targets more than its size, so that it has one of each engine and major version"
	run rc rollout start plan.yaml -e dev -r 1.0.5 --wait
	[ "$status" -eq 0 ]
	has "the first wave (canary) has 2 targets more than its size"
	sed -i 's/selector: ring=canary/selector: ring=late/' plan.yaml
	fleet_release shop 1.0.6
	run rc rollout start plan.yaml -e dev -r 1.0.6 --wait
	[ "$status" -eq 0 ]
	has "WARNING: no mariadb 10.11, postgresql 15 is in the first wave (canary), so nothing proves the release there first: let its selector take one"
}

finds() { fleet_await 60 has_found "$1"; } # TARGETS

has_found() { [ "$(found)" = "$1" ]; }

found() { rc targets list -l site=finds -o name 2>/dev/null | paste -sd ' '; }

@test "tenants appear by themselves, on PostgreSQL, MariaDB and SQLite, and as schemas" {
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	finds "finds/lite/t-a finds/my/tenant_a finds/pg/near/s_a finds/pg/tenant_a"
	server_create "$PG" tenant_b
	server_create "$MY" tenant_b
	server_sql "$PG" near 'CREATE SCHEMA s_b'
	touch tenants/t-b.db
	finds "finds/lite/t-a finds/lite/t-b finds/my/tenant_a finds/my/tenant_b finds/pg/near/s_a finds/pg/near/s_b finds/pg/tenant_a finds/pg/tenant_b"
	rm tenants/t-a.db
	finds "finds/lite/t-b finds/my/tenant_a finds/my/tenant_b finds/pg/near/s_a finds/pg/near/s_b finds/pg/tenant_a finds/pg/tenant_b"
}

@test "probes hold the gate on PostgreSQL, MariaDB and SQLite" {
	write_plan 'probes: [{name: customers, sql: "SELECT count(*) FROM customers", expect: ">= 3"}]' 'max_parallel: 1'
	begin 1.1.0 --wait
	rollout_is succeeded
	write_plan 'probes: [{name: orders, engine: mariadb, sql: "SELECT count(*) FROM orders", expect: "= 0"}]' 'max_parallel: 1'
	begin 1.2.0
	rollout_is halted
	[ "$(cell waves wave canary detail)" = "probe orders: near/my/shop gives '3', expected '= 0'" ]
	[ "$(cell targets target far/lite/shop state)" = pending ]
	run rc history --rollout "$id"
	rc rollout abort "$id" --reason 'end of the test' || [ $? -eq 1 ]
	rollout_is aborted
}

@test "a probe may look, and not touch" {
	# shellcheck disable=SC2016 # the server's dollar quotes
	write_plan 'probes: [{name: nextval, engine: postgresql, sql: "SELECT setval(pg_get_serial_sequence($$probe_ids$$, $$id$$), 42)", expect: "42"}]' 'max_parallel: 1'
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	server_sql "$PG" near 'CREATE TABLE probe_ids (id serial); GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO public'
	begin 1.3.0
	rollout_is halted
	[[ "$(cell waves wave canary detail)" == "probe nextval: near/pg/shop gives no value: "*"cannot execute setval() in a read-only transaction"* ]]
	rc rollout abort "$id" --reason 'end of the test' || [ $? -eq 1 ]
	rollout_is aborted
}

far_is() { [ "$(cell targets target far/lite/shop state)" = "$1" ]; }

@test "an abort does not wait for what an agent went away with, and takes its word when it is back" {
	write_plan 'max_parallel: 3' 'max_parallel: 1'
	fleet_hold_file far.shop
	begin 1.3.5
	fleet_await 60 far_is waiting-lock
	fleet_kill far-1 TERM
	run rc rollout abort "$id" --reason 'its host died'
	[ "$status" -eq 0 ]
	fleet_await 60 fleet_rollout_is "$id" aborted
	far_is unknown
	[[ "$(cell targets target far/lite/shop detail)" == "whether it is applied is not known: agent far-1 is away since "* ]]
	run rc rollout status "$id"
	[ "$status" -eq 5 ]
	fleet_let_go
	fleet_start_agent far-1
	fleet_await 60 far_is applied
	rollout_is aborted
	rc rollout rollback "$id" --reason 'end of the test' --wait
	far_is applied # as it was then; its rollback is a rollout of its own
	[ "$(rc rollout list -o json 2>/dev/null | jq -r '.rollouts[0] | .direction + " " + .state')" = "rollback succeeded" ]
}

@test "a freeze holds what is new until it is lifted" {
	write_plan 'max_parallel: 3' 'max_parallel: 1'
	run rc freeze add -l ring=late --until 2999-01-01 --reason 'year-end closing'
	[ "$status" -eq 0 ]
	freeze=$(rc freeze list -o name 2>/dev/null)
	begin 1.4.0
	fleet_await 60 far_is held
	[ "$(cell targets target far/lite/shop detail)" = "freeze $freeze until 2999-01-01T00:00:00Z: year-end closing" ]
	run rc freeze remove "$freeze"
	[ "$status" -eq 0 ]
	rollout_is succeeded
}

@test "a target in quarantine is left out, and catches up when it is free" {
	write_plan 'max_parallel: 3' 'max_parallel: 1'
	rc targets quarantine far/lite/shop --reason 'restore under way'
	run rc targets list -l id=far/lite/shop -o json
	[[ "$output" == *'"quarantine"'* ]]
	fleet_release shop 1.5.0
	run rc rollout start plan.yaml -e dev -r 1.5.0 --wait
	[ "$status" -eq 0 ]
	has "1 is left out: in quarantine"
	rc targets unquarantine far/lite/shop
	run rc rollout catch-up plan.yaml -e dev --wait --reason 'restored'
	[ "$status" -eq 0 ]
	has "dev apply 1"
	run rc rollout catch-up plan.yaml -e dev
	[ "$status" -eq 0 ]
	has "every free target of dev has release 1.5.0: there is nothing to catch up"
}

@test "a start at a set time, and a target that is skipped while it waits" {
	write_plan 'max_parallel: 3' 'max_parallel: 1'
	fleet_release shop 1.6.0 # before the time is told, which passes while that is built
	id=$(rc rollout start plan.yaml -e dev -r 1.6.0 --start-at "$(date -u -d '+10 seconds' +%Y-%m-%dT%H:%M:%SZ)" -o json 2>/dev/null | jq -r '.rollouts[0].rollout')
	run rc rollout status "$id"
	has "scheduled: nothing starts before"
	run rc rollout skip "$id" far/lite/shop --reason 'tenant leaves'
	[ "$status" -eq 0 ]
	rollout_is succeeded
	[ "$(cell targets target far/lite/shop state)" = skipped ]
	[ "$(cell targets target far/lite/shop detail)" = "skipped by operator olga: tenant leaves" ]
}

@test "a tenant that comes later gets an order by itself, and what it lacks" {
	cat >plan.yaml <<-'EOF'
		name: shop
		environments:
		  - name: dev
		    catch_up: automatic
		    waves:
		      - {name: all}
	EOF
	begin 1.7.0 --wait
	rollout_is succeeded
	fleet_kill far-1 TERM
	printf '  - {id: far/lite/new, dsn: "sqlite:%s", labels: {environment: dev, ring: late}}\n' "$F/new.shop" >>far-1/agent.yaml
	fleet_start_agent far-1
	another_has_begun() { [ "$(rc rollout list -o json 2>/dev/null | jq -r '.rollouts[0].rollout')" != "$id" ]; }
	fleet_await 90 another_has_begun
	id=$(rc rollout list -o name 2>/dev/null | head -n 1)
	rollout_is succeeded
	[ "$(cell targets target far/lite/new state)" = applied ]
	[ "$(sqlite3 new.shop 'select count(*) from customers')" = 3 ]
}
