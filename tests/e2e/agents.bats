#!/usr/bin/env bats
# Who is an agent here: enrolled, revoked on a live session, cloned.

setup() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/../support/enrol.bash"
	fleet_new "$BATS_TEST_TMPDIR/fleet"
	cd "$F" || return 1
	fleet_lite eu-1 eu 'environment: dev' one
}

teardown() { fleet_down; }

begin_enroll() { # NAME: in the background; $seen is the fingerprint that the site sees
	enroll "$1" --wait 60s >"$1.out" 2>&1 3>&- &
	echo $! >"$1-enroll.pid"
	says 'asked; waiting' "$1.out"
	seen=$(sed -n 's/.*fingerprint \([0-9a-f-]*\)$/\1/p' "$1.out")
}

settle() { # NAME: its agent.yaml, and the agent started
	touch "$1.db"
	cat >"$1/agent.yaml" <<-EOF2
		name: $1
		site: us
		data_dir: data
		controller: {endpoint: "$FLEET_CONTROL", blobs: "$FLEET_BLOBS", keys: ["$(cat keys/controller.curve.pub)"]}
		keys: {curve: curve.key, report: report.key}
		trust: ../trust.env
		certificate: $1.cert
		targets:
		  - {id: us/lite/$1, dsn: "sqlite:$F/$1.db", labels: {environment: dev}}
	EOF2
	fleet_start_agent "$1"
}

agent_state() { rc agents list -o json 2>/dev/null | jq -r --arg a "$1" '.agents[] | select(.agent == $a) | .state'; }

agent_is() { [ "$(agent_state "$1")" = "$2" ]; }
await_agent() { fleet_await 60 agent_is "$1" "$2"; } # NAME STATE
says() { fleet_await 60 grep -q "$1" "${2:-eu-1.log}"; } # TEXT [FILE]

@test "a revoked agent is cut off its live session, stays out, and its name is used up" {
	fleet_up
	run rc agents revoke eu-1 --reason 'its machine was stolen'
	[ "$status" -eq 0 ]
	[[ "$output" == *"agent eu-1 is revoked"* ]]
	await_agent eu-1 revoked
	says 'it refused this agent: revoked: this key is not admitted any more'
	fleet_kill eu-1 TERM
	fleet_start_agent eu-1 # its key is not even let into the handshake any more
	says 'it refused our key'
	run rc agents admit eu-1/eu-1.cert
	[ "$status" -eq 6 ]
	[[ "$output" == *"its name stays used up"* ]]
	fleet_kill controller
	fleet_start_controller
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
	fleet_await 130 agent_is eu-1 online # it asks less and less often while it is refused
}

@test "an agent enrols over the wire: invited, asked, compared, approved, online" {
	enrolment
	fleet_up
	invite us-1
	[ "$(stat -c %a us-1.token)" = 600 ]
	begin_enroll us-1
	[ "$(agent_state us-1)" = pending ]
	run rc agents approve us-1 --key keys/enrol --fingerprint 0000-0000-0000-0000-0000-0000-0000-0000
	[ "$status" -eq 6 ]
	[[ "$output" == *"the fingerprints differ"* ]]
	run rc agents approve us-1 --key keys/stranger --fingerprint "$seen"
	[ "$status" -eq 6 ]
	run rc agents approve us-1 --key keys/enrol --fingerprint "$seen"
	[ "$status" -eq 0 ]
	[[ "$output" == *"agent us-1 is enrolled"* ]]
	wait "$(cat us-1-enroll.pid)"
	rm us-1-enroll.pid
	[ -s us-1/us-1.cert ]
	settle us-1
	await_agent us-1 online
}

@test "a token is good once, for its name, until it expires" {
	enrolment keys/enrol
	fleet_up
	invite us-1
	run enroll us-1 --wait 60s # nobody types anything: the controller has the key
	[ "$status" -eq 0 ]
	settle us-1
	await_agent us-1 online
	cp us-1.token stolen.token
	run enroll stolen --wait 60s
	[ "$status" -eq 6 ]
	[[ "$output" == *"there is an agent us-1 already"* ]]
	run enroll us-1 --wait 60s # whose answer was lost asks again, with the same keys
	[ "$status" -eq 0 ]
	invite us-2 --expires 1s
	sleep 1.1
	run enroll us-2 --wait 60s
	[ "$status" -eq 6 ]
	[[ "$output" == *"it expired at"* ]]
	run invite us-3 --expires 31m
	[ "$status" -ne 0 ]
	[[ "$output" == *"a token lasts 30m at most"* ]]
	run rc agents invite us-4 --site us --targets 'us/*' --endpoint "$ENROL" --controller-key keys/controller.curve.pub --key keys/stranger
	run "$ROLLCALL_BIN/rollcall-agent" enroll --token us-4.token --trust trust.env --dir us-4 --wait 60s
	[ "$status" -eq 6 ]
	[[ "$output" == *"0 of 1 signatures (enrol)"* ]]
}

@test "a session of the old keys is cut off when the overlap ends, and its keys open nothing any more" {
	enrolment keys/enrol
	fleet_moved_controller
	fleet_up
	cp -r eu-1 other # so that the running agent does not see its new keys
	run "$ROLLCALL_BIN/rollcall-agent" renew --config other/agent.yaml --endpoint "$ENROL" --wait 60s
	[ "$status" -eq 0 ]
	await_agent eu-1 online # with the old keys
	fleet_move_clock $((7 * 86400 - 60)) controller-clock
	sleep 1
	rc status >/dev/null 2>&1 # the controller has looked at its clock
	[ "$(agent_state eu-1)" = online ]
	[ "$(grep -c 'refused this agent: expired' eu-1.log)" -eq 0 ]
	fleet_move_clock $((7 * 86400 + 60)) controller-clock
	says 'it refused this agent: expired: the certificate of this session was replaced'
	await_agent eu-1 offline
	fleet_kill eu-1 TERM
	fleet_start_agent eu-1 # nor are its keys let into a handshake
	says 'it refused our key'
	fleet_kill eu-1 TERM
	cp -r other/data/keys eu-1/data/
	fleet_start_agent eu-1
	await_agent eu-1 online
}
