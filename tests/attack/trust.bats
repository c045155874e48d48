#!/usr/bin/env bats
# The thief has the controller's fresh key too, and whatever trust documents he likes to write: what he has a site believe, and what he cannot. One site for the whole file: its
# trust moves on from test to test, as in life.
bats_require_minimum_version 1.5.0

setup_file() {
	: "${ROLLCALL_BIN:=${ROLLCALL_DEBUG_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}}"
	export ROLLCALL_BIN F FLEET_CONTROL FLEET_BLOBS ROLLCALL_CONFIG FLEET_FRESH="1s 1h"
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/stolen.bash"
	stolen_site "$BATS_FILE_TMPDIR/fleet" || return 1
	cd "$F" || return 1
	local k
	for k in root-b fresh-b; do quietly rc keys new "keys/$k" --no-passphrase --owner "$k" || return 1; done
	quietly rc trust fresh --trust trust.env --key keys/fresh --expires 1h --out genuine.fresh
}

setup() {
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/stolen.bash"
	cd "$F" || return 1
	export ROLLCALL_CONFIG=/nowhere # the controller is gone
	forged_offer fair "$F/1.2.0.release" "" approver approver2
}

teardown() { fleet_kill eu-1; }

# fresh_document NAME KEY "edits": a freshness document of the thief's
fresh_document() {
	# shellcheck disable=SC2086 # words
	forge fresh genuine.fresh $3 >"$1.payload" && forge wrap freshness "$1.payload" "keys/$2" >"$1.fresh"
}

@test "ATK-19: the next root document, signed by one generation only" {
	next_trust trust.env new-only.env "rotate trust.env root keys/root-b.pub" root-b
	taught ATK-19 "signed by the new root alone" "C3 trust: document version 2 that the controller sent is not taken: .*version 1: .*0 of 1 signatures \(root\)" 1 - 2:new-only.env
	told ATK-19 "signed by the new root alone" "refused (C3 trust), stays at version 1, 0 statements"
	next_trust trust.env old-only.env "rotate trust.env root keys/root-b.pub" root
	taught ATK-19 "signed by the old root alone" "C3 trust: document version 2 that the controller sent is not taken: .*0 of 1 signatures \(root\)" 1 - 2:old-only.env
	told ATK-19 "signed by the old root alone" "refused (C3 trust), stays at version 1, 0 statements"
}

is_busy() { ! sqlite3 one.db "SELECT count(*) FROM sqlite_schema" >/dev/null 2>&1; }

# The database is in use until the site believes freshness document VERSION.
busy_until_believed() {
	rm -f free
	{ echo ".timeout 60000" && echo "BEGIN EXCLUSIVE;" && until [ -e free ]; do sleep 0.05; done; } | sqlite3 one.db 3>&- &
	fleet_await 60 is_busy
	{ until [ "$(believed fresh)" = "$1" ]; do sleep 0.1; done; touch free; } 3>&- &
}

@test "ATK-18: an approver's key is revoked while a delivery that was accepted waits for its database" {
	local v
	v=$(($(believed fresh) + 500))
	quietly rc keys revoke keys/approver2.pub --key keys/approver2 --trust trust.env --out waiting.env
	quietly rc trust fresh --trust trust.env --after genuine.fresh --revocation waiting.env --key keys/fresh --expires 1h --out waiting-lost.fresh
	forge fresh waiting-lost.fresh version=$v "issued=$(($(date +%s) * 1000000))" >waiting.payload && forge wrap freshness waiting.payload keys/fresh >waiting.fresh
	start_site() { busy_until_believed "$v"; fleet_start_agent eu-1; }
	attack ATK-18 "an approver's key, revoked between the offer and the first statement" "ACCEPT no answer REPORT refused: C9 approvals: .*1 of 2" \
		offer "$OFFER,wait=2000" trust "fresh=$v:$F/waiting.fresh" -- silent 30
	wait
}

@test "ATK-10: older freshness, and one that takes a revocation back" {
	local now v
	now=$(($(date +%s) * 1000000))
	v=$(($(believed fresh) + 1000))
	quietly rc keys revoke keys/approver2.pub --key keys/approver2 --trust trust.env --out lost.env
	quietly rc trust fresh --trust trust.env --after genuine.fresh --revocation lost.env --key keys/fresh --expires 1h --out lost.fresh
	forge fresh lost.fresh version=$v "issued=$now" >revoked.payload && forge wrap freshness revoked.payload keys/fresh >revoked.fresh
	taught ATK-10 "one that is newer, by the stolen fresh key" "" 1 $v fresh=$v:revoked.fresh
	fresh_document older fresh "version=$((v - 1))"
	taught ATK-10 "older freshness" "" 1 $v fresh=$((v + 7)):older.fresh
	told ATK-10 "older freshness under a newer number" "refused (C4 freshness), stays as it was, 0 statements"
	fresh_document forgiving fresh "version=$((v + 1)) issued=$((now + 1000000)) nothing-revoked"
	taught ATK-10 "a revocation taken back" "C4 freshness: .*takes back a revocation" 1 $v fresh=$((v + 1)):forgiving.fresh
	told ATK-10 "a revocation taken back" "refused (C4 freshness), stays as it was, 0 statements"
	fresh_document ahead fresh "version=$((v + 1)) issued=$((now + 1000000)) trust-version=2 nothing-revoked"
	taught ATK-10 "a revocation taken back, as if after a trust document" "C4 freshness: .*made for trust document version 2, and version 1 is in use" 1 $v fresh=$((v + 1)):ahead.fresh
	told ATK-10 "a revocation taken back under a trust document that nobody signed" "refused (C4 freshness), stays as it was, 0 statements"
	fresh_document strange stranger "version=$((v + 2))"
	taught ATK-10 "freshness signed by a stranger" "C4 freshness: .*0 of 1 signatures \(fresh\)" 1 $v fresh=$((v + 2)):strange.fresh
	told ATK-10 "freshness signed by a stranger" "refused (C4 freshness), stays as it was, 0 statements"
	attack ATK-18 "an approver's key after its revocation" "C9 approvals: .*1 of 2" offer "$OFFER"
}

@test "ATK-12: frozen in the past" {
	cp eu-1/agent.yaml kept.yaml
	sed -i 's/^limits: {/limits: {fresh_max_age: 1s, /' eu-1/agent.yaml
	attack ATK-12 "freshness withheld" "REPORT refused: C4 freshness: .* is .* old, and 1.0 s are allowed" offer "$OFFER"
	cp kept.yaml eu-1/agent.yaml
}

@test "ATK-22: the site's clock is moved" {
	SITE_CLOCK=$F/clock
	head -c 8 /dev/zero >clock
	attack ATK-22 "by -365 days, before the offer comes" "REPORT refused: C5 clock" clock "$F/clock" -365 offer "$OFFER"
	head -c 8 /dev/zero >clock
	attack ATK-22 "by 3650 days, before the offer comes" "REPORT refused: C(3 trust|4 freshness)" clock "$F/clock" 3650 offer "$OFFER"
}

@test "ATK-11: fast forward, and the way back" {
	local now v last=9223372036854775807
	now=$(($(date +%s) * 1000000))
	v=$(believed fresh)
	forge fresh revoked.fresh version=$last "issued=$((now + 2000000))" >far.payload && forge wrap freshness far.payload keys/fresh >far.fresh
	taught ATK-11 "the last version that there is" "" 1 $last fresh=$last:far.fresh
	fresh_document honest fresh "version=$((v + 10)) issued=$((now + 2500000))"
	taught ATK-11 "the honest controller's next one comes too late" "" 1 $last fresh=$((v + 10)):honest.fresh
	next_trust trust.env trust-2.env "rotate trust.env fresh keys/fresh-b.pub" root
	forge fresh revoked.fresh version=1 trust-version=2 "issued=$((now + 3000000))" >back.payload && forge wrap freshness back.payload keys/fresh-b >back.fresh
	taught ATK-11 "recovery" "" 2 1 2:trust-2.env fresh=1:back.fresh
	told ATK-11 "freshness of version 2^63-1 by the stolen fresh key" "recovered by the next trust document's fresh key (C4 freshness), 0 statements"
	fresh_document dead fresh "version=5 trust-version=2"
	taught ATK-11 "the stolen fresh key afterwards" "C4 freshness: .*0 of 1 signatures \(fresh\)" 2 1 fresh=5:dead.fresh
	told ATK-11 "the stolen fresh key afterwards" "refused (C4 freshness), stays as it was, 0 statements"
}

@test "ATK-20: three versions skipped, one in the middle expired" {
	next_trust trust-2.env trust-3.env "rotate trust-2.env root keys/root-b.pub" root root-b
	next_trust trust-3.env trust-4.env "rotate trust-3.env --expires 700d" root-b
	local now
	now=$(($(date +%s) * 1000000))
	forge trust trust-4.env created=$((now - 7200000000)) expires=$((now - 3600000000)) >4.payload && forge wrap trust 4.payload keys/root-b >trust-4.env
	forge trust trust-4.env version=5 created=$now expires=$((now + 36000000000)) >5.payload && forge wrap trust 5.payload keys/root-b >trust-5.env
	taught ATK-20 "a gap" "C3 trust: .*is not taken: .*(one by one|version 3)" 2 - 5:trust-5.env
	told ATK-20 "the newest alone, its predecessors withheld" "refused (C3 trust), stays at version 2, 0 statements"
	taught ATK-20 "all" "" 5 - 3:trust-3.env 4:trust-4.env 5:trust-5.env
	told ATK-20 "all of them, step by step" "ends at the newest, version 5"
}

@test "ATK-10: an older trust document" {
	taught ATK-10 "older trust" "" 5 - 2:trust-2.env
	taught ATK-10 "older trust under a newer number" "" 5 - 6:trust-2.env
	told ATK-10 "an older trust document, also under a newer number" "refused (C3 trust), stays at version 5, 0 statements"
}

@test "ATK-18: the next fresh key is stolen too, and trust documents have come and gone that name the revoked approver still" {
	local now
	now=$(($(date +%s) * 1000000))
	forge fresh genuine.fresh version=2 trust-version=5 "issued=$((now + 3500000))" nothing-revoked >pardon.payload && forge wrap freshness pardon.payload keys/fresh-b >pardon.fresh
	taught ATK-18 "an approver's key, back by the fresh key" "C4 freshness: .*takes back a revocation" 5 1 fresh=2:pardon.fresh
	told ATK-18 "a revoked approver's key, brought back by a stolen fresh key after new trust documents" "refused (C4 freshness), stays revoked, 0 statements"
}
