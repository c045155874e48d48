#!/usr/bin/env bats
# Where a site fetches blobs from is in a thief's hands: a mirror that has the controller's key, or the road to it. What is not what it should be is not taken, the next address is asked,
# and the site's own screen says which one is not to be trusted. The numbers are those of the list of attacks (README, Trust).
bats_require_minimum_version 1.5.0

setup_file() {
	: "${ROLLCALL_BIN:=${ROLLCALL_DEBUG_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}}"
	export ROLLCALL_BIN F FLEET_CONTROL FLEET_BLOBS ROLLCALL_CONFIG MIRROR
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/stolen.bash"
	stolen_site "$BATS_FILE_TMPDIR/fleet" || return 1
	MIRROR=tcp://127.0.0.1:$(port_take)
	cp "$F/eu-1/agent.yaml" "$F/direct.yaml"
	sed "s|blobs: \"$FLEET_BLOBS\"|blobs: \"$MIRROR\"|" "$F/direct.yaml" >"$F/alone.yaml"
	sed "s|blobs: \"$MIRROR\"|&, also: [{endpoint: \"$FLEET_CONTROL\", blobs: \"$FLEET_BLOBS\"}]|" "$F/alone.yaml" >"$F/both.yaml"
}

setup() {
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/stolen.bash"
	cd "$F" || return 1
}

teardown() {
	fleet_kill eu-1
	fleet_kill controller
	mirror_ends
	[ ! -e proxy.pid ] || { kill "$(cat proxy.pid)" 2>/dev/null || true; rm proxy.pid; }
}

mirror() { # MODE [ENDPOINT [FOLDER]]
	"$ATTACK_BIN/mirror" --key keys/controller.curve --listen "${2:-$MIRROR}" --dir "${3:-puppet}" "$1" >mirror.log 2>&1 3>&- &
	echo $! >mirror.pid
	fleet_await 60 listens "${2:-$MIRROR}"
}

mirror_ends() { [ ! -e mirror.pid ] || { kill "$(cat mirror.pid)" 2>/dev/null || true; rm mirror.pid; }; }

marked() { agent_of_site status -o json 2>/dev/null | jq -r '."marked-addresses"[0] | .address + ": " + .detail'; }

# A release that everybody has signed and approved, but that this agent cannot take (C7), so that it tells that it came whole.
unknown_release() { # NAME [EDIT]
	# shellcheck disable=SC2086 # words
	forge release 1.2.0.release critical=teleport ${2:-} "version=1.2.$RANDOM" >"$1.payload" && forge wrap release "$1.payload" keys/release keys/release2 >"$1.release"
	forged_offer "$1" "$F/$1.release" "" approver approver2
}

@test "ATK-42: a mirror that serves other content, beside an honest controller" {
	cp both.yaml eu-1/agent.yaml
	mirror other "$MIRROR" controller/blobs
	fleet_start_controller
	fleet_connect "$FLEET_CONTROL" "$FLEET_BLOBS" # an agent that finds nobody here goes on by its next address, and never sees the mirror
	fleet_start_agent eu-1
	fleet_wait_connected 1
	local id k
	id=$(fleet_start plan.yaml production 1.2.0)
	for k in approver approver2; do fleet_approve "$id" 1 "$k" >/dev/null 2>&1 || true; done
	quietly rc rollout watch "$id" --timeout 60s
	[ "$(sqlite3 one.db "SELECT count(*) FROM sqlite_schema WHERE name = 'c2'")" = 1 ]
	[ "$(grep -c FETCH mirror.log)" = 1 ] # of the order and the release the second is not asked of it any more
	[ "$(marked)" = "$MIRROR: the bytes do not have the hash that was asked for" ]
	agent_of_site status 2>/dev/null | grep -q "^ADDRESSES ASKED LAST"
	[[ "$(agent_of_site status -o json 2>/dev/null | jq -r '.refusals[0] | .check + ": " + .detail')" == "C18 content: blobs at $MIRROR: "*"the next address is asked, and this one last for an hour" ]]
	told ATK-42 "a mirror with the controller's key serves other content under the right hash name" "the next one is asked and serves; the mirror is marked, and asked last (C18 content on the site's screen)"
}

@test "ATK-42 and ATK-15: what a mirror may send instead, and the next address" {
	cp both.yaml eu-1/agent.yaml
	local mode
	for mode in other more long infinite octets; do
		unknown_release "$mode"
		mirror "$mode"
		EPOCH=1000 attack ATK-42 "a mirror that sends $mode" "REPORT refused: C7 release: .*needs the feature 'teleport'" offer "$OFFER"
		[ "$mode" = more ] || [[ "$(marked)" == "$MIRROR: "* ]] # another size: it may be the offer that lies
		[ "$(grep -c FETCH mirror.log)" -le 2 ] # the second only on the connection that had answered rightly until then
		mirror_ends
	done
}

@test "ATK-15: a thief's controller that sends chunks without an end, too many, too long, or octet by octet" {
	cp alone.yaml eu-1/agent.yaml
	local mode
	for mode in more long infinite octets; do
		unknown_release "$mode"
		mirror "$mode"
		EPOCH=1000 attack ATK-15 "chunks: $mode" "REPORT refused: C(18 content: (the order|the release) could not be fetched|7 release: )" offer "$OFFER,wait=60000"
		[ "$mode" = infinite ] || [[ $SAID == C18* ]] # there the right chunks come first, and nothing of what follows is taken
		mirror_ends
	done
}

@test "ATK-15: the bytes drip over the wire" {
	cp alone.yaml eu-1/agent.yaml
	local port behind
	behind=$(port_take)
	unknown_release drip "sql=$(printf '%060000d' 0)"
	mirror honest "tcp://127.0.0.1:$behind"
	rm -rf road && mkdir road
	"$ATTACK_BIN/../fault/proxy" road "$behind" 1 >/dev/null 2>&1 3>&- &
	echo $! >proxy.pid
	fleet_await 60 test -s road/port
	port=$(cat road/port)
	sed -i "s|$MIRROR|tcp://127.0.0.1:$port|" eu-1/agent.yaml
	echo "drip 2" >road/rules
	EPOCH=1000 attack ATK-15 "octet by octet over the wire, until the order's time is over" "ACCEPT REPORT refused: C18 content: (the order|the release) could not be fetched" \
		offer "$OFFER,deadline=$(($(date +%s) * 1000000 + 60000000)),wait=80000"
	agent_of_site status -o json 2>/dev/null | jq -e '[.refusals[].detail] | any(test("no chunk came in time, twice in a row: agent.yaml names no other address"))'
}

sample() { # PID: how large it becomes, into peaks
	for _ in $(seq 130); do awk '/VmHWM/ { print int($2 / 1024) }' "/proc/$1/status" 2>/dev/null && sleep 0.1; done >peaks 3>&-
}

small() { # WHERE: the process never was large
	echo "# peak $1: $(sort -n peaks | tail -n 1) MB" >&3
	[ "$(sort -n peaks | tail -n 1)" -lt 300 ]
}

refused_as_endless() { agent_of_site status -o json 2>/dev/null | jq -e '.refusals[0] | .check == "C1 message" and (.detail | test("it sends a message that does not end"))' >/dev/null; }

@test "ATK-16 at the site: a message whose parts do not end" {
	cp alone.yaml eu-1/agent.yaml
	unknown_release parts
	mirror parts
	start_site() { # and look how large it becomes
		fleet_start_agent eu-1
		local pid
		pid=$(cat eu-1.pid)
		sample "$pid" &
		sampler=$!
	}
	EPOCH=1000 attack ATK-16 "parts without an end, to the site" "no answer|REPORT refused: C18 content" offer "$OFFER,wait=12000"
	wait "$sampler" || true
	small parts
	sed -i "s|endpoint: \"$FLEET_CONTROL\"|endpoint: \"$MIRROR\"|" eu-1/agent.yaml
	start_site
	fleet_await 60 refused_as_endless
	fleet_kill eu-1
	wait "$sampler" || true
	small HELLO
	told ATK-16 "parts without an end, by who is taken for the controller" "refused (C1 message), the connection is closed, 0 statements"
}

@test "ATK-16 at the operator's desk: a message whose parts do not end" {
	local desk rc
	export ROLLCALL_CONFIG=$F/foreign.yaml
	mirror parts
	quietly rc connect --offline --endpoint "$MIRROR" --blobs "$MIRROR" --key keys/controller.curve.pub --operator-key keys/operator.curve
	"$ROLLCALL_BIN/rollcall" status >desk.log 2>&1 3>&- &
	desk=$!
	sample "$desk" || true # it ends
	rc=0
	wait "$desk" || rc=$?
	[ "$rc" -ne 0 ]
	grep -F "$MIRROR sends a message that does not end" desk.log
	small desk
	told ATK-16 "parts without an end, to the operator's tool" "refused, the connection is closed"
}

@test "ATK-15: offers without an end, whose content never comes" {
	cp alone.yaml eu-1/agent.yaml
	cp -a eu-1/data kept
	unknown_release crowd
	mirror silent
	local i many=()
	for i in $(seq 40); do many+=(offer "${OFFER/task=*,attempt/task=$(printf '%032x' "$i"),attempt},wait=100$([ "$i" -le 32 ] || echo ,word=100)"); done
	EPOCH=1000 attack ATK-15 "40 offers for one target" "^(ACCEPT no answer ){32}(no answer ){8}$" "${many[@]}"
	[ "$(agent_of_site status -o json 2>/dev/null | jq '.tasks | length')" = 32 ]
	[ "$(last_refusal)" = "C1 message" ]
	rm -r eu-1/data && mv kept eu-1/data
}
