#!/usr/bin/env bats
# The site operator's commands, by hand and with what people get wrong: each message says what is wrong, where, and what to do; exit codes are those of the help; what programs read is
# JSON, also where there is nothing to show. One fleet for the file: an agent with two SQLite targets, and its controller.

setup_file() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin} NO_COLOR=1
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	export F FLEET_CONTROL FLEET_BLOBS ROLLCALL_CONFIG
	fleet_new "$BATS_FILE_TMPDIR/fleet" || return 1
	touch "$F/one.db" "$F/two.db"
	fleet_agent eu-1 eu 'eu/*' <<-YAML || return 1
		  - {id: eu/lite/one, dsn: "sqlite:$F/one.db", labels: {environment: dev}}
		  - {id: eu/lite/two, dsn: "sqlite:$F/two.db", labels: {environment: dev}}
	YAML
	fleet_up
}

teardown_file() { fleet_down; }

setup() {
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	cd "$F" || return 1
	export ROLLCALL_AGENT_CONFIG=$F/eu-1/agent.yaml
}

site() { timeout 30 "$ROLLCALL_BIN/rollcall-agent" "$@" </dev/null; }

# says CODE MESSAGE WORDS...: exit code and the whole of standard error; nothing on standard output
says() {
	local code=$1 message=$2 status=0
	shift 2
	site "$@" >out 2>err || status=$?
	[ "$status" -eq "$code" ] || { echo "$*: exit code $status, not $code: $(cat err)"; return 1; }
	[ "$(cat err)" = "rollcall-agent: $message" ] || { printf '%s\nsaid: %s\nnot:  %s\n' "$*" "$(cat err)" "rollcall-agent: $message"; return 1; }
	[ ! -s out ] || { cat out; return 1; }
}

says_line() { site status 2>&1 | grep -qF "$1"; }

await_line() { # TEXT: until status says it
	fleet_await 60 says_line "$1" || { site status; return 1; }
}

@test "every command has help with an example" {
	site --help >help
	grep -oE '^  [a-z]+( [a-z]+)?  ' help | sort -u >commands
	[ "$(wc -l <commands)" -ge 17 ]
	while read -r -a words; do
		site "${words[@]}" --help >out 2>err || { echo "${words[*]}"; return 1; }
		grep -q '^example:' out || { echo "no example: ${words[*]}"; return 1; }
		[ ! -s err ]
	done <commands
}

@test "agent.yaml is found by the option, the environment, or where it is by default" {
	site windows >/dev/null 2>&1
	site windows -c eu-1/agent.yaml >/dev/null 2>&1
	ROLLCALL_AGENT_CONFIG=nosuch site windows --config eu-1/agent.yaml >/dev/null 2>&1
	says 1 "nosuch: there is no such file: correct the path, or make it first" status --config nosuch
	unset ROLLCALL_AGENT_CONFIG
	[ -e /etc/rollcall/agent.yaml ] || says 2 "which agent? There is no /etc/rollcall/agent.yaml: give --config FILE, the agent.yaml, or set ROLLCALL_AGENT_CONFIG to it" status
}

@test "slips of the finger" {
	says 2 "unknown command 'staus': did you mean 'status'? See 'rollcall-agent --help'" staus
	says 2 "policy: unknown command 'shwo': did you mean 'policy show'? See 'rollcall-agent policy --help'" policy shwo
	says 2 "status: unknown option '--confg': did you mean '--config'? See 'rollcall-agent status --help'" status --confg x
	says 2 "history: an argument is missing: TARGET; see 'rollcall-agent history --help'" history
	says 2 "name one target, or give --all" hold
	says 2 "name one target, or give --all" hold --all eu/lite/one
	says 1 "eu/lite/onee is not a target of this agent: did you mean eu/lite/one? 'rollcall-agent check' lists them" hold eu/lite/onee
	says 1 "two is not a target of this agent: did you mean eu/lite/two? 'rollcall-agent check' lists them" history two
	says 1 "us/pg7/warehouse is not a target of this agent: 'rollcall-agent check' lists them" resolve us/pg7/warehouse
}

@test "times and numbers that are none are usage errors" {
	says 2 "--until yesterday: neither a moment (2027-11-30, 2027-11-30T12:00:00Z) nor a time from now (2h, 3d)" hold eu/lite/one --until yesterday
	says 2 "--until 2020-01-01: that is in the past" hold eu/lite/one --until 2020-01-01
	says 2 "--at 25:00: neither a moment (2027-11-30, 2027-11-30T12:00:00Z) nor a time from now (2h, 3d)" windows --at 25:00
	says 2 "--wait: 'soon' is not a duration: write a number and a unit, such as 250ms, 5s, 15m, 2h or 7d" enroll --token trust.env --trust trust.env --wait soon
	says 2 "log level 'loud': use error, warn, info or debug" run --log-level loud
}

@test "files that are something else" {
	says 1 "nosuch: there is no such file: correct the path, or make it first" trust install nosuch
	site trust install eu-1/agent.yaml 2>err && return 1
	grep -q '^rollcall-agent: eu-1/agent.yaml: not a signed document of Rollcall: give a trust document or a freshness document: ' err
	says 6 "trust.env: enrol-token: this is a signed trust; a signed enrol-token is needed here" enroll --token trust.env --trust trust.env
	says 1 "eu-1/agent.yaml: not a snapshot: give what 'rollcall-agent snapshot TARGET >FILE' wrote" snapshot eu/lite/one --diff eu-1/agent.yaml
	sed '/^targets:/,$d' eu-1/agent.yaml >eu-1/none.yaml
	echo 'targets: []' >>eu-1/none.yaml
	says 1 "eu-1/none.yaml:$(wc -l <eu-1/none.yaml): a list with too few entries stands here: give it at least one" check -c eu-1/none.yaml
	[ "$(id -u)" -ne 0 ] || {
		chmod 711 "$F" eu-1
		run setpriv --reuid=65534 --regid=65534 --clear-groups "$ROLLCALL_BIN/rollcall-agent" status
		chmod 700 "$F" eu-1
		[ "$status" -eq 1 ]
		[[ "$output" == *"agent.yaml: this user may not read it: type this as its owner, or with sudo" || "$output" == *"Permission denied"* ]] # the second: not even the program
	}
}

@test "options that exclude each other, or make no sense here" {
	says 2 "--applied, --not-applied, --retry, --validated and --accept-ledger exclude each other" resolve eu/lite/one --applied --retry --reason r
	says 2 "--reason is missing: say what you saw in the database" resolve eu/lite/one --applied
	says 2 "--yes to what? Name the TARGET or ROLLOUT: a yes is given to what was looked at" consent --yes 5f3a9c01
	says 2 "--diff shows, --accept decides: look first, then type --accept alone" snapshot eu/lite/one --accept --diff x
	says 2 "a snapshot is one text, which --diff and 'rollcall release build' read byte for byte: leave -o out" snapshot eu/lite/one -o json
	says 2 "--target 'us/*': it is of another site than this agent's: write eu/..." init --name eu-2 --site eu --dir new --target 'us/*'
	[ ! -e new ]
	says 2 "controller address '127.0.0.1:1': Invalid argument: write tcp://HOST:PORT" renew --endpoint 127.0.0.1:1 --wait 1s 2>/dev/null || {
		[ "$(tail -n 1 err)" = "rollcall-agent: controller address '127.0.0.1:1': Invalid argument: write tcp://HOST:PORT" ]
	}
}

@test "what programs read is JSON, also when there is nothing to show" {
	for words in status check windows 'policy show' consent 'resolve eu/lite/one' 'history eu/lite/one' 'trust show' 'hold eu/lite/one' 'unhold eu/lite/one' 'unhold eu/lite/one'; do
		# shellcheck disable=SC2086 # the words of a command
		site $words -o json 2>err | jq -e type >/dev/null || { echo "$words: $(cat err)"; return 1; }
	done
	[ "$(site unhold eu/lite/two -o json 2>/dev/null | jq -c .holds)" = '[{"target":"eu/lite/two","lifted":0}]' ]
	[ "$(site resolve eu/lite/one -o json 2>/dev/null | jq -c .steps)" = '[]' ]
}

@test "what a message says to type next can be typed" {
	site hold eu/lite/one --config eu-1/agent.yaml --until 2h >/dev/null 2>err
	next=$(grep -o 'rollcall-agent unhold .*' err)
	[ "$next" = "rollcall-agent unhold eu/lite/one --config eu-1/agent.yaml" ]
	PATH=$ROLLCALL_BIN:$PATH
	run $next
	[ "$status" -eq 0 ]
	[ "$output" = "1 hold lifted: what waited is offered again within a few seconds" ]
}

@test "check --connect proves the keys at each address of the controller, and leaves the running agent alone" {
	local before
	before=$(grep -c 'connected, epoch' eu-1.log)
	run site check --connect
	[ "$status" -eq 0 ]
	[ "$(grep -c 'connected, epoch' eu-1.log)" -eq "$before" ]
	[[ "$output" == *"$FLEET_CONTROL"*"control"*"connected"*"$FLEET_BLOBS"*"blobs"*"connected"*"eu/lite/two"*"connected"* ]]
	sed "s|$FLEET_CONTROL|tcp://127.0.0.1:1|" eu-1/agent.yaml >eu-1/wrong.yaml
	run site check --connect -c eu-1/wrong.yaml
	[ "$status" -eq 7 ]
	[[ "$(tr -s ' \n' ' ' <<<"$output")" == *"tcp://127.0.0.1:1 control failed controller at tcp://127.0.0.1:1 cannot be reached: check the address, and that rollcall-controller runs there"* ]]
	[ "${lines[-1]}" = "rollcall-agent: 1 of 2 addresses of the controller cannot be used: see the table" ]
}

@test "status says whether the agent runs and is connected, or why not" {
	await_line "agent eu-1 of site eu runs (process $(cat eu-1.pid)), connected to $FLEET_CONTROL since "
	[ "$(site status -o json 2>/dev/null | jq -r '.agent[0] | "\(.state) \(.process) \(.link) \(.address)"')" = "running $(cat eu-1.pid) connected $FLEET_CONTROL" ]
	fleet_kill controller
	await_line "), NOT CONNECTED since "
	await_line ": controller at $FLEET_CONTROL: it cannot be reached"
	fleet_kill eu-1
	run site status
	[[ "$output" == *"agent eu-1 of site eu DOES NOT RUN: nothing is delivered to its targets. Start it: rollcall-agent run"* ]]
	[ "$(site status -o json 2>/dev/null | jq -r '.agent[0] | "\(.state) \(.process) \(.link)"')" = "stopped null not-connected" ]
	says 2 "run: one argument too many: 'extra'; see 'rollcall-agent run --help'" run extra
}

@test "a clock that is an hour ahead is told at the site, in the list of agents and in the fleet's status" {
	fleet_moved_agents
	fleet_move_clock 3660
	fleet_start_controller
	fleet_start_agent eu-1
	await_line "this machine's clock is 61 min ahead of the controller's: windows, expiry and freshness go by it: set the wrong one right"
	offset_is_told() { [ "$(rc agents list -o json 2>/dev/null | jq '.agents[0]."clock-offset-ms" | . != null and . > 3650000 and . < 3670000')" = true ]; }
	fleet_await 60 offset_is_told
	run rc agents list
	[[ "$output" == *"its clock is 61 min ahead of the controller's: windows, expiry and freshness go by it: set the wrong one right"* ]]
	run rc status
	[[ "$output" == *"agent eu-1  clock-off, 2 targets"*"-> at its site: timedatectl"* ]]
	says 1 "eu-1/data: another agent runs on this data_dir: stop it first (process $(cat eu-1.pid); one that hangs or is paused holds it too, until it is killed)" run -c eu-1/agent.yaml 2>/dev/null
}
