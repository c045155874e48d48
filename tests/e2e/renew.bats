#!/usr/bin/env bats
# An agent's certificate and keys are renewed by the agent itself: by the controller's key, by a person, behind a crash at any point, and not for whoever was shut out.

setup() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}
	: "${ROLLCALL_DEBUG_BIN:=$BATS_TEST_DIRNAME/../../build/debug/bin}"
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/../support/enrol.bash"
	fleet_new "$BATS_TEST_TMPDIR/fleet"
	cd "$F" || return 1
	fleet_lite eu-1 eu 'environment: dev' one
}

teardown() { fleet_down; }

short_lived() { # TIME: eu-1's first certificate; and it knows where to ask
	rm eu-1/eu-1.cert
	quietly rc trust certify eu-1/eu-1.request --key keys/enrol --trust trust.env --out eu-1/eu-1.cert --expires "$1"
	sed -i "s|^controller: {|controller: {enrol: \"$ENROL\", |" eu-1/agent.yaml
}

# Time goes by on both machines, without our waiting for it. Each life below leaves a busy machine room between the day from which its certificate is renewed (two thirds of it) and its end.
moved() {
	fleet_moved_controller
	fleet_moved_agents
	AHEAD=0
}

time_goes_by() { # SECONDS
	AHEAD=$((AHEAD + $1))
	fleet_move_clock $AHEAD controller-clock
	fleet_move_clock $((AHEAD + ${WRONG:-0}))
}

cell() { rc agents list -o json 2>/dev/null | jq -r --arg c "$1" '[.agents[] | select(.agent == "eu-1" and .state != "pending")][0][$c]'; }
serial() { cell serial; }

is_online_with_other_than() { [ "$(cell state)" = online ] && [ "$(serial)" != "$1" ]; }
uses_what_it_was_given() { [ "$("$ROLLCALL_BIN/rollcall-agent" status --config eu-1/agent.yaml -o json 2>/dev/null | jq -r '.certificate[0].certificate')" = "$(serial)" ]; }
one_is_left() { [ "$(find eu-1/data/keys -name certificate | wc -l)" -eq 1 ]; } # those before the present keys are removed
has_said() { grep -q "$1" eu-1.log; }
has_said_twice() { [ "$(grep -c "$1" eu-1.log)" -ge 2 ]; }
status_detail() { "$ROLLCALL_BIN/rollcall-agent" status --config eu-1/agent.yaml -o json 2>/dev/null | jq -r '.certificate[0].detail'; }

@test "an agent renews by itself, again and again, and work goes on" {
	enrolment keys/enrol
	echo 'certificate_lifetime: 60s' >>controller.yaml
	short_lived 60s
	moved
	fleet_up
	local first second
	first=$(serial)
	grep -q 'certificate good until .*; renewed by itself from' eu-1.log
	time_goes_by 47
	fleet_await 60 is_online_with_other_than "$first"
	second=$(serial)
	time_goes_by 26 # a third of a life it rests with new keys, whatever the clocks say
	cp -r "$BATS_TEST_DIRNAME/../data/projects/sqlite" shop 2>/dev/null || rc init shop --engine sqlite >/dev/null
	sed -i 's/^pipeline:.*/pipeline: [dev]/' shop/rollcall.yaml
	printf 'name: dev\nenvironments:\n  - name: dev\n    waves: [{name: all, selector: "environment=dev"}]\n' >shop/plans/dev.yaml
	fleet_release shop 1.0.0
	rc rollout start shop/plans/dev.yaml --environment dev --release 1.0.0 --wait # its report is signed by a key that eu-1 has made since
	fleet_await 60 is_online_with_other_than "$second"
	[ "$(grep -c 'new keys from here on' eu-1.log)" -ge 2 ]
	[ "$(stat -c %a eu-1/data/keys/*/report.key | sort -u)" = 600 ]
	fleet_await 60 one_is_left
	fleet_kill eu-1 TERM
	fleet_start_agent eu-1 # agent.yaml is as it was
	fleet_await 60 is_online_with_other_than "$second"
	rc audit export --format bundle --out all.audit >/dev/null
	rc audit verify all.audit --trust trust.env
}

@test "where a person signs, the renewal waits, and both sides say for whom" {
	enrolment
	short_lived 10m
	moved
	fleet_up
	local first seen
	first=$(serial)
	time_goes_by 480
	fleet_await 60 has_said 'it waits for a person at the centre'
	[ "$(cell state)" = online ] # with the present keys
	seen=$(status_detail)
	[[ "$seen" == "it waits for a person at the centre, who compares the fingerprint "*"rollcall agents approve eu-1 --key ENROL-KEY"* ]]
	seen=${seen##*--fingerprint }
	rc agents list -o json 2>/dev/null | jq -r '.agents[] | select(.state == "pending") | .detail' | grep -q 'asked for new keys at'
	fleet_kill eu-1 TERM
	fleet_start_agent eu-1 # the same request again
	fleet_await 60 has_said_twice 'it waits for a person'
	rc agents approve eu-1 --key keys/enrol --fingerprint "$seen"
	fleet_await 60 is_online_with_other_than "$first" # perhaps still with the keys before: both are good
	fleet_await 60 has_said 'new keys from here on'
	[ "$(grep -c 'new keys from here on' eu-1.log)" -eq 1 ]
	[ "$(status_detail)" = null ]
}

@test "an agent that was away when its certificate expired comes in again by a person's word, whatever key the controller has" {
	enrolment keys/enrol
	short_lived 10m
	moved
	fleet_up
	local first
	first=$(serial)
	fleet_kill eu-1 TERM
	time_goes_by 601
	run "$ROLLCALL_AGENT" check --config eu-1/agent.yaml
	[ "$status" -ne 0 ]
	[[ "$output" == *"the certificate expired at"*"rollcall-agent renew"* ]]
	fleet_start_agent eu-1
	fleet_await 60 has_said 'it waits for a person'
	[ "$(cell state)" = offline ]
	rc agents list -o json 2>/dev/null | jq -r '.agents[] | select(.state == "pending") | .detail' | grep -q 'its certificate has expired'
	rc agents approve eu-1 --key keys/enrol --fingerprint "$(status_detail | sed 's/.*--fingerprint //')"
	fleet_await 60 is_online_with_other_than "$first"
}

@test "who was revoked, or is held as cloned, gets no new keys" {
	enrolment keys/enrol
	short_lived 365d
	fleet_up
	rc agents revoke eu-1 --reason 'its machine was stolen' >/dev/null
	fleet_await 60 has_said 'refused this agent: revoked'
	run "$ROLLCALL_BIN/rollcall-agent" renew --config eu-1/agent.yaml --wait 60s
	[ "$status" -eq 6 ]
	[[ "$output" == *"new keys for eu-1: this agent was revoked"* ]]
	fleet_await 60 has_said 'the controller refused: new keys for eu-1: this agent was revoked' # the agent asks too, as its key is refused
	[ "$(rc agents list -o json 2>/dev/null | jq '[.agents[] | select(.state == "pending")] | length')" -eq 0 ]
}

@test "a clock that is wrong at the site decides nothing: the controller's counts" {
	enrolment keys/enrol
	echo 'certificate_lifetime: 60s' >>controller.yaml
	short_lived 60s
	moved
	WRONG=$((-400 * 86400)) && time_goes_by 0
	fleet_up
	local first
	first=$(serial)
	grep -Eq 'clock is (399|400) d behind the controller' eu-1.log
	time_goes_by 47
	fleet_await 60 is_online_with_other_than "$first"
	fleet_kill eu-1 TERM
	fleet_move_clock $((3650 * 86400)) # everything has expired, it seems
	first=$(serial)
	fleet_start_agent eu-1
	fleet_await 60 has_said 'clock is 36[45][09] d ahead of the controller'
	sleep 3
	[ "$(cell state)" = online ]
	[ "$(serial)" = "$first" ] # not due yet
}

@test "renewal is safe at every failpoint" {
	enrolment keys/enrol
	echo 'certificate_lifetime: 3h' >>controller.yaml
	short_lived 3h
	moved
	fleet_up
	local name before
	sed "s|\"[^\"]*/rollcall-agent\"|\"$ROLLCALL_DEBUG_BIN/rollcall-agent\"|" moved-agent >moved-debug-agent && chmod +x moved-debug-agent
	for name in $(sed -n '/failpoint_renewal_names\[\] = {/,/NULL}/p' "$BATS_TEST_DIRNAME/../../common/base/failpoint.c" | grep -o '"[^"]*"' | tr -d '"'); do
		before=$(serial)
		fleet_kill eu-1 TERM
		time_goes_by $((140 * 60))
		ROLLCALL_CRASH_AT=$name ROLLCALL_AGENT=$F/moved-debug-agent fleet_start_agent eu-1
		fleet_await 60 fleet_is_gone eu-1
		fleet_start_agent eu-1
		fleet_await 60 is_online_with_other_than "$before"
		fleet_await 60 uses_what_it_was_given
		echo "# $name" >&3
	done
	[ "$name" = renewal-taken ]
}

@test "the command makes new keys now, and the running agent takes them" {
	enrolment keys/enrol
	short_lived 365d
	fleet_up
	local first
	first=$(serial)
	run "$ROLLCALL_BIN/rollcall-agent" renew --config eu-1/agent.yaml --wait 60s
	[ "$status" -eq 0 ]
	[[ "$output" == *"agent eu-1 has new keys"* ]]
	fleet_await 60 is_online_with_other_than "$first"
	fleet_await 60 has_said 'new keys from here on'
	fleet_await 60 uses_what_it_was_given
	run "$ROLLCALL_BIN/rollcall-agent" renew --config eu-1/agent.yaml --wait 1s # twice within the hour: not without a person
	[ "$status" -ne 0 ]
	rc agents list -o json 2>/dev/null | jq -r '.agents[] | select(.state == "pending") | .detail' | grep -q 'it has had new keys a moment ago'
}

@test "a delivery that runs while the keys change goes on, and its report counts" {
	enrolment keys/enrol
	short_lived 365d
	sqlite3 one.db "CREATE TABLE big (id INTEGER PRIMARY KEY, note TEXT);
		WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 3000) INSERT INTO big (id) SELECT i FROM k;"
	mkdir -p shop/changes
	printf 'project: shop\nengines: [sqlite]\npipeline: [dev]\n' >shop/rollcall.yaml
	printf 'name: shop\nenvironments:\n  - {name: dev, waves: [{name: all}]}\n' >plan.yaml
	cat >shop/changes/1.sql <<-'EOF2'
		--liquibase formatted sql
		--changeset ann:fill batch:10 pause:40ms rollbackBatch:5000
		UPDATE big SET note = 'done' WHERE note IS NULL;
		--rollback UPDATE big SET note = NULL WHERE note = 'done';
	EOF2
	fleet_up
	local id filled
	fleet_release shop 1.0.0
	id=$(fleet_start plan.yaml dev 1.0.0)
	fleet_await 60 has_said 'attempt 1 begins'
	quietly "$ROLLCALL_BIN/rollcall-agent" renew --config eu-1/agent.yaml --wait 60s
	fleet_await 60 has_said 'new keys from here on'
	filled=$(sqlite3 -cmd '.timeout 5000' one.db "SELECT count(*) FROM big WHERE note = 'done'")
	[ "$filled" -lt 3000 ] # it is still at it, with the former key
	fleet_await 60 has_said 'eu/lite/one: applied'
	fleet_await 60 rc rollout status "$id" >/dev/null 2>&1
	[ "$(rc history --target eu/lite/one -o json 2>/dev/null | jq -r '.history[0].outcome')" = applied ]
	[ "$(grep -c 'the store was set back' controller.log)" -eq 0 ]
	[ "$(grep -c 'attempt . begins' eu-1.log)" -eq 1 ]
	[ "$(grep -c 'is refused' controller.log)" -eq 0 ]
	rc audit export --format bundle --out all.audit >/dev/null
	rc audit verify all.audit --trust trust.env
}
