#!/usr/bin/env bats
# Targets whose server wants TLS, with a certificate of its own authority: several logins side by side are checked like one, and an authority that is not the server's is refused.

setup() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin} SERVER_OWNER=$$
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	fleet_new "$BATS_TEST_TMPDIR/fleet"
	cd "$F" || return 1
	S=$(server_start postgresql password)
	authority right
	server_as postgresql tee "$S/data/server.crt" <right.crt >/dev/null
	server_as postgresql sh -c "umask 077 && cat >'$S/data/server.key'" <right.key
	server_sql "$S" '' 'ALTER SYSTEM SET ssl = on'
	server_sql "$S" '' 'ALTER SYSTEM SET log_connections = on'
	server_sql "$S" '' 'SELECT pg_reload_conf()'
	# shellcheck disable=SC2317 # by fleet_await
	speaks_tls() { server_sql "$S" '' 'SHOW ssl' | grep -q on; }
	fleet_await 60 speaks_tls
	server_get "$S" password >db.password
	chmod 600 db.password
}

teardown() {
	fleet_down
	servers_stop_all
}

authority() { # NAME: it signs its own certificate
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout "$1.key" -out "$1.crt" 2>/dev/null
}

agent_for() { # NUMBER AUTHORITY: an agent with so many targets, each of which must be shown this authority's word
	local i
	for i in $(seq "$1"); do
		server_create "$S" "shop$i"
		echo "  - {id: eu/pg1/shop$i, dsn: \"$(server_dsn "$S" "shop$i")?sslmode=verify-full&sslrootcert=$F/$2.crt\", password: {file: $F/db.password}, labels: {environment: dev}}"
	done | fleet_agent eu-1 eu 'eu/*'
}

@test "eight deliveries at once log in by TLS and check the server's certificate" {
	agent_for 8 right
	fleet_up
	mkdir -p shop/changes
	printf 'project: shop\nengines: [postgresql]\npipeline: [dev]\n' >shop/rollcall.yaml
	printf 'name: shop\nenvironments:\n  - {name: dev, waves: [{name: all, max_parallel: 8}]}\n' >plan.yaml
	printf -- '--liquibase formatted sql\n--changeset ann:one\nCREATE TABLE t (id bigint PRIMARY KEY);\n--rollback DROP TABLE t;\n' >shop/changes/1.sql
	fleet_release shop 1.0
	id=$(fleet_start plan.yaml dev 1.0)
	rc rollout watch "$id" --plain --timeout 60s | grep 'wave all  passed  8 of 8 applied'
	for i in $(seq 8); do
		[ "$(server_sql "$S" "shop$i" "SELECT to_regclass('t')")" = t ]
		grep "connection authorized: user=rollcall database=shop$i " "$S/log" | grep -q 'SSL enabled'
	done
	[ "$(grep 'connection authorized: user=rollcall ' "$S/log" | grep -vc 'SSL enabled')" -eq 0 ]
}

@test "a server whose certificate another authority signed is refused, and told what to do" {
	authority wrong
	agent_for 1 wrong
	run "$ROLLCALL_BIN/rollcall-agent" check --config eu-1/agent.yaml --connect
	[ "$status" -ne 0 ]
	grep -F "certificate verify failed: name the file of the authority that signed the server's certificate (sslrootcert in the target's dsn)" <<<"$output"
	[ "$(grep -c 'connection authorized: user=rollcall ' "$S/log")" -eq 0 ]
}
