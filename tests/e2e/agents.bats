#!/usr/bin/env bats
# Who is an agent here: enrolled, revoked on a live session, cloned.

setup() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	fleet_new "$BATS_TEST_TMPDIR/fleet"
	cd "$F" || return 1
	touch one.db
	fleet_agent eu-1 eu 'eu/*' <<-EOF2
		  - {id: eu/lite/one, dsn: "sqlite:$F/one.db", labels: {environment: dev}}
	EOF2
}

teardown() { fleet_down; }

agent_state() { rc agents list -o json 2>/dev/null | jq -r --arg a "$1" '.agents[] | select(.agent == $a) | .state'; }

await_agent() { # NAME STATE
	local i
	for i in $(seq 200); do
		[ "$(agent_state "$1")" = "$2" ] && return 0
		sleep 0.05
	done
	echo "$1 is $(agent_state "$1"), not $2" >&2
	tail -n 5 "$F"/*.log >&2
	return 1
}

@test "a revoked agent is cut off its live session, stays out, and its name is used up" {
	fleet_up
	run rc agents revoke eu-1 --reason 'its machine was stolen'
	[ "$status" -eq 0 ]
	[[ "$output" == *"agent eu-1 is revoked"* ]]
	await_agent eu-1 revoked
	local i
	for i in $(seq 100); do grep -q 'refused this agent: revoked' eu-1.log && break; sleep 0.05; done
	grep -q 'it refused this agent: revoked: this key is not admitted any more' eu-1.log
	fleet_kill eu-1 TERM
	fleet_start_agent eu-1 # its key is not even let into the handshake any more
	for i in $(seq 100); do grep -q 'it refused our key' eu-1.log && break; sleep 0.05; done
	grep -q 'it refused our key' eu-1.log
	run rc agents admit eu-1/eu-1.cert
	[ "$status" -eq 6 ]
	[[ "$output" == *"its name stays used up"* ]]
	fleet_kill controller
	fleet_start_controller
	for i in $(seq 100); do [ "$(agent_state eu-1)" = revoked ] && break; sleep 0.05; done
	await_agent eu-1 revoked
}

@test "an agent whose files were copied is held, with an alarm, until somebody has looked" {
	fleet_up
	fleet_kill eu-1 TERM
	cp -a eu-1 copy
	fleet_start_agent eu-1
	await_agent eu-1 online
	"$ROLLCALL_BIN/rollcall-agent" run --config copy/agent.yaml >>copy.log 2>&1 3>&- &
	echo $! >copy.pid
	await_agent eu-1 held
	run rc agents list
	[[ "$(tr '\n' ' ' <<<"$output" | tr -s ' ')" == *"ALARM since"*"rollcall agents approve eu-1"* ]]
	fleet_kill copy TERM
	sleep 2
	await_agent eu-1 held # not by itself
	rc agents approve eu-1 >/dev/null
	for i in $(seq 300); do [ "$(agent_state eu-1)" = online ] && break; sleep 0.1; done
	await_agent eu-1 online
}
