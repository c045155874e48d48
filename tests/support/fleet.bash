# A whole fleet for end-to-end tests and benches: keys, trust, one controller, agents, all by the programs' own commands, nothing mocked.
# Source it, then: fleet_new DIR; fleet_agent NAME SITE "globs" <<<"targets yaml", fleet_lite or fleet_three; fleet_up; ...; fleet_down.
# A .bats file that has one fleet for all its tests makes it in setup_file and sources this file in setup again: what fleet_new found out is in the environment.
# FLEET_GATES=N: waves wait for N signatures of the keys gate and gate2.
# Everything lives in DIR and dies with fleet_down. Environment of this fleet: dev needs no approval, production $FLEET_APPROVALS (1); a release needs
# $FLEET_RELEASE_SIGNATURES (1): with 2, of the keys release and release2. FLEET_FRESH="INTERVAL LIFETIME": the controller makes freshness documents with the key fresh.
# shellcheck shell=bash

: "${ROLLCALL_BIN:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/release/bin}"
: "${FLEET_SHIM:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/debug/tests/fault/shim}"
FLEET_LEAKS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/leaks.pl
# shellcheck source=tests/support/ports.bash
. "${FLEET_LEAKS%/*}/ports.bash"

rc() { "$ROLLCALL_BIN/rollcall" "$@"; }

# For steps whose words matter only when they fail.
quietly() {
	local out
	out=$("$@" 2>&1) || { echo "$* failed: $out" >&2; return 1; }
}

fleet_new() {
	F=$1
	mkdir -p "$F/keys" "$F/controller"
	chmod 700 "$F/keys"
	local k
	for k in root release release2 approver approver2 enrol fresh stranger; do quietly rc keys new "$F/keys/$k" --no-passphrase --owner "$k" || return 1; done
	for k in controller operator viewer; do quietly rc keys curve "$F/keys/$k.curve" || return 1; done
	local release=(--release "$F/keys/release.pub")
	[ "${FLEET_RELEASE_SIGNATURES:-1}" = 1 ] || release+=(--release "$F/keys/release2.pub" --release-threshold "$FLEET_RELEASE_SIGNATURES")
	[ -z "${FLEET_FRESH:-}" ] || release+=(--fresh "$F/keys/fresh.pub")
	if [ -n "${FLEET_GATES:-}" ]; then
		for k in gate gate2; do quietly rc keys new "$F/keys/$k" --no-passphrase --owner "$k" || return 1; done
		release+=(--gate "$F/keys/gate.pub" --gate "$F/keys/gate2.pub" --gate-threshold "$FLEET_GATES")
	fi
	quietly rc trust init --fleet test --root "$F/keys/root.pub" "${release[@]}" --approver "production=$F/keys/approver.pub" \
		--approver "production=$F/keys/approver2.pub" --approver-threshold "production=${FLEET_APPROVALS:-1}" --approver "dev=$F/keys/approver.pub" \
		--approver-threshold dev=0 --enrol "$F/keys/enrol.pub" --out "$F/trust.env" || return 1
	quietly rc trust sign "$F/trust.env" --key "$F/keys/root" || return 1
	local control blobs
	control=$(port_take) blobs=$(port_take)
	FLEET_CONTROL="tcp://${FLEET_HOST:-127.0.0.1}:$control" FLEET_BLOBS="tcp://${FLEET_HOST:-127.0.0.1}:$blobs"
	cat >"$F/controller.yaml" <<-EOF
		data_dir: controller
		listen: {control: "$FLEET_CONTROL", blobs: "$FLEET_BLOBS"}
		curve_key: keys/controller.curve
		trust: trust.env
		operators:
		  - {name: olga, role: admin, key: keys/operator.curve.pub}
		  - {name: vera, role: viewer, key: keys/viewer.curve.pub}
	EOF
	# shellcheck disable=SC2086 # two words
	[ -z "${FLEET_FRESH:-}" ] || printf 'fresh_key: keys/fresh\nfresh_interval: %s\nfresh_lifetime: %s\n' $FLEET_FRESH >>"$F/controller.yaml"
	ROLLCALL_CONFIG=$F/config.yaml
	export F FLEET_CONTROL FLEET_BLOBS ROLLCALL_CONFIG
}

# fleet_agent NAME SITE GLOB...   targets (a YAML list) on standard input. FLEET_LIMITS: the limits line, if other than the default.
fleet_agent() {
	local name=$1 site=$2 globs=() g
	shift 2
	for g in "$@"; do globs+=(--target "$g"); done
	local dir=$F/$name
	quietly "$ROLLCALL_BIN/rollcall-agent" init --name "$name" --site "$site" --dir "$dir" "${globs[@]}" || return 1
	quietly rc trust certify "$dir/$name.request" --key "$F/keys/enrol" --trust "$F/trust.env" --out "$dir/$name.cert" || return 1
	{
		cat <<-EOF
			name: $name
			site: $site
			data_dir: data
			controller: {endpoint: "$FLEET_CONTROL", blobs: "$FLEET_BLOBS", keys: ["$(cat "$F/keys/controller.curve.pub")"]}
			keys: {curve: curve.key, report: report.key}
			trust: ../trust.env
			certificate: $name.cert
			limits: ${FLEET_LIMITS:-"{max_parallel: 4, max_parallel_per_instance: 4, retry_budget: 60s, lock_timeout: 3s, statement_timeout: 60s, connect_timeout: 5s}"}
			targets:
		EOF
		cat
	} >"$dir/agent.yaml"
}

# fleet_lite NAME SITE LABELS DATABASE...   an agent with a target SITE/lite/DATABASE for each, a new SQLite file DATABASE.db
fleet_lite() {
	local name=$1 site=$2 labels=$3 database
	shift 3
	for database in "$@"; do
		touch "$F/$database.db"
		echo "  - {id: $site/lite/$database, dsn: \"sqlite:$F/$database.db\", labels: {$labels}}"
	done | fleet_agent "$name" "$site" "$site/*"
}

# fleet_three NAME SITE LABELS DATABASE   an agent with a target of each engine; $PG and $MY (servers.bash) have the database already, the SQLite file is new
fleet_three() {
	touch "$F/$4.db"
	fleet_agent "$1" "$2" "$2/*" <<-EOF
		  - {id: $2/lite/$4, dsn: "sqlite:$F/$4.db", labels: {$3, on: lite}}
		  - {id: $2/my/$4, dsn: "$(server_dsn "$MY" "$4")", labels: {$3, on: my}}
		  - {id: $2/pg/$4, dsn: "$(server_dsn "$PG" "$4")", labels: {$3, on: pg}}
	EOF
}

# Asks a database of fleet_three's as its administrator: bare rows.
fleet_ask() { # pg|my|lite DATABASE SQL
	case $1 in
	pg) server_sql "$PG" "$2" "$3" ;;
	my) server_sql "$MY" "$2" "$3" ;;
	lite) sqlite3 -cmd '.timeout 5000' "$F/$2.db" "$3" ;;
	esac
}

fleet_start_controller() { fleet_start_controller_as controller; }

fleet_start_controller_as() { # NAME: with NAME.yaml, NAME.log, NAME.pid
	"${ROLLCALL_CONTROLLER:-$ROLLCALL_BIN/rollcall-controller}" run --config "$F/$1.yaml" >>"$F/$1.log" 2>&1 3>&- &
	echo $! >"$F/$1.pid"
	disown # its death is no news of this shell
}

fleet_start_agent() {
	"${ROLLCALL_AGENT:-$ROLLCALL_BIN/rollcall-agent}" run --config "$F/$1/agent.yaml" >>"$F/$1.log" 2>&1 3>&- &
	echo $! >"$F/$1.pid"
	disown
}

# Agents that are started from here on have a wall clock that fleet_move_clock moves, also while they run.
fleet_moved_agents() {
	head -c 8 /dev/zero >"$F/clock"
	cat >"$F/moved-agent" <<-EOF
		#!/bin/sh
		LD_PRELOAD=$FLEET_SHIM/moved_clock.so ROLLCALL_CLOCK=$F/clock exec "${ROLLCALL_AGENT:-$ROLLCALL_BIN/rollcall-agent}" "\$@"
	EOF
	chmod +x "$F/moved-agent"
	ROLLCALL_AGENT=$F/moved-agent
}

# The same for a controller that is started from here on; fleet_move_clock SECONDS controller-clock.
fleet_moved_controller() {
	head -c 8 /dev/zero >"$F/controller-clock"
	cat >"$F/moved-controller" <<-EOF
		#!/bin/sh
		LD_PRELOAD=$FLEET_SHIM/moved_clock.so ROLLCALL_CLOCK=$F/controller-clock exec "${ROLLCALL_CONTROLLER:-$ROLLCALL_BIN/rollcall-controller}" "\$@"
	EOF
	chmod +x "$F/moved-controller"
	ROLLCALL_CONTROLLER=$F/moved-controller
}

fleet_move_clock() { # SECONDS ahead of the right time [FILE]
	perl -e 'print pack("q<", $ARGV[0] * 1000000)' -- "$1" | dd of="$F/${2:-clock}" conv=notrunc status=none
}

fleet_alive() { # PID: a zombie that nobody reaped yet is dead, but not while one of its threads is still closing what they shared
	local states
	states=$(sed 's/.*) //; s/ .*//' "/proc/$1"/task/*/stat 2>/dev/null || true)
	[ -n "$states" ] && grep -qv Z <<<"$states"
}

fleet_kill() { # NAME [SIGNAL]: controller or an agent; waits until it is gone
	local pid
	pid=$(cat "$F/$1.pid" 2>/dev/null) || return 0
	kill "-${2:-KILL}" "$pid" 2>/dev/null || true
	kill -CONT "$pid" 2>/dev/null || true # one that is paused takes the signal when it goes on
	while fleet_alive "$pid"; do sleep 0.02; done
	rm -f "$F/$1.pid"
}

fleet_agents() { # their names, one a line
	local y
	for y in "$F"/*/agent.yaml; do basename "$(dirname "$y")"; done
}

fleet_connect() { # CONTROL BLOBS: the operator's commands go there from here on
	local end=$((SECONDS + 60))
	while [ $SECONDS -le $end ]; do
		rc connect --endpoint "$1" --blobs "$2" --key "$F/keys/controller.curve.pub" --operator-key "$F/keys/operator.curve" >/dev/null 2>"$F/connect.err" && return 0
		sleep 0.05
	done
	cat "$F/connect.err" "$F"/*.log >&2
	return 1
}

# Starts everything and waits until every agent is connected.
fleet_up() {
	fleet_start_controller
	fleet_connect "$FLEET_CONTROL" "$FLEET_BLOBS" && fleet_agents_up
}

fleet_agents_up() { # where the controller runs
	local a
	for a in $(fleet_agents); do
		quietly rc agents admit "$F/$a/$a.cert" || return 1
		fleet_start_agent "$a"
	done
	fleet_wait_connected "$(fleet_agents | wc -l)"
}

# Until the command succeeds; when it did not within the time, what the agents are and what everybody said last.
fleet_await() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -le "$end" ] || { echo "not within the time: $*" >&2; rc agents list -o wide >&2; tail -n 12 "$F"/*.log >&2; return 1; }
		sleep 0.05
	done
}

# An agent that was killed with -9 counts until its session is replaced or given up: wait for what it is to do, then.
fleet_wait_connected() { fleet_await 90 fleet_has_connected "$1"; } # N

fleet_has_connected() {
	[ "$(rc agents list -o json 2>/dev/null | jq '[.agents[] | select(.state == "online")] | length')" = "$1" ]
}

fleet_is_gone() { ! fleet_alive "$(cat "$F/$1.pid")"; } # NAME: by itself

# Somebody else has a SQLite file for himself, and whoever wants to read or write there waits, until fleet_let_go.
fleet_hold_file() { # FILE
	exec 8> >(exec sqlite3 "$1" >/dev/null 2>&1 3>&-)
	printf '.timeout 60000\nBEGIN EXCLUSIVE;\n' >&8
	fleet_await 60 fleet_file_is_held "$1"
}

fleet_file_is_held() { [[ "$(sqlite3 "$1" 'BEGIN IMMEDIATE' 2>&1)" == *locked* ]]; }

fleet_let_go() {
	printf 'ROLLBACK;\n.quit\n' >&8 # not by closing alone: what was started meanwhile has inherited this descriptor
	exec 8>&-
}

# A file for each secret of the fleet in DIR, as leaks.pl takes them: private keys as they are in memory, and the passwords of the test's servers.
fleet_canaries() { # DIR
	local f name
	while read -r f; do
		name=${f#"$F/"}
		case $(head -n 1 "$f") in
		*'BEGIN PRIVATE KEY'*) sed -n 2p "$f" | base64 -d | tail -c 32 ;;
		*Secret*) sed -n 's/.*secret-key = "\(.*\)"/\1/p' "$f" | tr -d '\n' ;;
		esac >"$1/${name//\//.}"
	done < <(find "$F" -maxdepth 2 -type f \( -path "$F/keys/*" -o -name '*.key' \) ! -name '*.pub')
	for f in "${TMPDIR:-/tmp}"/rollcall-db-*; do
		[ "$(cat "$f/owner" 2>/dev/null)" != "${SERVER_OWNER:-$$}" ] || tr -d '\n' <"$f/password" >"$1/${f##*/}"
	done
	find "$1" -type f -size -8c -delete # none, and an encrypted key
}

# Nothing that a fleet logged, stored, reported or told holds a secret of it: in every test's end. tests/e2e/secrets.bats plants more, and looks further.
fleet_keeps_secrets() {
	local canaries rc=0
	canaries=$(mktemp -d "${TMPDIR:-/tmp}/rollcall-canaries-XXXXXX") && fleet_canaries "$canaries"
	find "$F" -type f -size -4M ! -path '*/keys/*' ! -name '*.key' ! -name '*.token' \
		\( -name '*.log' -o -name '*.out' -o -name '*.err' -o -name '*.json' -o -name '*.csv' -o -name '*.html' -o -name '*.audit' -o -path "$F/controller/*" -o -path "$F/*/data/*" \) -print0 |
		xargs -0r "$FLEET_LEAKS" "$canaries" || rc=$?
	rm -rf "$canaries"
	return $rc
}

fleet_down() {
	local p
	for p in "$F"/*.pid; do
		[ -e "$p" ] || continue
		fleet_kill "$(basename "$p" .pid)" TERM
	done
	[ ! -d "$F/keys" ] || fleet_keeps_secrets
}

# fleet_project NAME: the project $F/NAME for every engine, with an empty change file changes/1.sql, and the plan $F/NAME.yaml, all of dev in one wave.
fleet_project() {
	mkdir -p "$F/$1/changes"
	cat >"$F/$1/rollcall.yaml" <<-EOF
		project: $1
		engines: [postgresql, mariadb, sqlite]
		pipeline: [dev]
		changes: changes
		gates:
		  - {rule: PF04, level: off}
		  - {rule: PF23, level: off}
	EOF
	printf -- '--liquibase formatted sql\n' >"$F/$1/changes/1.sql"
	printf 'name: %s\nenvironments:\n  - {name: dev, waves: [{name: all}]}\n' "$1" >"$F/$1.yaml"
}

# fleet_release PROJECT VERSION: builds with the next sequence, signs, pushes; the file is $F/VERSION.release
fleet_release() {
	local sequence
	sequence=$(($(cat "$F/sequence" 2>/dev/null || echo 0) + 1))
	echo "$sequence" >"$F/sequence"
	if ! {
		rc release build "$1" --version "$2" --sequence "$sequence" --out "$F/$2.release" &&
			rc release sign "$F/$2.release" --key "$F/keys/release" &&
			rc release push "$F/$2.release"
	} >"$F/build.log" 2>&1; then
		cat "$F/build.log" >&2
		return 1
	fi
}

# fleet_start PLAN ENVIRONMENT VERSION: starts a rollout and prints its id (exit 3, waiting for approval, is fine)
fleet_start() {
	local out rc=0
	out=$(rc rollout start "$1" --environment "$2" --release "$3" -o json 2>"$F/start.err") || rc=$?
	[ $rc -eq 0 ] || [ $rc -eq 3 ] || { cat "$F/start.err" >&2; return 1; }
	[[ $out =~ \"rollout\":\ *\"([0-9a-f]+)\" ]] || { echo "no rollout in: $out" >&2; return 1; } # benches count the time: no jq
	echo "${BASH_REMATCH[1]}"
}

fleet_rollout_is() { # ROLLOUT STATE
	[ "$(rc rollout status "$1" -o json 2>/dev/null | jq -r '.rollouts[0].state')" = "$2" ]
}

fleet_approve() { # ROLLOUT TARGETS [KEY]
	rc rollout approve "$1" --key "$F/keys/${3:-approver}" --targets "$2" --reason test
}
