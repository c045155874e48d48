#!/usr/bin/env bats
# The rows CO-.., NW-.. and AG-.. of the list of crash points, on a whole fleet: what happens to controller, link and agent's host, and that everything converges with no view of
# the oracle lit. The rows of the engines are in tests/conformance/rows_*_test.c; rows.list has all of them. Test builds only.

setup() {
	export ROLLCALL_BIN=${ROLLCALL_DEBUG_BIN:-$BATS_TEST_DIRNAME/../../build/debug/bin}
	# shellcheck source=tests/support/fleet.bash
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	# shellcheck source=tests/support/servers.bash
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	# shellcheck source=tests/fault/workload.bash
	. "$BATS_TEST_DIRNAME/workload.bash"
	FAULTS_TENANTS=2 HOUR=3600
}

teardown() { [ -z "${F:-}" ] || faults_down; }

up() { faults_up sqlite "$BATS_TEST_TMPDIR/fleet"; }

settled() { faults_settle "$(faults_ms)"; }

dies() { # NAME FAILPOINT
	up
	faults_die_at "$1" "$2"
	settled
}

until_true() { fleet_await 90 "$@"; } # COMMAND...

journal() { sqlite3 "$F/eu-1/data/journal.db" '.timeout 5000' "$1"; }

ended() { # STATE WORD: a target of eu stands so, for a reason that holds the word
	[ "$(sqlite3 "$F/controller/store.db" '.timeout 5000' "SELECT count(*) FROM delivery WHERE state = '$1' AND target LIKE 'eu/%' AND detail LIKE '%$2%'")" -ge 1 ]
}

applied_on() { [ "$(sqlite3 "$F/db/$1" "SELECT count(*) FROM witness WHERE changeset LIKE 'w:$ROUND-%'" 2>/dev/null)" = 6 ]; }

# ---- the list ---------------------------------------------------------------------------------------------------------------------------------------------------

@test "every row of rows.list is played by a test, or says why not" {
	local id what here=$BATS_TEST_DIRNAME bad=0 names
	names=$(cat "$here"/*.bats "$here"/../conformance/rows_*.c "$here"/../support/*.c "$here"/../support/*.h | grep -oE '(^[[:space:]]*|@test |\{)"[A-Z]{2}-[0-9]{2} ' | grep -oE '[A-Z]{2}-[0-9]{2}' | sort -u)
	while read -r id what; do
		case "$id $what" in
		'#'* | ' ') ;;
		*' -- '?*) if grep -qx "$id" <<<"$names"; then echo "$id is played: its reason is out of date" && bad=1; else echo "# $id ${what%% -- *} ... not played: ${what#* -- }" >&3; fi ;;
		*) grep -qx "$id" <<<"$names" || { echo "no test plays $id $what" && bad=1; } ;;
		esac
	done <"$here/rows.list"
	while read -r id; do
		grep -q "^$id " "$here/rows.list" || { echo "$id is not in rows.list" && bad=1; }
	done <<<"$names"
	[ $bad -eq 0 ]
}

# ---- controller ------------------------------------------------------------------------------------------------------------------------------------------------

@test "CO-01 the controller dies after deciding, before it is stored" { dies controller turn-uncommitted:6; }
@test "CO-02 an offer is stored and never sent" { dies controller offer-stored; }
@test "CO-03 an ACCEPT is lost" { dies controller accept-received; }
@test "CO-04 a report arrives, and the controller dies before it is stored" { dies controller report-received; }
@test "CO-05 a report is stored, and its acknowledgement is lost" { dies controller report-stored; }

@test "CO-06 the controller's store is set back to an earlier time" {
	up
	faults_start && faults_approve
	settled
	fleet_kill controller TERM
	mkdir "$F/kept" && cp "$F"/controller/store.db* "$F/kept/"
	fleet_start_controller
	faults_start && faults_approve
	settled
	fleet_kill controller TERM
	rm "$F"/controller/store.db* && cp "$F"/kept/store.db* "$F/controller/"
	fleet_start_controller
	# The agents send their reports of what this store has never heard of; the next rollout goes above the epoch that they have seen.
	fleet_wait_connected 2
	reports() { [ "$(sqlite3 "$F/controller/store.db" '.timeout 5000' "SELECT count(DISTINCT target) FROM step WHERE changeset GLOB 'w:$ROUND-*'")" = 4 ]; }
	until_true reports
	faults_start && faults_approve
	# Of the lost rollout offers, approval and audit rows are gone with the store: those views compare them.
	FAULTS_BLIND='v16|v19|v22' settled
}

# A controller that stands still from its first offer on, with this wave's others unsent, as one whose machine is paused.
paused_amid_wave() {
	FAULTS_LINK=both up
	faults_start
	fleet_kill controller
	ROLLCALL_CRASH_AT=offer-sent=stop fleet_start_controller
	FIRST=$(cat "$F/controller.pid")
	fleet_wait_connected 2
	faults_approve 2>/dev/null & # its answer may be what the pause keeps back
	paused() { [ "$(sed 's/.*) //; s/ .*//' "/proc/$FIRST/stat")" = T ]; }
	until_true paused
	kill $! 2>/dev/null || true
}

first_gone() { ! fleet_alive "$FIRST"; }

refused_beside_it() { # one more on the same store
	run timeout 60 "$ROLLCALL_BIN/rollcall-controller" run --config "$F/controller.yaml"
	[ "$status" -ne 0 ] && [[ "$output" == *"another controller runs on this data_dir: stop it first (process $FIRST;"* ]]
}

fenced_at() { # EPOCH: what each target database lets in from here on
	local t
	for t in eu1 eu2 us1 us2; do [ "$(sqlite3 "$F/db/$t" "SELECT value FROM rollcall_meta WHERE name = 'epoch'")" = "$1" ] || return 1; done
}

epoch() { sqlite3 "$1/store.db" '.timeout 5000' "SELECT value FROM meta WHERE key = 'epoch'"; }

@test "CO-07 the controller is paused amid a wave, one over a copy of its store takes over, and the first wakes" {
	paused_amid_wave
	refused_beside_it
	cp -r "$F/controller" "$F/standby"
	faults_standby standby
	FAULTS_STORE=$F/standby/store.db
	faults_address standby
	settled
	# The first one wakes with half a wave still to be sent, and the fleet's address leads to it again.
	kill -CONT "$FIRST"
	faults_address controller
	replaced() { [ "$(grep -c 'another one has taken over this fleet' "$F/controller.log")" -ge "$1" ]; }
	until_true replaced 4
	fleet_connect "$FLEET_CONTROL" "$FLEET_BLOBS"
	fleet_wait_connected 0
	[ "$(epoch "$F/controller")" -lt "$(epoch "$F/standby")" ]
	# What it still starts reaches nobody; the other one goes on.
	faults_start && faults_approve
	sleep 1
	[ "$(sqlite3 "$F/db/eu1" "SELECT count(*) FROM witness WHERE changeset LIKE 'w:$ROUND-%'")" = 0 ]
	fleet_connect "$STANDBY_CONTROL" "$STANDBY_BLOBS"
	faults_address standby
	fleet_wait_connected 2
	rc release push "$F/$ROUND.release" >/dev/null
	ROLLOUT=$(fleet_start "$F/project/plans/production.yaml" production "$ROUND")
	faults_approve
	settled
	fenced_at "$(epoch "$F/standby")"
}

@test "CO-07 the first controller wakes over a store that another one has taken" {
	paused_amid_wave
	refused_beside_it
	rm "$F/controller/lock" # as on a machine that does not see it
	faults_standby controller
	faults_address standby
	kill -CONT "$FIRST"
	until_true first_gone
	grep -q 'has taken this store over, and this one has epoch' "$F/controller.log"
	settled
	faults_start && faults_approve
	settled
	fenced_at "$(epoch "$F/controller")"
}

@test "CO-08 the controller dies amid a wave, and a standby takes over its store" {
	paused_amid_wave
	refused_beside_it
	kill -KILL "$FIRST"
	until_true first_gone
	faults_standby controller
	faults_address standby
	settled
	faults_start && faults_approve
	settled
	fenced_at "$(epoch "$F/controller")"
}

# ---- network ---------------------------------------------------------------------------------------------------------------------------------------------------

@test "NW-01 a partition after the offers: the agents work on, and tell afterwards" {
	FAULTS_LINK=1 up
	faults_start
	fleet_hold_file "$F/db/eu1" # until the link is cut: all could be over before
	faults_approve
	taken() { [ "$(journal 'SELECT count(*) FROM task')" = 1 ]; }
	until_true taken
	faults_rule link freeze
	fleet_let_go
	until_true applied_on eu1
	[ "$(faults_state)" = running ]
	faults_rule link pass
	settled
}

@test "NW-02 a half-open connection is given up for a new one" {
	FAULTS_LINK=1 up
	faults_rule link strand
	faults_start && faults_approve
	settled
	grep -q 'silent for 3 heartbeats' "$F/eu-1.log"
}

@test "NW-03 connections are cut anywhere, doubled, slow" {
	FAULTS_LINK=1 up
	faults_rule link limit 500 3000
	fleet_kill eu-1 && fleet_start_agent eu-1
	faults_start && faults_approve
	cuts() { [ "$(cat "$F/link/cuts")" -ge 2 ]; }
	until_true cuts
	faults_rule link pass
	settled
	faults_rule link twice
	fleet_kill eu-1 && fleet_start_agent eu-1
	faults_start && faults_approve
	settled
	faults_rule link delay 100
	faults_start && faults_approve
	settled
}

# ---- agent -----------------------------------------------------------------------------------------------------------------------------------------------------

@test "AG-01 the agent dies with an intent in its journal alone" { dies eu-1 after-journal-intent; }
@test "AG-02 the agent dies after the ledger's row, before its journal's" { dies eu-1 before-journal-done; }
@test "AG-03 the agent dies before it sends its report" { dies eu-1 report-unsent; }

@test "AG-01 the agent dies with an intent, and comes back after the order has expired" {
	up
	fleet_moved_agents
	faults_start
	fleet_kill eu-1
	ROLLCALL_CRASH_AT=after-journal-intent fleet_start_agent eu-1
	faults_approve
	until_true fleet_is_gone eu-1
	fleet_move_clock $((100 * 24 * HOUR))
	fleet_start_agent eu-1
	until_true ended needs-attention expired
	[ "$(sqlite3 "$F/db/eu1" 'SELECT count(*) FROM witness')" = 0 ]
}

@test "AG-04 the journal is lost" {
	up
	faults_start && faults_approve
	settled
	fleet_kill eu-1
	rm "$F"/eu-1/data/journal.db*
	fleet_start_agent eu-1
	# Its count of sessions began anew, as that of a copy would: a person says that it is no copy.
	suspected() { grep -q 'it refused this agent: cloned' "$F/eu-1.log"; }
	until_true suspected
	quietly rc agents approve eu-1
	faults_start && faults_approve
	FAULTS_BLIND='v11|v16|v22' settled # they read what the lost journal said of the first round, and the new one's reports have the numbers of the old one's
}

@test "AG-06 the agent's program is replaced in the midst of its tasks" {
	up
	cp "$ROLLCALL_BIN/rollcall-agent" "$F/new-agent"
	faults_start
	fleet_hold_file "$F/db/eu1"
	faults_approve
	busy() { [ "$(journal 'SELECT count(*) FROM task')" -ge 1 ]; }
	until_true busy
	fleet_kill eu-1 TERM
	fleet_let_go
	ROLLCALL_AGENT=$F/new-agent fleet_start_agent eu-1
	settled
	grep -q 'stopping: nothing new is begun' "$F/eu-1.log"
}

@test "SL-11 the device of the targets' files has another number after a reboot; a copy is noticed all the same" {
	up
	faults_start && faults_approve
	settled
	fleet_kill eu-1 TERM
	printf '#!/bin/sh\nLD_PRELOAD=%s/moved_device.so exec "%s" "$@"\n' "$FLEET_SHIM" "$ROLLCALL_BIN/rollcall-agent" >"$F/rebooted-agent"
	chmod +x "$F/rebooted-agent"
	ROLLCALL_AGENT=$F/rebooted-agent fleet_start_agent eu-1
	faults_start && faults_approve
	settled
	fleet_kill eu-1 TERM
	cp -p "$F/db/eu1" "$F/copy" && mv "$F/copy" "$F/db/eu1"
	ROLLCALL_AGENT=$F/rebooted-agent fleet_start_agent eu-1
	faults_start && faults_approve
	until_true ended refused 'the ledger was made in database'
	run applied_on eu1
	[ "$status" -ne 0 ]
}

@test "AG-08 the host's clock jumps, forward and back" {
	up
	fleet_moved_agents
	fleet_kill eu-1
	fleet_start_agent eu-1
	faults_start && faults_approve
	begun() { [ "$(journal 'SELECT count(*) FROM step')" -ge 1 ]; }
	until_true begun
	fleet_move_clock $((2 * HOUR))
	FAULTS_BLIND='v16|v19|v20' settled # they compare this clock with the controller's
	fleet_move_clock $((-2 * HOUR))
	faults_start && faults_approve
	until_true ended refused 'the clock was set back'
	run applied_on eu1
	[ "$status" -ne 0 ]
	fleet_move_clock 0
	quietly rc rollout retry "$ROLLOUT"
	FAULTS_BLIND='v16|v18|v19|v20|v22' settled
}
