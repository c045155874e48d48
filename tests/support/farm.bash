# A farm of many agents in a few processes (tests/bench/fleet), for end-to-end tests and `make bench-fanout`. Source fleet.bash first, then:
#   fleet_new DIR; farm_new AGENTS PROCESSES TARGETS_EACH; fleet_start_controller; farm_connect; ...; farm_down; fleet_down
# The controller must not run before farm_new is done: the agents go into its store directly.
# shellcheck shell=bash

# The farm's answer to one command: see tests/bench/fleet/farm.c
farm_ask() {
	local answer
	echo "$*" >&"$FARM_TO"
	read -r answer <&"$FARM_FROM" || return 1
	echo "$answer"
}

farm_new() { # AGENTS PROCESSES TARGETS_EACH
	local hello
	FARM_AGENTS=$1
	mkdir -p "$F/controller"
	mkfifo "$F/farm.to" "$F/farm.from"
	"${ROLLCALL_FARM:-$ROLLCALL_BIN/fleet_farm}" "$F" "$FLEET_CONTROL" "$1" "$2" "$3" <"$F/farm.to" >"$F/farm.from" 2>"$F/farm.log" 3>&- &
	FARM_PID=$!
	exec {FARM_TO}>"$F/farm.to" {FARM_FROM}<"$F/farm.from"
	read -r hello <&"$FARM_FROM"
	[ "$hello" = prepared ] || { cat "$F/farm.log" >&2; return 1; }
}

# farm_wait WORD N SECONDS: up or acked, see the farm
farm_wait() {
	local answer
	answer=$(farm_ask "$1" "$2" "$(($3 * 1000))")
	[ "$answer" = "$1 ${answer#* }" ] && return 0
	echo "the farm: $answer of $1 $2; $(farm_ask stats)" >&2
	return 1
}

farm_connect() { # SECONDS
	farm_ask start >/dev/null
	farm_wait up "$FARM_AGENTS" "$1"
}

farm_down() {
	[ -n "${FARM_PID:-}" ] || return 0
	echo quit >&"$FARM_TO" # not by closing: the controller has inherited this descriptor
	wait "$FARM_PID" 2>/dev/null || true
	exec {FARM_TO}>&- {FARM_FROM}<&-
	FARM_PID=
}

# A project of one changeset, a plan for each number of targets at a time: plan-N.yaml over the selector.
farm_project() {
	mkdir -p "$F/p/changes"
	printf -- '--liquibase formatted sql\n--changeset bench:one\nCREATE TABLE t (n INTEGER);\n--rollback DROP TABLE t;\n' >"$F/p/changes/one.sql"
	printf 'project: bench\nengines: [sqlite]\npipeline: [dev]\nchanges: changes\n' >"$F/p/rollcall.yaml"
}
farm_plan() { # FILE "wave" ...   each a flow mapping
	local file=$1 w
	shift
	printf 'name: dev\nenvironments:\n  - name: dev\n    waves:\n' >"$file"
	for w in "$@"; do printf '      - {%s}\n' "$w" >>"$file"; done
}

# What the farm did and what the store says must be the same, and each target must have had its task once: prints what differs.
farm_compare() {
	farm_ask record >/dev/null
	cat "$F"/record.* | awk -F'|' '{ print $1 "|" $2 "|" $4 "|" $5 "|" $6 }' | sort >"$F/farm.reports"
	sqlite3 "$F/controller/store.db" "SELECT agent || '|' || target || '|' || attempt || '|' || seq || '|' || outcome FROM report" | sort >"$F/store.reports"
	diff "$F/farm.reports" "$F/store.reports" | head -n 20
	cat "$F"/record.* | cut -d'|' -f2,3,4 | sort | uniq -d | sed 's/^/twice: /' | head -n 20
	sqlite3 "$F/controller/store.db" "SELECT 'not as reported: ' || d.target || ' is ' || d.state FROM delivery d
		WHERE EXISTS (SELECT 1 FROM report p WHERE p.rollout = d.rollout AND p.target = d.target) AND d.state <> (
			SELECT p.outcome FROM report p WHERE p.rollout = d.rollout AND p.target = d.target ORDER BY p.received_at_us DESC, p.seq DESC LIMIT 1) LIMIT 20"
}
