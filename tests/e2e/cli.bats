#!/usr/bin/env bats
# The command line without a controller: exit codes and exact messages.

setup() {
	bin=$(cd "${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/release/bin}" && pwd)
	cd "$BATS_TEST_TMPDIR" || return
	export XDG_CONFIG_HOME=$BATS_TEST_TMPDIR/config HOME=$BATS_TEST_TMPDIR
	unset ROLLCALL_CONFIG ROLLCALL_PASSPHRASE_FILE
}

rollcall() { "$bin/rollcall" "$@"; }

# says CODE MESSAGE WORDS...: exit code and the whole of standard error.
says() {
	local code=$1 message=$2 status=0
	shift 2
	rollcall "$@" >out 2>err </dev/null || status=$?
	[ "$status" -eq "$code" ] || { echo "exit code $status: $(cat err)"; return 1; }
	[ "$(cat err)" = "$message" ] || { echo "said: $(cat err)"; return 1; }
	[ ! -s out ]
}

@test "every command has help with an example, and it goes to standard output" {
	rollcall --help >help
	grep -oE '^  [a-z]+( [a-z]+)?  ' help | sort -u >commands
	[ "$(wc -l <commands)" -ge 25 ]
	while read -r -a words; do
		rollcall "${words[@]}" --help >out 2>err || { echo "${words[*]}"; return 1; }
		grep -q '^example:' out || { echo "no example: ${words[*]}"; return 1; }
		[ ! -s err ]
	done <commands
}

@test "version" {
	run rollcall --version
	[ "$status" -eq 0 ]
	[[ $output =~ ^rollcall\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
}

@test "fsm draws every row of every state table, and each row says why" {
	rollcall fsm -o json >rows.json
	[ "$(jq '[.rows[].machine] | unique | join(" ")' -r rows.json)" = "delivery rollout wave" ]
	[ "$(jq '[.rows[] | select((.why // "") == "")] | length' rows.json)" = 0 ]
	rollcall fsm --dot >all.dot
	[ "$(grep -c '^digraph ' all.dot)" = 3 ]
	[ "$(grep -c -- ' -> ' all.dot)" = "$(jq '.rows | length' rows.json)" ]
	rollcall fsm --dot wave >wave.dot
	[ "$(grep -c '^digraph ' wave.dot)" = 1 ]
	says 2 "rollcall: there is no machine moon: give rollout, wave or delivery" fsm moon
}

@test "usage errors are exit 2 and say what was meant" {
	says 2 "rollcall: unknown command 'rolout': did you mean 'rollout'? See 'rollcall --help'" rolout list
	says 2 "rollcall: rollout: unknown command 'lst': did you mean 'rollout list'? See 'rollcall rollout --help'" rollout lst
	says 2 "rollcall: rollout start: option '--environment NAME' is required; see 'rollcall rollout start --help'" rollout start plan.yaml -r 1.0
	says 2 "rollcall: rollout watch: an argument is missing: ROLLOUT; see 'rollcall rollout watch --help'" rollout watch
	says 2 "rollcall: targets list: -o xml: there is no such format: use table, wide, json, ndjson, csv or name; see 'rollcall targets list --help'" targets list -o xml
	for f in json csv name; do
		says 2 "rollcall: -o $f: a watch tells changes as they come: use -o ndjson, or 'rollcall rollout status 3f2a91bc -o $f' for how it stands now" rollout watch 3f2a91bc -o $f
	done
}

@test "live commands without a known controller say how to connect" {
	says 2 "rollcall: $XDG_CONFIG_HOME/rollcall/config.yaml: no controller is known yet: run 'rollcall connect --endpoint tcp://HOST:7101 --blobs tcp://HOST:7110 --key KEY --operator-key FILE'" ping
	says 2 "rollcall: --target nonsense: a target is site/instance/database or site/instance/database/schema" history --target nonsense
	says 2 "rollcall: --timeout says how long to --wait: give both" rollout retry abc --timeout 5m
}

@test "a number or a time that is none is a usage error, before any controller is asked" {
	says 2 "rollcall: --timeout: 'soon' is not a duration: write a number and a unit, such as 250ms, 5s, 15m, 2h or 7d" rollout retry abc --wait --timeout soon
	says 2 "rollcall: --limit: 'x' is not a whole number" targets --limit x
	says 2 "rollcall: --limit: 0 is outside 1 to 100000" history --limit 0
	says 2 "rollcall: --until tomorrow: neither a date (2027-11-30, 2027-11-30T12:00:00Z) nor a time from now (365d, 12h)" freeze add --until tomorrow --reason r
	says 2 "rollcall: --until 2020-01-01: that is in the past" freeze add --until 2020-01-01 --reason r
	says 2 "rollcall: --from never: neither a date (2027-11-30, 2027-11-30T12:00:00Z) nor a time from now (365d, 12h)" freeze add --from never --until 2h --reason r
	says 2 "rollcall: --start-at soon: neither a date (2027-11-30, 2027-11-30T12:00:00Z) nor a time from now (365d, 12h)" rollout start p.yaml -e dev -r 1.0.0 --start-at soon
}

@test "connect: bad endpoint, bad key, missing key file" {
	key='rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7'
	says 2 "rollcall: --endpoint 127.0.0.1:1: write it as tcp://HOST:PORT" connect --endpoint 127.0.0.1:1 --blobs tcp://h:2 --key "$key" --operator-key k
	says 2 "rollcall: --blobs tcp://h:99999: write it as tcp://HOST:PORT" connect --endpoint tcp://h:1 --blobs tcp://h:99999 --key "$key" --operator-key k
	says 1 "rollcall: --operator-key: CURVE key: k: there is no such file: correct the path, or make it first" connect --endpoint tcp://h:1 --blobs tcp://h:2 --key "$key" --operator-key k
	[ ! -e "$XDG_CONFIG_HOME/rollcall/config.yaml" ]
}

@test "connect writes the configuration; an unreachable controller is exit 7 and writes nothing" {
	key='rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7'
	rollcall keys curve ./operator.curve
	status=0
	rollcall connect --endpoint tcp://127.0.0.1:1 --blobs tcp://127.0.0.1:2 --key "$key" --operator-key operator.curve 2>err || status=$?
	[ "$status" -eq 7 ]
	grep -q '^rollcall: nothing was written: ' err
	[ ! -e "$XDG_CONFIG_HOME/rollcall/config.yaml" ]
	rollcall connect --offline --endpoint tcp://127.0.0.1:1 --blobs tcp://127.0.0.1:2 --key "$key" --operator-key operator.curve --name a
	rollcall connect --offline --endpoint tcp://127.0.0.1:3 --blobs tcp://127.0.0.1:4 --key "$key" --operator-key operator.curve --name b
	grep -q '^current: "b"' "$XDG_CONFIG_HOME/rollcall/config.yaml"
	[ "$(grep -c 'name:' "$XDG_CONFIG_HOME/rollcall/config.yaml")" -eq 2 ]
	[ "$(stat -c %a "$XDG_CONFIG_HOME/rollcall/config.yaml")" = 600 ]
	says 2 "rollcall: $XDG_CONFIG_HOME/rollcall/config.yaml: no controller is named 'c' there: run 'rollcall connect --name c ...'" ping --controller c
}

@test "a release that is none, or that nobody signed, is not pushed" {
	echo nonsense >x.release
	status=0
	rollcall release push x.release 2>err || status=$?
	[ "$status" -eq 1 ]
	grep -q '^rollcall: x.release: ' err
	mkdir -p p/changes
	printf 'project: p\nengines: [sqlite]\npipeline: [dev]\nchanges: changes\n' >p/rollcall.yaml
	printf -- '--liquibase formatted sql\n--changeset a:b\nCREATE TABLE t (a int);\n--rollback DROP TABLE t;\n' >p/changes/1.sql
	rollcall release build p --version 1.0.0 --author a >/dev/null
	says 6 "rollcall: p/releases/p-1.0.0.release: nobody has signed it: run 'rollcall release sign p/releases/p-1.0.0.release --key FILE'" release push p/releases/p-1.0.0.release
}

@test "a folder, an empty file or a file of another kind in a document's place: what it is, and what to do" {
	mkdir folder && : >empty && echo text >other
	rollcall keys new ./ann --no-passphrase >/dev/null
	rollcall keys curve ./olga >/dev/null
	connection=(--endpoint tcp://h:1 --blobs tcp://h:2 --offline)
	for command in "trust show" "trust push" "release show" "release push" "agents admit" "trust sign --key ./ann" "gate check 3f2a91bc --trust" \
		"gate pass 3f2a91bc --key ./ann --trust"; do
		# shellcheck disable=SC2086 # words of a command
		{
			says 1 "rollcall: folder: a folder: name a file" $command folder
			says 1 "rollcall: empty: the file is empty: correct the path, or fetch the document again" $command empty
			says 1 "rollcall: other: not a signed document of Rollcall: correct the path, or fetch the document again (envelope: its bytes are no Envelope)" $command other
		}
	done
	says 1 "rollcall: other: not an order: give the file that 'rollcall rollout order' wrote: order: its bytes are no Order" \
		approve other --key ./ann --release other --targets 1 --reason r
	says 1 "rollcall: folder: a folder: name a file" audit verify folder
	says 1 "rollcall: empty:1: the file is empty: export the bundle again" audit verify empty
	says 1 "rollcall: --operator-key: CURVE key: folder: a folder: name a file" connect "${connection[@]}" --key olga.pub --operator-key folder
	says 2 "rollcall: other: a file, not a folder: name the folder of a project" lint other
	says 1 "rollcall: other: exists and is not a folder: choose another name" init other
}

@test "a file that this user may not read, or may not write" {
	[ "$(id -u)" -eq 0 ] || skip "only root can become another user here"
	: >closed && chmod 600 closed && mkdir shut && chmod 755 . shut
	nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/ "$bin/rollcall" "$@"; }
	run nobody trust sign closed --key closed
	[ "$output" = "rollcall: closed: this user may not read it: type this as its owner, or with sudo" ]
	run nobody audit verify closed
	[ "$output" = "rollcall: closed: this user may not read it: type this as its owner, or with sudo" ]
	run nobody init shut
	[ "$output" = "rollcall: shut/README.md: this user may not write there: choose another place, or type this as its owner or with sudo" ]
}

@test "what 'keys new NAME' made is found by the commands that take its public half" {
	for key in ann bob carol; do rollcall keys new $key --no-passphrase >/dev/null; done
	rollcall trust init --fleet shops --root ann.pub --release ann.pub --approver production=bob.pub --enrol bob.pub --expires 365d
	rollcall trust sign trust.env --key ann
	rollcall trust add-key trust.env carol.pub --role approver/production --out trust-2.env
	rollcall trust rotate trust.env bob carol.pub --out trust-3.env
	says 1 "rollcall: --root: role root: ./ann.pub: there is no such file: correct the path, or make it first" \
		trust init --fleet other --root ./ann.pub --release ann.pub --enrol bob.pub --out other.env
}
