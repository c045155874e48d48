# A site and the loot of a theft: everything that the controller's machine had (its CURVE key, its store, every document that went through it). Source it after fleet.bash.
# The site has one agent, eu-1, with eu/lite/one and eu/lite/two; releases need two signatures, production two approvals. Releases 1.0.0 and 1.1.0 went over eu/lite/one with
# everybody's consent; 1.2.0 is signed and was never approved.
# shellcheck shell=bash

: "${ATTACK_BIN:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/debug/tests/attack}"

forge() { "$ATTACK_BIN/forge" "$@"; }

stolen_site() { # FOLDER
	export FLEET_RELEASE_SIGNATURES=2 FLEET_APPROVALS=2
	fleet_new "$1" || return 1
	touch "$F/one.db" "$F/two.db"
	fleet_agent eu-1 eu 'eu/*' <<-EOF || return 1
		  - {id: eu/lite/one, dsn: "sqlite:$F/one.db", labels: {environment: production, ring: first}}
		  - {id: eu/lite/two, dsn: "sqlite:$F/two.db", labels: {environment: production}}
	EOF
	fleet_up || return 1
	mkdir -p "$F/shop/changes" "$F/loot"
	printf 'project: shop\nengines: [sqlite]\npipeline: [production]\nchanges: changes\n' >"$F/shop/rollcall.yaml"
	printf 'name: shop\nenvironments:\n  - name: production\n    waves: [{name: all, selector: "ring=first", max_parallel: 4}]\n' >"$F/plan.yaml"
	local n
	for n in 0 1 2; do
		printf -- '--liquibase formatted sql\n--changeset a:c%s\nCREATE TABLE c%s (id integer);\n--rollback DROP TABLE c%s;\n' "$n" "$n" "$n" >"$F/shop/changes/$n.sql"
		stolen_release "1.$n.0" || return 1
		[ "$n" = 2 ] || stolen_rollout "1.$n.0" || return 1
		[ "$n" = 0 ] || continue
		fleet_kill eu-1 TERM # a picture of the site, to be set back to
		cp -a "$F/eu-1/data" "$F/one.db" "$F/loot"
		fleet_start_agent eu-1 && fleet_wait_connected 1 || return 1
	done
	fleet_kill eu-1
	fleet_kill controller
}

stolen_release() { # VERSION
	local sequence
	sequence=$(($(cat "$F/sequence" 2>/dev/null || echo 0) + 1))
	echo "$sequence" >"$F/sequence"
	quietly rc release build "$F/shop" --version "$1" --sequence "$sequence" --out "$F/$1.release" &&
		quietly rc release sign "$F/$1.release" --key "$F/keys/release" && quietly rc release sign "$F/$1.release" --key "$F/keys/release2" &&
		quietly rc release push "$F/$1.release"
}

# What a thief finds of it: order, approvals, target list, and with them what the agent was sent: $F/loot/VERSION.{order,approver,approver2,leaves,dossier,proof,task}
stolen_rollout() { # VERSION
	local id k
	id=$(fleet_start "$F/plan.yaml" production "$1") || return 1
	for k in approver approver2; do fleet_approve "$id" 1 "$k" >/dev/null 2>&1 || true; done
	quietly rc rollout watch "$id" --timeout 60s || return 1
	local s=$F/controller/store.db l=$F/loot/$1
	sqlite3 "$s" "SELECT writefile('$l.order', order_bytes) FROM rollout WHERE id = '$id'; SELECT writefile('$l.' || approver, envelope) FROM approval WHERE rollout = '$id'" >/dev/null
	sqlite3 -separator ' ' "$s" "SELECT no, wave, target, lower(hex(salt)) FROM delivery WHERE rollout = '$id' ORDER BY no" >"$l.leaves"
	forge dossier "$l.order" "$l.approver" "$l.approver2" >"$l.dossier"
	forge proof "$l.leaves" eu/lite/one >"$l.proof"
	forge task "$l.order" eu/lite/one apply >"$l.task"
}

# The databases and what the site's ledgers say, as one digest.
stolen_state() { for d in "$F/one.db" "$F/two.db"; do sqlite3 "$d" .dump; done | sha256sum; }

puppet() { # ACTION... : the thief takes the controller's place, with its key, at its address
	"$ATTACK_BIN/puppet" --key "$F/keys/controller.curve" --control "$FLEET_CONTROL" --blobs "$FLEET_BLOBS" --dir "$F/puppet" --epoch "${EPOCH:-1000}" \
		--agent "eu-1=$(cat "$F/eu-1/curve.key.pub")" "$@"
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/${1##*:}") 2>/dev/null; } # ENDPOINT

# attack ID NAME PATTERN ACTION...: the answer must match PATTERN (a regular expression), nothing in any database may have changed, and the site's own screen must say what it refused and by which
# check. "ATTEMPT" in an action becomes a number that was not used before. $answer is left for those who want to show it.
attack() {
	local id=$1 name=$2 pattern=$3 before
	shift 3
	before=$(stolen_state)
	ATTEMPT=$(($(cat "$F/attempt" 2>/dev/null || echo 10) + 1))
	echo "$ATTEMPT" >"$F/attempt"
	puppet "${@//ATTEMPT/$ATTEMPT}" >"$F/answer" 2>&1 3>&- &
	local thief=$!
	until listens "$FLEET_CONTROL" || ! fleet_alive "$thief"; do sleep 0.02; done
	start_site
	wait "$thief" || { cat "$F/answer" && tail "$F/eu-1.log" && return 1; }
	fleet_kill eu-1
	answer=$(tr '\n' ' ' <"$F/answer")
	if ! grep -qE "$pattern" <<<"$answer"; then echo "$id $name: wanted $pattern, got: $answer" && return 1; fi
	if [ "$(stolen_state)" != "$before" ]; then echo "$id $name: a database was changed; the answer was: $answer" && return 1; fi
	SAID=$(sed -nE 's/.*(REPORT (refused|needs-attention|failed|held):|REFUSE) (-|C[0-9]+ [a-z-]+):.*/\3/p' <<<"$answer")
	if ! on_the_screen "$SAID" "$(grep -oE 'target=[^,]+' <<<"$*" | tail -n 1)"; then echo "$id $name: the screen does not say $SAID: $screen; the answer was: $answer" && return 1; fi
	[ -n "$id" ] || return 0
	[[ $answer != *"REFUSE hold: "* ]] || SAID="C2 site-policy"
	case $answer in
	*"REPORT applied"*) told "$id" "$name" "already done, by the ledger, 0 statements" ;;
	*) told "$id" "$name" "refused${SAID:+ ($SAID)}, 0 statements" ;;
	esac
}

# on_the_screen CHECK target=TARGET: the newest line of `status` names the check, and so does `history` when the target is one of the site's. "-" is what a refusal without a check would say.
on_the_screen() {
	local target=${2#target=}
	screen=
	if [[ $answer == *"REFUSE hold: "* ]]; then
		screen=$(agent_of_site status -o json 2>/dev/null | jq -r '.held[0] | .why + ", " + .check')
		[ "$screen" = "hold, C2 site-policy" ] || return 1
	fi
	[ -n "$1" ] || return 0
	screen=$(last_refusal)
	[ "$screen" = "$1" ] || return 1
	[[ $answer == *REPORT* ]] || return 0
	screen=$(agent_of_site history "$target" --offline -o json 2>/dev/null | jq -r '.reports[-1].detail')
	[[ $screen == "$1: "* ]]
}

last_refusal() { agent_of_site status -o json 2>/dev/null | jq -r '.refusals[0].check'; }

# SITE_CLOCK: a file with what its clock is ahead (tests/fault/shim/moved_clock.c).
start_site() { # a test may put its own in its place
	if [ -n "${SITE_CLOCK:-}" ]; then
		LD_PRELOAD=$ATTACK_BIN/../fault/shim/moved_clock.so ROLLCALL_CLOCK=$SITE_CLOCK fleet_start_agent eu-1
	else
		fleet_start_agent eu-1
	fi
}

# One line for each attack; ATTACK_LOG: a file that collects them for tests/attack/table.
told() {
	echo "# $1 $2 ... $3" >&3
	[ -z "${ATTACK_LOG:-}" ] || echo "$1 $2 ... $3" >>"$ATTACK_LOG"
}

not_played() { told "$1" "$2" "not played: $3"; }

# An order that nobody approved: edited from a genuine one, with approvals over it by the keys that are named (with APPROVAL_EDITS in each). What comes back in OFFER is ready to be offered.
forged_offer() { # NAME RELEASE-FILE "order edits" KEY...
	local name=$1 release=$2 edits=$3 k approvals=()
	shift 3
	# shellcheck disable=SC2086 # words
	forge order "$F/loot/1.1.0.order" id="$(head -c 16 /dev/urandom | od -An -v -tx1 | tr -d ' \n')" release-of="$release" $edits >"$F/$name.order" || return 1
	for k in "$@"; do
		# shellcheck disable=SC2086 # words
		forge approval "$F/$name.order" approver="$k" ${APPROVAL_EDITS:-} >"$F/$name.approval" && forge wrap approval "$F/$name.approval" "$F/keys/$k" >"$F/$name.$k" || return 1
		approvals+=("$F/$name.$k")
	done
	forge dossier "$F/$name.order" "${approvals[@]}" >"$F/$name.dossier"
	# shellcheck disable=SC2034 # for the caller
	OFFER="target=eu/lite/one,release=$release,dossier=$F/$name.dossier,proof=$F/loot/1.1.0.proof,task=$(forge task "$F/$name.order" eu/lite/one apply),attempt=ATTEMPT"
}

# ---- trust documents and freshness ----

agent_of_site() { "$ROLLCALL_BIN/rollcall-agent" "$@" --config "$F/eu-1/agent.yaml"; }
believed() { agent_of_site trust show -o csv 2>/dev/null | awk -F, -v d="$1" '$1 == d { print $2 }'; } # not by jq: 2^63-1 is a version too

# taught ID NAME PATTERN TRUST FRESH DOCUMENT...: the thief names documents ("VERSION:FILE", "fresh=VERSION:FILE") to the site; what its log says of them must match PATTERN
# ("" when it is to say nothing), and afterwards it believes these versions of the trust document and of the freshness document (-: any).
taught() {
	local id=$1 name=$2 pattern=$3 trust=$4 fresh=$5 before watch # $told_of is left, as above
	shift 5
	before=$(wc -l <"$F/eu-1.log")
	rm -f "$F/taught"
	{
		until is_taught "$before" "$pattern" "$trust" "$fresh"; do sleep 0.1; done
		: >"$F/taught"
	} 3>&- &
	watch=$!
	attack "" "" "nothing" trust "$@" -- linger "$F/taught" 30 silent 0.5 || { kill $watch 2>/dev/null || true; return 1; } # a while longer, in which it may come to believe more
	kill $watch 2>/dev/null || true
	told_of=$(told_since "$before")
	if ! grep -qE "$pattern" <<<"$told_of"; then echo "$id $name: wanted $pattern, got: $told_of" && return 1; fi
	[ "$trust" = "$(believed trust)" ] || { echo "$id $name: it believes trust document $(believed trust): $told_of"; return 1; }
	[ "$fresh" = - ] || [ "$fresh" = "$(believed fresh)" ] || { echo "$id $name: it believes freshness document $(believed fresh): $told_of"; return 1; }
}

told_since() { tail -n "+$(($1 + 1))" "$F/eu-1.log" | grep -E 'trust: C[0-9]+ [a-z-]+: document' || true; } # LINES

is_taught() { # LINES PATTERN TRUST FRESH
	grep -qE "$2" <<<"$(told_since "$1")" && [ "$3" = "$(believed trust)" ] && { [ "$4" = - ] || [ "$4" = "$(believed fresh)" ]; }
}

# A trust document's next version: edited by the command's own arguments, then signed by these keys.
next_trust() { # FROM TO "edits" KEY...
	local from=$1 to=$2 edits=$3 k
	shift 3
	# shellcheck disable=SC2086 # words
	rm -f "$to" && quietly rc trust $edits --out "$to" || return 1
	for k in "$@"; do quietly rc trust sign "$to" --key "$F/keys/$k" --after "$from" || return 1; done
}
