#!/usr/bin/env bats
# ATK-31: a thief at the controller begins a wave before the one before it has passed. The trust document names two gate keys, both must sign; the thief has everything that went through
# the controller, the passes of an earlier rollout among it. Every attack drives the real agent; its databases are compared before and after.
bats_require_minimum_version 1.5.0

setup_file() {
	: "${ROLLCALL_BIN:=${ROLLCALL_DEBUG_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}}"
	export ROLLCALL_BIN F FLEET_CONTROL FLEET_BLOBS ROLLCALL_CONFIG FLEET_GATES=2 FLEET_APPROVALS=1
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/stolen.bash"
	fleet_new "$BATS_FILE_TMPDIR/fleet" || return 1
	touch "$F"/{one,two,three}.db
	fleet_agent eu-1 eu 'eu/*' <<-END || return 1
		  - {id: eu/lite/one, dsn: "sqlite:$F/one.db", labels: {environment: production, ring: first}}
		  - {id: eu/lite/two, dsn: "sqlite:$F/two.db", labels: {environment: production, ring: second}}
		  - {id: eu/lite/three, dsn: "sqlite:$F/three.db", labels: {environment: production}}
	END
	fleet_up || return 1
	mkdir -p "$F/shop/changes" "$F/loot"
	printf 'project: shop\nengines: [sqlite]\npipeline: [production]\nchanges: changes\n' >"$F/shop/rollcall.yaml"
	printf 'name: shop\nenvironments:\n  - name: production\n    waves: [{name: canary, selector: ring=first}, {name: early, selector: ring=second}, {name: rest}]\n' >"$F/plan.yaml"
	# 1.0.0 went everywhere, with every pass; 1.1.0 is through with its canary, and nobody has signed for that yet.
	rollout 1.0.0 canary early && wait_for succeeded rollouts state || return 1
	rollout 1.1.0 && wait_for awaiting-pass waves state || return 1
	fleet_kill eu-1
	fleet_kill controller
	loot 1.0.0 && loot 1.1.0
}

wait_for() { # STATE TABLE COLUMN: of the first row
	fleet_await 60 is_so "$@" || { rc rollout status "$id" >&2; return 1; }
}

gate_holds() { rc gate check "$id" --wave "$1" --trust "$F/trust.env" >/dev/null 2>&1; } # WAVE

is_so() { [ "$(rc rollout status "$id" -o json 2>/dev/null | jq -r --arg t "$2" --arg c "$3" '.[$t][0][$c]')" = "$1" ]; }

rollout() { # VERSION WAVE...: begun, and passed by both keys through these waves
	local w k
	printf -- '--liquibase formatted sql\n--changeset a:c%s\nCREATE TABLE c%s (id integer);\n--rollback DROP TABLE c%s;\n' "${1:2:1}" "${1:2:1}" "${1:2:1}" >"$F/shop/changes/${1:2:1}.sql"
	fleet_release "$F/shop" "$1" || return 1
	id=$(fleet_start "$F/plan.yaml" production "$1") || return 1
	echo "$id" >"$F/loot/$1.id"
	fleet_approve "$id" 3 >/dev/null 2>&1 || return 1
	for w in "${@:2}"; do
		fleet_await 60 gate_holds "$w"
		for k in gate gate2; do rc gate pass "$id" --wave "$w" --trust "$F/trust.env" --key "$F/keys/$k" >/dev/null 2>"$F/pass.err" || [ $? -eq 3 ] || { cat "$F/pass.err" >&2; return 1; }; done
	done
}

loot() { # VERSION: what the store has of its rollout
	local s=$F/controller/store.db l=$F/loot/$1 r
	r=$(cat "$l.id")
	sqlite3 "$s" "SELECT writefile('$l.order', order_bytes) FROM rollout WHERE id = '$r'; SELECT writefile('$l.approval', envelope) FROM approval WHERE rollout = '$r';
		SELECT writefile('$l.' || wave || '.' || signer, envelope) FROM gate_pass WHERE rollout = '$r'" >/dev/null
	sqlite3 -separator ' ' "$s" "SELECT no, wave, target, lower(hex(salt)) FROM delivery WHERE rollout = '$r' ORDER BY no" >"$l.leaves"
	forge dossier "$l.order" "$l.approval" >"$l.dossier"
}

setup() {
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/stolen.bash"
	# shellcheck disable=SC2317 # attack calls it
	stolen_state() { for d in one two three; do sqlite3 "$F/$d.db" .dump; done | sha256sum; }
	cd "$F" || return 1
	loot=$F/loot/1.1.0
}

teardown() { fleet_kill eu-1; }

forge_gate() { "$ATTACK_BIN/forge_gate" "$@"; }

# begin TARGET [PASS...]: 1.1.0 with its genuine order and approval and these passes; the offer in OFFER
begin() {
	local target=$1
	shift
	forge_gate dossier "$loot.dossier" "$@" >offered.dossier && forge proof "$loot.leaves" "$target" >offered.proof
	OFFER="target=$target,release=$F/1.1.0.release,dossier=$F/offered.dossier,proof=$F/offered.proof,task=$(forge task "$loot.order" "$target" apply),attempt=ATTEMPT"
}

# pass NAME WAVE "edits" KEY...: over the order of 1.1.0, a pass each in NAME.KEY
pass() {
	local name=$1 wave=$2 edits=$3 k
	shift 3
	# shellcheck disable=SC2086 # words
	forge_gate pass "$loot.order" "$wave" $edits >"$name.payload" || return 1
	for k in "$@"; do forge wrap gate-pass "$name.payload" "keys/$k" >"$name.$k" || return 1; done
}

@test "ATK-31: the third wave at once, and the second one, without a pass" {
	begin eu/lite/three
	attack ATK-31 "the last wave begun at once" "REPORT refused: C12 wave-gate: wave rest of order .* begins only when a gate's keys say that wave early has passed: 0 of 2 signatures" offer "$OFFER"
	begin eu/lite/two
	attack ATK-31 "the second wave begun before its gate" "REPORT refused: C12 wave-gate: wave early .* that wave canary has passed: 0 of 2 signatures \(gate\)" offer "$OFFER"
}

@test "ATK-31: passes by keys that are not the gate's" {
	pass own canary "" release approver enrol stranger
	begin eu/lite/two own.release own.approver own.enrol own.stranger
	attack ATK-31 "a pass signed by the thief, by release, approver and enrol keys" "C12 wave-gate: .*0 of 2 signatures" offer "$OFFER"
	pass half canary "" gate
	begin eu/lite/two half.gate
	attack ATK-31 "a pass by one of the two gate keys, stolen too" "C12 wave-gate: .*1 of 2 signatures \(gate\): signed by gate; have one of gate2" offer "$OFFER"
	pass again canary "expires=$(($(date +%s) + 900))000000" gate
	forge add-signatures half.gate again.gate >twice.gate
	begin eu/lite/two half.gate again.gate twice.gate
	attack ATK-31 "the same gate key in several passes" "C12 wave-gate: .*1 of 2 signatures" offer "$OFFER"
	forge unwrap half.gate >payload && forge wrap approval payload keys/gate keys/gate2 >typed.gate
	begin eu/lite/two typed.gate
	attack ATK-31 "a pass that was signed as an approval" "C12 wave-gate: .*0 of 2 signatures" offer "$OFFER"
}

@test "ATK-31: genuine passes of something else" {
	begin eu/lite/two "$F"/loot/1.0.0.0.gate "$F"/loot/1.0.0.0.gate2
	attack ATK-31 "the passes of an earlier order" "C12 wave-gate: .*not counted: gate's \(is of another order\), gate2's \(is of another order\)" offer "$OFFER"
	pass canary canary "" gate gate2
	begin eu/lite/three canary.gate canary.gate2
	attack ATK-31 "the canary's passes for the wave after the next" "C12 wave-gate: wave rest .*0 of 2 signatures" offer "$OFFER"
	pass renamed canary "wave-name=early number=1" gate gate2
	forge flip renamed.gate 90 >bent.gate && forge flip renamed.gate2 90 >bent.gate2
	begin eu/lite/three bent.gate bent.gate2
	attack ATK-31 "a pass with a bit flipped" "REPORT refused: C12 wave-gate" offer "$OFFER"
	pass other canary "release-of=$F/loot/1.0.0.order" gate gate2
	begin eu/lite/two other.gate other.gate2
	attack ATK-31 "a pass of another release" "C12 wave-gate: .*\(is of another release\)" offer "$OFFER"
}

@test "ATK-31: passes before and after their time" {
	local now
	now=$(date +%s)000000
	pass ended canary "created=$((now - 7200000000)) expires=$((now - 3600000000))" gate gate2
	begin eu/lite/two ended.gate ended.gate2
	attack ATK-31 "passes that have expired" "C12 wave-gate: .*gate's \(expired\)" offer "$OFFER"
	pass soaking canary "created=$((now + 300000000)) soak-until=$((now + 300000000))" gate gate2
	begin eu/lite/two soaking.gate soaking.gate2
	attack ATK-31 "passes from before the soak is over" "C12 wave-gate: .*\(the wave's soak is not over\)" offer "$OFFER"
	forge_gate pass "$loot.order" canary "soak-until=$((now + 3600000000))" >early.payload
	forge wrap gate-pass early.payload keys/gate keys/gate2 >early.pass
	begin eu/lite/two early.pass
	attack ATK-31 "a pass made before the soak that it names was over" "REPORT refused: C12 wave-gate" offer "$OFFER"
}

@test "ATK-31: a target that is said to be in the first wave" {
	begin eu/lite/three
	forge proof "$loot.leaves" eu/lite/three wave=0 >offered.proof
	attack ATK-31 "another wave in the target's proof" "C10 target: .*is not in the frozen list" offer "$OFFER"
}

@test "with the passes of both keys it runs: what was refused was refused for want of them" {
	pass good canary "" gate gate2
	begin eu/lite/two good.gate good.gate2
	puppet offer "${OFFER/ATTEMPT/99}" >answer 2>&1 3>&- &
	local thief=$!
	fleet_await 60 listens "$FLEET_CONTROL"
	fleet_start_agent eu-1
	wait "$thief"
	grep -q "REPORT applied" answer || { cat answer && tail eu-1.log && false; }
	[ "$(sqlite3 two.db "SELECT count(*) FROM sqlite_master WHERE name = 'c1'")" = 1 ]
	[ "$(sqlite3 three.db "SELECT count(*) FROM sqlite_master WHERE name = 'c1'")" = 0 ]
}
