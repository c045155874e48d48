#!/usr/bin/env bats
# The other direction: an enrolled agent, an operator's key, a stranger or whoever can write the store turns against the honest controller. The fleet has eu-1, which is served all the
# while, and us-1, which the attacker took over: he has all of its keys. The numbers are those of the list of attacks (README, Trust).
bats_require_minimum_version 1.5.0

setup_file() {
	: "${ROLLCALL_BIN:=${ROLLCALL_DEBUG_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}}"
	export ROLLCALL_BIN F FLEET_CONTROL FLEET_BLOBS ROLLCALL_CONFIG ENROL FLEET_FRESH="1s 60s"
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/../support/enrol.bash"
	fleet_new "$BATS_FILE_TMPDIR/fleet" || return 1
	cd "$F" || return 1
	enrolment keys/enrol
	local site
	for site in eu us; do
		touch "$site.db"
		fleet_agent $site-1 $site "$site/*" <<<"  - {id: $site/lite/shop, dsn: \"sqlite:$F/$site.db\", labels: {environment: production}}" || return 1
	done
	fleet_up || return 1
	quietly rc init shop || return 1
	sed -i 's/^pipeline:.*/pipeline: [production]/' shop/rollcall.yaml
	printf 'name: shop\nenvironments:\n  - name: production\n    waves: [{name: all}]\n' >plan.yaml
	fleet_release shop 1.0.0 && ROLLOUT=$(fleet_start plan.yaml production 1.0.0) || return 1
	fleet_approve "$ROLLOUT" 2 >/dev/null && quietly rc rollout watch "$ROLLOUT" --timeout 60s || return 1
	echo "$ROLLOUT" >rollout
	fleet_kill us-1 TERM # from here on us-1 is the attacker
	sqlite3 controller/store.db "SELECT writefile('us.report', envelope) FROM report WHERE agent = 'us-1' ORDER BY seq DESC LIMIT 1" >/dev/null
	sqlite3 controller/store.db "SELECT max(seq) FROM report WHERE agent = 'us-1'" >us.seq
}

teardown_file() { fleet_down; }

setup() {
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/../support/enrol.bash"
	. "$BATS_TEST_DIRNAME/stolen.bash"
	cd "$F" || return 1
}

# The next session counter of us-1, which grows for ever.
counter() {
	local n
	n=$(($(cat counter 2>/dev/null || echo 1000) + 200))
	echo "$n" | tee counter
}

# intrude OPTION|ACTION...: with us-1's keys, unless another --key is given
intrude() {
	"$ATTACK_BIN/intruder" --key us-1/curve.key --report-key us-1/report.key --cert us-1/us-1.cert --server keys/controller.curve.pub --control "$FLEET_CONTROL" \
		--blobs "$FLEET_BLOBS" --enrol "$ENROL" "$@" 2>&1
}

answers() { # PATTERN COMMAND...: what comes back, as one line
	local pattern=$1
	shift
	said=$("$@" | tr '\n' ' ') || true
	grep -qE -- "$pattern" <<<"$said" || { echo "wanted $pattern, got: $said"; return 1; }
}

agent_is() { [ "$(agent_state "$1")" = "$2" ]; }
agent_state() { rc agents list -o json 2>/dev/null | jq -r --arg a "$1" '.agents[] | select(.agent == $a) | .state'; }

# The honest agent's session is the one that it had.
eu_untouched() { [ "$(agent_state eu-1)" = online ] && [ "$(grep -c 'agent eu-1 is gone' controller.log)" -eq "${1:-0}" ]; }
eu_gone() { grep -c 'agent eu-1 is gone' controller.log || true; }

controller_answers() { rc ping >/dev/null 2>&1; }

restart_controller() { # with another store
	fleet_kill controller TERM
	cp "$1" controller/store.db
	fleet_start_controller
	fleet_await 60 controller_answers
}

@test "ATK-23: an enrolled agent that says it is another" {
	local gone
	gone=$(eu_gone)
	answers "^no answer" intrude --patience 2 --routing eu-1 hello us-1 "$(counter)"
	told ATK-23 "the other's name as routing id" "dropped, the other's session untouched"
	answers "DENY identity: this key belongs to another agent name" intrude hello eu-1 "$(counter)"
	told ATK-23 "the other's name in HELLO" "denied, the other's session untouched"
	answers "DENY .*the certificate is of agent eu-1, HELLO says us-1" intrude --cert eu-1/eu-1.cert hello us-1 "$(counter)"
	told ATK-23 "the other's certificate" "denied, the other's session untouched"
	quietly rc keys new keys/other --no-passphrase --owner other
	answers "DENY .*not signed by the report key of its certificate" intrude --report-key keys/other hello us-1 "$(counter)"
	told ATK-23 "its own certificate without the report key" "denied"
	eu_untouched "$gone"
}

# What is shown of the rollout, but for how long it has been so.
shown() { rc rollout status "$(cat rollout)" -o json 2>/dev/null | jq 'del(.. | ."state-seconds"?)'; }

@test "ATK-24 and ATK-29: reports that are forged, replayed, or about the targets of others" {
	local seq
	seq=$(($(cat us.seq) + 1))
	shown >before.json
	forge report us.report target=eu/lite/shop seq=$seq outcome=failed after=us.report >other.payload && forge wrap report other.payload us-1/report.key >other.report
	forge report us.report agent=eu-1 seq=$((seq + 1)) after=other.report >named.payload && forge wrap report named.payload us-1/report.key >named.report
	forge report us.report seq=$((seq + 1)) outcome=failed after=other.report >forged.payload && forge wrap report forged.payload keys/stranger >forged.report
	# It has lost its journal, it says: so that its count begins anew and every number is free.
	forge report us.report target=eu/lite/shop seq=1 outcome=failed >other.payload && forge wrap report other.payload us-1/report.key >other.report
	forge report us.report agent=eu-1 seq=2 after=other.report >named.payload && forge wrap report named.payload us-1/report.key >named.report
	forge report us.report seq=2 outcome=failed after=other.report >forged.payload && forge wrap report forged.payload keys/stranger >forged.report
	answers "^WELCOME REPORT_ACK 1 REPORT_ACK 1 REPORT_ACK 1 REPORT_ACK 1 " intrude hello us-1 "$(counter)" report other.report 1 report named.report 2 report forged.report 2 report other.report 1
	shown >after.json
	diff before.json after.json
	grep -q "report 1 on eu/lite/shop changes nothing: its certificate does not cover this target" controller.log
	told ATK-24 "a signed report about another agent's target" "kept as evidence, moves no state"
	grep -q "agent us-1: report 2 is refused: it says agent eu-1, number 2, but came from us-1" controller.log
	told ATK-24 "a report that names the other agent" "refused, not stored"
	grep -q "agent us-1: report 2 is refused: not signed by the report key of the agent's certificate" controller.log
	told ATK-29 "a report that a stranger signed" "refused, not stored"
	[ "$(sqlite3 controller/store.db "SELECT count(*) FROM report WHERE agent = 'us-1' AND journal = 2")" -eq 1 ]
	told ATK-29 "the same report again" "acknowledged, stored once"
}

@test "ATK-25: a key that nobody admitted" {
	quietly rc keys curve keys/nobody.curve
	answers "^no answer" intrude --patience 2 --key keys/nobody.curve hello us-1 "$(counter)"
	told ATK-25 "a CURVE key that is not known" "refused in the handshake; without its ZAP handler a socket admits nobody (unit/both/link_test)"
}

@test "ATK-26: enrolment tokens" {
	invite ap-1
	quietly enroll ap-1 --wait 60s
	cp ap-1.token again.token
	run enroll again --wait 60s
	[ "$status" -eq 6 ] && [[ $output == *"there is an agent ap-1 already"* ]]
	told ATK-26 "a token used again, with other keys" "denied"
	invite ap-2 --expires 1s
	sleep 1.1
	run enroll ap-2 --wait 60s
	[ "$status" -eq 6 ] && [[ $output == *"it expired at"* ]]
	told ATK-26 "a token that has expired" "denied"
	quietly rc agents invite ap-3 --site us --targets 'us/*' --endpoint "$ENROL" --controller-key keys/controller.curve.pub --key keys/stranger --out ap-3.token
	run enroll ap-3 --wait 60s
	[ "$status" -eq 6 ] && [[ $output == *"0 of 1 signatures (enrol)"* ]]
	told ATK-26 "a token that a stranger signed" "denied"
	invite ap-4
	quietly "$ROLLCALL_BIN/rollcall-agent" init --name ap-4 --site us --dir ap-4
	answers "^DENY .*CURVE key" intrude --report-key ap-4/report.key enrol ap-4.token ap-4/ap-4.request
	told ATK-26 "a request for another CURVE key than the connection's" "denied"
	quietly "$ROLLCALL_BIN/rollcall-agent" init --name ap-5 --site ap --dir ap-5
	answers "^DENY " intrude --key ap-5/curve.key --report-key ap-5/report.key enrol ap-4.token ap-5/ap-5.request
	told ATK-26 "a token for another name and site" "denied"
	quietly "$ROLLCALL_BIN/rollcall-agent" init --name eu-1 --site eu --dir ap-6
	answers "^DENY .*not signed by its present report key" intrude --key ap-6/curve.key --report-key ap-6/report.key renew us-1/report.key ap-6/eu-1.request
	told ATK-26 "new keys of another agent, which an enrolled one vouches for" "denied"
	quietly "$ROLLCALL_BIN/rollcall-agent" init --name us-1 --site us --target 'us/*' --dir ap-7
	echo 'target: eu/*' >>ap-7/us-1.request # which the program itself would not write
	answers "^DENY .*targets eu/.* are not in its present certificate" intrude --key ap-7/curve.key --report-key ap-7/report.key renew us-1/report.key ap-7/us-1.request
	told ATK-26 "new keys for more targets than the certificate has" "denied"
	eu_untouched
}

@test "ATK-27: every type of message on every socket in every state" {
	answers "walk: [0-9]+ cells, [0-9]+ taken, 0 wrong" intrude walk us-1 "$(counter)" keys/operator.curve
	told ATK-27 "${said#*walk: }" "only the cells of the table are accepted"
}

# Who parses what comes from outside: the controller itself, or its gateway.
front() { pgrep -P "$(cat controller.pid)" -f ' gateway ' || cat controller.pid; }

peak() { awk '/VmHWM/ { print int($2 / 1024) }' "/proc/$1/status"; } # PID: in MB, as long as it lives

# All are answered, and more than half within 2 s: what else a busy machine does keeps some of them waiting, an attack that got through the most. How many, and the middle one's time, into pings.
pings_while_attacked() {
	local start middle
	: >ping.ms
	while [ -n "$(jobs -rp)" ]; do
		start=${EPOCHREALTIME/./}
		timeout 20 "$ROLLCALL_BIN/rollcall" ping >/dev/null 2>&1 || { wait; return 1; }
		echo $(((${EPOCHREALTIME/./} - start) / 1000)) >>ping.ms
	done
	middle=$(sort -n ping.ms | awk '{ v[NR] = $1 } END { print v[int(NR / 2) + 1] }')
	echo "$(wc -l <ping.ms) pings, the middle one in $middle ms" >pings
	[ "$middle" -lt 2000 ]
}

tiny_frames() { # [WORDS]: where
	local gone core at
	gone=$(eu_gone) core=$(cat controller.pid) at=$(front)
	intrude tiny 3 >tiny.out &
	pings_while_attacked
	[ "$(peak "$core")" -lt 400 ] && [ "$(peak "$at")" -lt 400 ]
	[ "$(front)" = "$at" ]
	eu_untouched "$gone"
	[ "$(cut -d" " -f1 tiny.out)" -gt 100000 ]
	told ATK-16 "$(cat tiny.out) of 1 octet${1:-}" "dropped past the 4th part; every ping answered, the controller at $(peak "$at") MB, the other agent untouched"
}

storms() { # [WORDS]
	local gone core at
	gone=$(eu_gone) core=$(cat controller.pid) at=$(front)
	intrude mute 5 &
	intrude messages 5 &
	intrude strangers 5 &
	pings_while_attacked
	[ "$(cut -d" " -f1 pings)" -ge 3 ]
	[ "$(cat controller.pid)" = "$core" ] && fleet_alive "$core" && [ "$(front)" = "$at" ]
	eu_untouched "$gone"
	told ATK-39 "300 half handshakes, floods of messages and of strangers at once${1:-}" "known keys still served: $(cat pings)"
}

# What does not end at all, at a gateway: refused for its many parts, or for the memory that it takes; the gateway may lose its sockets or its life for it, the core neither. Nothing comes of it,
# and when it has ended the other agent is online again, through a gateway.
endless() {
	local core said before thief refusal="" n=0
	core=$(cat controller.pid) said=$(wc -l <controller.log) before=$(everything)
	intrude endless 180 >endless.out &
	thief=$!
	while [ -n "$(jobs -rp)" ] && [ -z "$refusal" ]; do
		timeout 10 "$ROLLCALL_BIN/rollcall" ping >/dev/null 2>&1 && n=$((n + 1))
		refusal=$(tail -n "+$((said + 1))" controller.log | grep -oE 'dropped: [0-9]{4,} frames, must be 2 or 3|holds too much memory: all connections are closed|gateway \(process [0-9]+\) ended' | head -n 1)
	done
	pkill -KILL -P "$thief" || true
	wait
	fleet_await 60 agent_is eu-1 online
	[ -n "$refusal" ]
	[ ! -s endless.out ] && [ "$(agent_state us-1)" = offline ]
	[ "$(everything)" = "$before" ]
	[ "$n" -ge 1 ]
	[ "$(cat controller.pid)" = "$core" ] && fleet_alive "$core" && [ "$(peak "$core")" -lt 400 ]
	rc rollout preview plan.yaml -e production -r 1.0.0 >asked.out 2>&1 || true # it asks the agents, and they their databases
	grep -q "2 targets, 1 of them could not be asked" asked.out && grep -q "unknown (agent us-1 is not connected)" asked.out
	told ATK-16 "messages without an end, at a gateway" "$refusal; the core at $(peak "$core") MB; no statement, no report; $n pings meanwhile, and the other agent answers"
}

# The databases, and every report that the controller has taken.
everything() { { sqlite3 eu.db .dump && sqlite3 us.db .dump && sqlite3 controller/store.db "SELECT agent, journal, seq FROM report"; } | sha256sum; }

@test "ATK-16: messages that do not end, a million tiny frames" {
	tiny_frames
}

@test "ATK-39: storms of connections" {
	storms
}

@test "ATK-16 and ATK-39: the same against a gateway" {
	local core
	cp controller.yaml alone.yaml
	fleet_kill controller TERM
	sed -i "s|^listen: {|&gateway: gateway.sock, |" controller.yaml
	fleet_start_controller
	core=$(cat controller.pid)
	fleet_await 60 controller_answers
	fleet_await 60 agent_is eu-1 online
	[ "$(front)" != "$core" ]
	tiny_frames ", at a gateway"
	storms ", at a gateway"
	endless
	fleet_kill controller TERM
	cp alone.yaml controller.yaml
	fleet_start_controller
	fleet_await 60 controller_answers
	fleet_await 60 agent_is eu-1 online
}

@test "ATK-28: a copied agent" {
	local n
	n=$(sqlite3 controller/store.db "SELECT session_counter FROM agent WHERE name = 'eu-1'")
	answers "DENY cloned: another agent runs with this one's keys and journal" intrude --key eu-1/curve.key --report-key eu-1/report.key --cert eu-1/eu-1.cert hello eu-1 "$n"
	fleet_await 60 agent_is eu-1 held
	told ATK-28 "keys and journal copied" "both held, with an alarm, until somebody has looked"
	quietly rc agents approve eu-1
	fleet_kill eu-1 TERM
	fleet_start_agent eu-1
	fleet_await 60 agent_is eu-1 online
}

@test "ATK-29 and ATK-30: a store that was written by hand" {
	fleet_kill controller TERM
	cp controller/store.db honest.db
	cp honest.db withheld.db
	sqlite3 withheld.db "DELETE FROM report WHERE agent = 'eu-1' AND seq = 1"
	restart_controller withheld.db
	run -6 rc audit verify --trust trust.env
	[[ $output == *"reports: row "*"the log tells of report eu-1/1/1, and it is not there"* ]]
	told ATK-29 "a report withheld" "found by 'rollcall audit verify': the log tells of it, and it is not there"
	restart_controller honest.db
	printf -- '--liquibase formatted sql\n--changeset a:two\nCREATE TABLE two (id integer);\n--rollback DROP TABLE two;\n' >shop/changes/9-two.sql
	fleet_release shop 1.1.0
	local id
	fleet_kill eu-1 TERM # nobody is there who could apply it
	id=$(fleet_start plan.yaml production 1.1.0)
	fleet_approve "$id" "$(rc rollout status "$id" -o json 2>/dev/null | jq '.targets | length')" >/dev/null
	fleet_kill controller TERM
	cp controller/store.db honest.db
	cp honest.db shown.db
	sqlite3 shown.db "UPDATE delivery SET state = 'applied' WHERE rollout = '$id' AND target = 'eu/lite/shop'"
	forge shown shown.db "$id" eu/lite/shop applied
	restart_controller shown.db
	run -6 rc audit verify --trust trust.env
	[[ $output == *"outcomes: row "*"eu/lite/shop was shown as applied, and no signed report says so"* ]]
	told ATK-30 "success shown that nobody reported, in a chain that fits" "found by 'rollcall audit verify': no signed report says so"
	cp honest.db painted.db
	sqlite3 painted.db "UPDATE delivery SET state = 'applied' WHERE rollout = '$id' AND target = 'eu/lite/shop'"
	restart_controller painted.db
	run -6 rc audit verify --trust trust.env
	[[ $output == *"shown: rollout $id: eu/lite/shop is shown as applied, and the log says "* ]]
	told ATK-30 "success shown that is not even in the log" "found by 'rollcall audit verify': the log says otherwise"
	restart_controller honest.db
	run rc audit verify --trust trust.env
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "ATK-41: a revoked agent that stays connected" {
	intrude hello us-1 "$(counter)" heartbeat listen 60 >revoked.out &
	fleet_await 60 grep -q HEARTBEAT_ACK revoked.out
	quietly rc agents revoke us-1 --reason stolen
	wait
	[[ "$(tr '\n' ' ' <revoked.out)" == "WELCOME HEARTBEAT_ACK DENY revoked: "* ]]
	answers "^no answer" intrude --patience 2 hello us-1 "$(counter)"
	told ATK-41 "a revoked agent on its open session" "denied at once, its key not admitted any more"
}
