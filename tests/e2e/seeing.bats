#!/usr/bin/env bats
# What people see: the fleet on one screen, the lists of targets that need eyes, and a rollout of many targets folded on a terminal. One fleet for the file, of SQLite targets:
# site eu with fifty tenants, site us with two. The tests build on one another.

setup_file() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin} NO_COLOR=1 LC_ALL=C.UTF-8
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	fleet_new "$BATS_FILE_TMPDIR/fleet" || return 1
	local i
	mkdir "$F/db"
	for i in $(seq 10 59); do
		touch "$F/db/t$i"
		echo "  - {id: eu/lite/t$i, dsn: \"sqlite:$F/db/t$i\", labels: {environment: dev, ring: $([ "$i" = 10 ] && echo canary || echo rest)}}"
	done >"$F/eu.targets"
	fleet_agent eu-1 eu 'eu/*' <"$F/eu.targets" || return 1
	touch "$F/db/u1" "$F/db/u2"
	fleet_agent us-1 us 'us/*' <<-YAML || return 1
		  - {id: us/lite/u1, dsn: "sqlite:$F/db/u1", labels: {environment: dev, ring: rest}}
		  - {id: us/lite/u2, dsn: "sqlite:$F/db/u2", labels: {environment: dev, ring: rest}}
	YAML
	fleet_up || return 1
	mkdir -p "$F/shop/changes"
	printf 'project: shop\nengines: [sqlite]\npipeline: [dev]\nchanges: changes\n' >"$F/shop/rollcall.yaml"
	printf -- '--liquibase formatted sql\n--changeset t:notes\nCREATE TABLE notes (n INTEGER);\n--rollback DROP TABLE notes;\n' >"$F/shop/changes/01-notes.sql"
	printf 'name: dev\nenvironments:\n  - name: dev\n    waves:\n      - {name: canary, selector: ring=canary}\n      - {name: rest, max_parallel: 60}\n' >"$F/plan.yaml"
	fleet_release "$F/shop" 1.0.0
}

teardown_file() {
	fleet_down
}

setup() {
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	cd "$F" || return 1
	id=$(cat id 2>/dev/null || true)
}

has() { # text that the output must hold; folded lines count as one
	[[ "$(tr '\n' ' ' <<<"$output" | tr -s ' ')" == *"$1"* ]] || { printf 'not in the output: %s\n' "$1" "$output" >&2; return 1; }
}

lacks() {
	[[ "$output" != *"$1"* ]] || { printf 'in the output: %s\n' "$1" "$output" >&2; return 1; }
}

# on_terminal ROWS COLUMNS COMMAND...: its output as a terminal of this size gets it
on_terminal() {
	run script -qec "stty rows $1 cols $2; $ROLLCALL_BIN/rollcall ${*:3}" /dev/null </dev/null
	output=$(tr -d '\r' <<<"$output")
}

@test "a fleet with nothing to do says so, for people and for programs" {
	run rc status
	[ "$status" -eq 0 ]
	has "fleet test: controller "
	has "agents 2 of 2 online; version "
	has "targets 52 of 52 online "
	has "nothing needs eyes"
	lacks "NEEDS EYES"
	[ "$(rc status -o json 2>/dev/null | jq -c '[.fleets[0].targets, .fleets[0].behind, (.rollouts | length), (."needs-eyes" | length)]')" = '[52,0,0,0]' ]
	[ "$(rc status -o json 2>/dev/null | jq -c '[.versions[0].agents, .fleets[0]."agents-online"]')" = '[2,2]' ]
	[ "$(rc agents list -o json 2>/dev/null | jq -c '[.agents[] | [.running, .queued, ."unsent-reports"]]')" = '[[0,0,0],[0,0,0]]' ]
	[[ "$(rc agents list -o wide 2>/dev/null | head -n 1)" == *"RUNNING  QUEUED  UNSENT REPORTS"* ]]
	[[ "$(rc agents list 2>/dev/null)" != *UNSENT* ]]
	[ "$(rc status -o ndjson 2>/dev/null | jq -r .kind | sort -u | paste -sd ' ')" = "fleets versions" ]
}

@test "a rollout of 52 targets with one failure: halted, with what failed, where, and what to type" {
	sqlite3 db/t33 'CREATE TABLE notes (n INTEGER)'
	id=$(fleet_start plan.yaml dev 1.0.0) && echo "$id" >id
	rc rollout watch "$id" -o ndjson --timeout 60s >changes.ndjson 2>/dev/null &
	local watch=$! code=0
	run rc rollout watch "$id" --plain --timeout 60s
	[ "$status" -eq 4 ]
	wait "$watch" || code=$?
	[ "$code" -eq 4 ]
	run rc status
	[ "$status" -eq 4 ]
	has "ROLLOUTS ${id:0:8} 1.0.0 to dev halted, wave rest"
	has "51 of 52 applied, 1 failed"
	has "rollout ${id:0:8} halted wave rest: 1 of 51 failed, 0 allowed; nothing new starts -> repair the cause, then: rollcall rollout retry ${id:0:8}"
	has "eu/lite/t33 failed, rollout ${id:0:8}"
	has "t:notes (changes/01-notes.sql:3): "
	has "table notes already exists"
	has "-> repair the cause, then: rollcall rollout retry ${id:0:8} eu/lite/t33"
	[ "$(rc status -o json 2>/dev/null | jq -r '."needs-eyes"[] | [.kind, .state, ."needs-eyes"] | join(" ")' | paste -sd ,)" = "target failed eu/lite/t33,rollout halted $id" ]
	[ "$(rc status -o csv 2>/dev/null | head -n 2 | tail -n 1 | cut -d, -f1-4)" = "eu/lite/t33,target,failed,1" ]
}

@test "rollout watch -o ndjson told every change of that as one object a line, and the final state as the last" {
	[ "$(tail -n 1 changes.ndjson | jq -r '[.kind, .name, .to] | join(" ")')" = "end $id halted" ]
	[ "$(jq -sc '[.[] | select(.kind == "end")] | length' changes.ndjson)" = 1 ]
	[ "$(jq -sc '[.[] | select(.kind == "target")] | group_by(.name) | [length, ([.[] | select(.[-1].to == "applied")] | length)]' changes.ndjson)" = '[52,51]' ]
	# each change begins where the one before it ended
	[ "$(jq -sc '[.[] | select(.kind != "end")] | group_by(.kind + .name) | map(. as $l | range(1; length) | select($l[.].from != $l[. - 1].to)) | length' changes.ndjson)" = 0 ]
	[ "$(jq -r 'select(.to == "failed" and .kind == "target") | [.name, .wave, .next] | join(" ")' changes.ndjson)" = "eu/lite/t33 rest repair the cause, then: rollcall rollout retry ${id:0:8} eu/lite/t33" ]
}

@test "on a terminal rollout status lists what needs eyes and counts the rest; --all, pipes and programs get everything" {
	on_terminal 24 80 rollout status "$id"
	[ "$status" -eq 4 ]
	has "eu/lite/t33 rest failed"
	has "... and 51 applied; all: rollcall rollout status ${id:0:8} --all"
	lacks eu/lite/t34
	on_terminal 24 80 rollout status "$id" --all
	has "eu/lite/t34 rest applied"
	on_terminal 24 80 rollout status "$id" --target "'us/*'"
	has "us/lite/u2 rest applied"
	lacks "... and"
	run rc rollout status "$id"
	has "eu/lite/t34 rest applied"
	[ "$(rc rollout status "$id" -o json 2>/dev/null | jq '.targets | length')" = 52 ]
	[ "$(rc rollout status "$id" -o json 2>/dev/null | jq -r '.rollouts[0] | [."present-wave", .eyes, .next] | @tsv')" = $'rest\t1\t'"repair the cause, then: rollcall rollout retry ${id:0:8} (or abort, or rollback)" ]
}

# The key is pressed when the tree stands there: before that Ctrl-C is a signal to whatever runs yet.
as_somebody_types() {
	{
		fleet_await 60 grep -q 'rollcall rollout retry' screen
		printf '%b' "$3"
		fleet_await 60 test -e over
	} | { script -qec "stty rows $1 cols $2; $ROLLCALL_BIN/rollcall rollout watch $id" /dev/null >screen && code=0 || code=$?; : >over; cat screen; exit "$code"; }
}

# watch_on_terminal ROWS COLUMNS KEY: what rollout watch draws before the key is pressed
watch_on_terminal() {
	rm -f over && : >screen
	run as_somebody_types "$1" "$2" "$3"
	output=$(tr -d '\r' <<<"$output" | sed 's/\x1b\[[?0-9;]*[A-Za-z]//g')
}

@test "watch on a terminal: waves with bars, why it failed and what to type; a halted rollout stays until q or Ctrl-C" {
	watch_on_terminal 24 80 q
	[ "$status" -eq 130 ]
	has "rollout ${id:0:8} 1.0.0 to dev halted █"
	has "51 of 52 applied, 1 failed wave rest: 1 of 51 failed, 0 allowed; nothing new starts ├─ wave canary"
	has "wave canary passed ████████████████ 1 of 1 applied"
	has "wave rest failed ███████████████× 50 of 51 applied, 1 failed"
	has "eu/lite/t33 failed │ t:notes"
	has "table notes already exists"
	has "-> repair the cause, then: rollcall rollout retry ${id:0:8} eu/lite/t33"
	has "50 more applied"
	has "left: the rollout is halted: nothing new starts until someone decides"
	[ "$(grep -v 'rollcall ' <<<"$output" | LC_ALL=C.UTF-8 wc -L)" -le 80 ]
	[ "$(grep -c 'wave canary' <<<"$output")" -eq 1 ] # drawn once: nothing has changed since
	watch_on_terminal 10 200 '\003'
	[ "$status" -eq 130 ]
	has "wave rest failed"
	has "repair the cause, then: rollcall rollout retry ${id:0:8} (or abort, or rollback)"
}

@test "show tells everything about one target: what its ledger has now, what is to come, what failed" {
	run rc show eu/lite/t33
	[ "$status" -eq 0 ]
	has "target eu/lite/t33 state online engine sqlite"
	has "labels environment=dev,ring=rest"
	has "t:notes pending shop 1.0.0 0"
	has "1.0.0 apply failed 1 t:notes (changes/01-notes.sql:3): table notes already exists"
	has "next: repair the cause, then: rollcall rollout retry ${id:0:8} eu/lite/t33"
	has "its ledger was asked just now; nothing was changed"
	[ "$(rc show eu/lite/t10 -o json 2>/dev/null | jq -c '[.targets[0].release, .targets[0].lacks, (.changesets[] | .changeset, .state, ."steps-done"), .rollouts[0].state, .history[0].outcome]')" = \
		'["1.0.0",null,"t:notes","applied",1,"applied","applied"]' ]
	run rc show eu/lite/nix
	[ "$status" -eq 1 ]
	has "no agent has announced target eu/lite/nix: \`rollcall targets\` shows them"
	run rc show nix
	[ "$status" -eq 2 ]
}

@test "no line of the screens is wider than the terminal" {
	on_terminal 24 80 status
	has "NEEDS EYES"
	[ "$(grep -v 'rollcall ' <<<"$output" | LC_ALL=C.UTF-8 wc -L)" -le 80 ] # a command stays whole, to be copied
	on_terminal 50 200 status
	[ "$status" -eq 4 ]
}

@test "targets that are behind, offline, held or in quarantine, each list with why" {
	sqlite3 db/t33 'DROP TABLE notes'
	quietly rc rollout retry "$id" --wait --timeout 60s
	touch db/u3
	echo "  - {id: us/lite/u3, dsn: \"sqlite:$F/db/u3\", labels: {environment: dev, ring: late}}" >>us-1/agent.yaml
	fleet_kill us-1 TERM && fleet_start_agent us-1 && fleet_wait_connected 2
	run rc targets --behind
	[ "$status" -eq 0 ]
	has "TARGET ENGINE AGENT STATE RELEASE LACKS LABELS us/lite/u3 sqlite us-1 online - shop 1.0.0 environment=dev,ring=late"
	has "1 target"
	[ "$(rc targets --behind -l ring=rest -o json 2>/dev/null)" = "$(printf '{\n  "targets": []\n}')" ]
	quietly rc targets quarantine us/lite/u2 --reason 'restore under way'
	[ "$(rc targets --quarantined --behind -o name 2>/dev/null | paste -sd ' ')" = "us/lite/u2 us/lite/u3" ]
	[ "$(rc targets --limit 3 -o name 2>/dev/null | paste -sd ' ')" = "eu/lite/t10 eu/lite/t11 eu/lite/t12" ]
	[ "$(rc targets --limit 2 --after eu/lite/t58 -o name 2>/dev/null | paste -sd ' ')" = "eu/lite/t59 us/lite/u1" ]
	fleet_kill us-1 TERM && fleet_wait_connected 1
	run rc status
	[ "$status" -eq 0 ]
	has "targets 50 of 53 online, 3 offline, 1 quarantined, 1 behind"
	has "agent us-1 offline, 3 targets"
	has "us/lite/u3 behind lacks shop 1.0.0, which dev has"
	has "us/lite/u2 quarantine restore under way (operator olga)"
	fleet_start_agent us-1 && fleet_wait_connected 2
}

@test "of two projects each rollout says whose release it brings; programs have both apart" {
	mkdir -p billing/changes
	sed 's/shop/billing/' shop/rollcall.yaml >billing/rollcall.yaml
	sed 's/notes/bills/g' shop/changes/01-notes.sql >billing/changes/01-bills.sql
	fleet_release billing 0.1.0
	id=$(fleet_start plan.yaml dev 0.1.0)
	quietly rc rollout watch "$id" --timeout 60s
	run rc rollout list
	has "${id:0:8} succeeded billing 0.1.0 dev apply"
	has "succeeded shop 1.0.0 dev apply"
	run rc rollout status "$id"
	has "rollout $id billing 0.1.0 to dev succeeded"
	[ "$(rc rollout list -o json 2>/dev/null | jq -r '.rollouts[0] | [.release, .project, .called] | join(",")')" = "0.1.0,billing,billing 0.1.0" ]
}

@test "a status on a terminal tells a reason that many have once" {
	sqlite3 db/t33 'CREATE TABLE more (n INTEGER)' && sqlite3 db/t34 'CREATE TABLE more (n INTEGER)'
	sed -i 's/max_parallel: 60/max_parallel: 60, max_failures: 2/' plan.yaml
	printf -- '\n--changeset t:more\nCREATE TABLE more (n INTEGER);\n--rollback DROP TABLE more;\n' >>shop/changes/01-notes.sql
	fleet_release shop 1.1.0
	id=$(fleet_start plan.yaml dev 1.1.0)
	rc rollout watch "$id" --timeout 60s >/dev/null 2>&1 || [ $? -eq 4 ]
	on_terminal 24 80 rollout status "$id"
	has "eu/lite/t34 rest failed - 1 as eu/lite/t33"
	[ "$(grep -c 'table more already' <<<"$output")" -eq 1 ]
	on_terminal 24 62 rollout status "$id" # its head stays on one line
	has "rollout ${id:0:8} shop 1.1.0 to dev succeeded"
	run rc rollout status "$id" # a pipe gets all of it
	[ "$(grep -c 'table more already' <<<"$output")" -eq 2 ]
}
