#!/usr/bin/env bats
# The controller's machine, its store and all of its keys are in a thief's hands: what he offers the site, and what the site answers. The numbers are those of the list of
# attacks that the project keeps (README, Trust). Every attack drives the real agent; its databases are compared before and after.
bats_require_minimum_version 1.5.0

setup_file() {
	: "${ROLLCALL_BIN:=${ROLLCALL_DEBUG_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}}"
	export ROLLCALL_BIN F FLEET_CONTROL FLEET_BLOBS ROLLCALL_CONFIG
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/stolen.bash"
	stolen_site "$BATS_FILE_TMPDIR/fleet"
}

setup() {
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/stolen.bash"
	cd "$F" || return 1
	GENUINE=target=eu/lite/one,release=$F/1.1.0.release,dossier=$F/loot/1.1.0.dossier,proof=$F/loot/1.1.0.proof,task=$(cat loot/1.1.0.task),attempt=ATTEMPT
}

teardown() { fleet_kill eu-1; }

# signed_release NAME "edits" KEY...: 1.2.0 with something changed in it, signed by these keys
signed_release() {
	local name=$1 edits=$2
	shift 2
	# shellcheck disable=SC2086 # words
	forge release 1.2.0.release $edits >"$name.payload" && forge wrap release "$name.payload" "${@/#/keys/}" >"$name.release"
}

# A release that everybody whose key is needed has signed, in an order that everybody has approved: only what is in it is wrong.
consented() { # NAME "release edits" ["order edits"]
	signed_release "$1" "$2" release release2
	forged_offer "$1" "$F/$1.release" "${3:-}" approver approver2
}

@test "ATK-01: SQL of the thief's own" {
	signed_release evil "sql=DROP_TABLE_c0" stranger
	forged_offer evil "$F/evil.release" "" stranger
	attack ATK-01 "a release that a stranger signed" "REPORT refused: C6 release-signatures: release: 0 of 2 signatures" offer "$OFFER"
	signed_release evil2 "sql=DROP_TABLE_c0"
	forged_offer evil2 "$F/evil2.release" ""
	attack ATK-01 "a release that nobody signed" "REPORT refused: C6 release-signatures" offer "$OFFER"
}

@test "ATK-02: one signature short, and the same key twice" {
	signed_release one "version=1.2.1" release
	forged_offer one "$F/one.release" "" approver approver2
	attack ATK-02 "one of two signatures" "C6 release-signatures: release: 1 of 2 signatures" offer "$OFFER"
	forge add-signatures one.release one.release >twice.release
	forged_offer twice "$F/twice.release" "" approver approver2
	attack ATK-02 "the same key twice under two key ids" "C6 release-signatures: release: 1 of 2 signatures" offer "$OFFER"
}

@test "ATK-03: a signed document of another type" {
	forge unwrap 1.2.0.release >payload
	forge wrap approval payload keys/release keys/release2 >typed.release
	forged_offer typed "$F/1.2.0.release" "" approver approver2
	attack ATK-03 "approval presented as a release" "C6 release-signatures: release: this is a signed approval; a signed release is needed here" offer "${OFFER/1.2.0.release/typed.release}"
	cp loot/1.1.0.order released.order
	forge dossier 1.2.0.release loot/1.1.0.approver >typed.dossier
	attack ATK-03 "a release presented as an order" "REPORT refused: C9 approvals" offer "${GENUINE/loot\/1.1.0.dossier/typed.dossier}"
}

@test "ATK-04: flipped, cut and lengthened bytes" {
	forged_offer flipped "$F/1.2.0.release" "" approver approver2
	local at size
	size=$(stat -c %s 1.2.0.release)
	for at in 1 8 40 $((size / 3)) $((size / 2)) -40 -1; do # not in a signature's key id, which is a hint and no more
		forge flip 1.2.0.release "$at" >flipped.release
		attack ATK-04 "bit at $at of the release" "REPORT refused: C6 release-signatures" offer "${OFFER/1.2.0.release/flipped.release}"
	done
	for at in 3 30 -60 -2; do
		forge flip flipped.dossier "$at" >bent.dossier
		attack ATK-04 "bit at $at of the order and approvals" "REPORT refused: C9 approvals" offer "${OFFER/flipped.dossier/bent.dossier}"
	done
	head -c $((size - 10)) 1.2.0.release >cut.release
	attack ATK-04 "a release cut short" "REPORT refused: C6 release-signatures: release: envelope" offer "${OFFER/1.2.0.release/cut.release}"
	{ cat 1.2.0.release && echo more; } >long.release
	attack ATK-04 "bytes behind the release" "REPORT refused: C6 release-signatures: release: envelope" offer "${OFFER/1.2.0.release/long.release}"
}

@test "ATK-05: a payload written anew after it was signed" {
	forged_offer respelt "$F/1.2.0.release" "" approver approver2
	forge respell 1.2.0.release >respelt.release
	attack ATK-05 "an unknown field behind the signed bytes" "C6 release-signatures" offer "${OFFER/1.2.0.release/respelt.release}"
}

@test "ATK-06: a critical feature that this agent does not know" {
	consented needs "critical=teleport"
	attack ATK-06 "in the release" "C7 release: .*needs the feature 'teleport'" offer "$OFFER"
	forged_offer order_needs "$F/1.2.0.release" "critical=teleport" approver approver2
	attack ATK-06 "in the order" "C11 order: .*needs the feature 'teleport'" offer "$OFFER"
}

@test "ATK-07: yesterday's offer again" {
	attack ATK-07 "the very same" "no answer|REPORT applied" offer "${GENUINE/ATTEMPT/1},wait=1500"
	attack ATK-07 "as a new attempt: the ledger says that it is done" "REPORT applied: -: - \(1 steps\)" offer "$GENUINE"
}

@test "ATK-08: one tenant's release to another" {
	attack ATK-08 "with the first one's proof" "C10 target: target eu/lite/two is not in the frozen list" \
		offer "target=eu/lite/two,${GENUINE#*,},task=$(forge task loot/1.1.0.order eu/lite/two apply)"
	attack ATK-08 "to a target that this agent does not serve" "REFUSE C11 order: target us/lite/one is not served" offer "target=us/lite/one,${GENUINE#*,}"
}

@test "ATK-09: an older release, validly signed" {
	attack ATK-09 "1.0.0 after 1.1.0" "REPORT refused: C8 sequence" \
		offer "target=eu/lite/one,release=$F/1.0.0.release,dossier=$F/loot/1.0.0.dossier,proof=$F/loot/1.0.0.proof,task=$(cat loot/1.0.0.task),attempt=ATTEMPT"
}

# The plan's waves, limits and times are in the order, and have no version of their own: an older plan is an older order.
@test "ATK-10: an older plan" {
	local older
	older=target=eu/lite/one,release=$F/1.0.0.release,dossier=$F/older.dossier,proof=$F/loot/1.0.0.proof,task=$(cat loot/1.0.0.task),attempt=ATTEMPT
	forge dossier loot/1.0.0.order loot/1.1.0.approver loot/1.1.0.approver2 >older.dossier
	attack ATK-10 "the older order under the approvals of the newer one" "REPORT refused: C9 approvals: .*approves another order" offer "$older"
	forge dossier loot/1.0.0.order loot/1.0.0.approver loot/1.0.0.approver2 >older.dossier
	attack ATK-10 "the older order with its own approvals" "REPORT refused: C8 sequence" offer "$older"
	attack ATK-10 "the older order with its own approvals, for the newer release" "REPORT refused: C9 approvals: .*approves another release" offer "${older/1.0.0.release/1.1.0.release}"
}

@test "ATK-11: a release of the last sequence that there is" {
	cp eu-1/agent.yaml kept.yaml
	sed -i 's/^limits: {/limits: {max_step: 100, /' eu-1/agent.yaml
	consented far "sequence=9223372036854775807"
	attack ATK-11 "sequence 2^63-1, signed and approved" "REPORT refused: C8 sequence" offer "$OFFER"
	cp kept.yaml eu-1/agent.yaml
}

@test "ATK-13: parts of two releases" {
	attack ATK-13 "the release of one, the approvals of another" "REPORT refused: C9 approvals: .*approves another release" offer "${GENUINE/1.1.0.release/1.2.0.release}"
}

@test "ATK-14: a part of a bundle" {
	forge release 1.2.0.release drop-last >part.payload && forge wrap release part.payload keys/release >part.release
	forged_offer whole "$F/1.2.0.release" "" approver approver2
	attack ATK-14 "the last changeset left out, one stolen release key" "C6 release-signatures: release: 1 of 2" offer "${OFFER/1.2.0.release/part.release}"
	forge wrap release part.payload keys/release keys/release2 >part.release
	attack ATK-14 "the last changeset left out, both release keys, under the approvals of the whole" "REPORT refused: C9 approvals: .*approves another release" offer "${OFFER/1.2.0.release/part.release}"
}

@test "ATK-15 and ATK-42: blobs that are not what they are said to be" {
	consented blobs "version=1.2.9"
	attack ATK-15 "larger than it was said to be" "REPORT refused: C18 content: the release could not be fetched" offer "$OFFER,release-size=100"
	attack ATK-15 "smaller than it was said to be" "REPORT refused: C18 content: the release could not be fetched" offer "$OFFER,release-size=60000000"
	forge flip blobs.release 500 >other.release
	attack ATK-42 "other content under the right name" "REPORT refused: C18 content: the release could not be fetched" offer "${OFFER/blobs.release/blobs.release,release-as=$F/other.release}"
}

@test "ATK-17: another database than the one that the ledger names" {
	cp eu-1/agent.yaml kept.yaml
	cp one.db copy.db
	forged_offer fair "$F/1.2.0.release" "" approver approver2
	sed -i "s|one.db|copy.db|" eu-1/agent.yaml
	attack ATK-17 "a copy of the database" "REPORT refused: C13 database" offer "$OFFER"
	cp kept.yaml eu-1/agent.yaml
	mv one.db away.db && touch one.db
	attack ATK-17 "an empty database in its place" "REPORT needs-attention: C16 ledger: diverged: the ledger ends at row 0" offer "$OFFER"
	mv away.db one.db
}

@test "ATK-18: one stolen key of each role" {
	signed_release stolen "sql=DROP_TABLE_c0" release
	forged_offer stolen "$F/stolen.release" "" approver
	attack ATK-18 "a release key and an approver's key" "C6 release-signatures: release: 1 of 2" offer "$OFFER"
	forged_offer stolen2 "$F/1.2.0.release" "" approver
	attack ATK-18 "an approver's key, over a good release" "C9 approvals: .*1 of 2" offer "$OFFER"
	forge approval stolen2.order approver=approver >again.approval && forge wrap approval again.approval keys/approver >again.env
	forge dossier stolen2.order stolen2.approver again.env >again.dossier
	attack ATK-18 "who approved twice" "C9 approvals: .*1 of 2" offer "${OFFER/stolen2.dossier/again.dossier}"
	forged_offer author "$F/1.2.0.release" "" release release2
	attack ATK-18 "who signed the release and approves it too" "C9 approvals" offer "$OFFER"
}

@test "ATK-21: everything has expired" {
	local past=$(($(date +%s) * 1000000 - 3600000000))
	consented expired "expires=$past"
	attack ATK-21 "the release" "C7 release: .* expired at" offer "$OFFER"
	forged_offer ended "$F/1.2.0.release" "created=$((past - 7200000000)) not-before=$((past - 7200000000)) not-after=$past" approver approver2
	attack ATK-21 "the order" "C11 order: order .* ended at" offer "$OFFER"
	forged_offer early "$F/1.2.0.release" "not-before=$((past + 7200000000))" approver approver2
	attack ATK-21 "an order of tomorrow" "C11 order: order .* holds only from" offer "$OFFER"
	forged_offer stale "$F/1.2.0.release" "" approver
	forge approval stale.order approver=approver2 "created=$((past - 3600000000))" "expires=$past" >stale.approval && forge wrap approval stale.approval keys/approver2 >stale.env
	forge dossier stale.order stale.approver stale.env >stale.dossier
	attack ATK-21 "an approval" "C9 approvals: .*1 of 2 .*not counted: approver2 \(expired\)" offer "$OFFER"
	forged_offer late "$F/1.2.0.release" "" approver approver2
	attack ATK-21 "the offer's own time" "REPORT refused: C11 order: the delivery had to begin before" offer "$OFFER,deadline=$past"
}

@test "ATK-32: more targets than were approved" {
	{ cat loot/1.1.0.leaves && echo "1 0 eu/lite/two 00112233445566778899aabbccddeeff"; } >wide.leaves
	forge order loot/1.1.0.order root=wide.leaves >wide.order
	forge dossier wide.order loot/1.1.0.approver loot/1.1.0.approver2 >wide.dossier
	forge proof wide.leaves eu/lite/two >wide.proof
	attack ATK-32 "a wider list under the old approvals" "C9 approvals" \
		offer "target=eu/lite/two,release=$F/1.1.0.release,dossier=$F/wide.dossier,proof=$F/wide.proof,task=$(forge task wide.order eu/lite/two apply)"
	forge proof loot/1.1.0.leaves eu/lite/two wave=7 >seven.proof
	attack ATK-32 "a wave that the order does not have" "C10 target" offer "${GENUINE/loot\/1.1.0.proof/seven.proof}"
}

@test "ATK-33: a controller that was replaced" {
	EPOCH=2000 attack "" "" "nothing" silent 0.3 # the new one's epoch is seen
	forged_offer late "$F/1.2.0.release" "" approver approver2
	EPOCH=2000 attack "" "" "no answer" offer "$OFFER,epoch=5,wait=1500"
	[ "$(last_refusal)" = "C1 message" ]
	told ATK-33 "an offer of an older epoch" "refused (C1 message), session closed, 0 statements"
	cp one.db kept.db
	sqlite3 one.db "UPDATE rollcall_meta SET value = '9000' WHERE name = 'epoch'"
	EPOCH=2000 attack ATK-33 "the target has seen a later epoch, and this agent has not" "REPORT refused: C1 message: a controller of epoch 9000 has worked here, ours has epoch 2000" offer "$OFFER"
	cp kept.db one.db
}

@test "ATK-34: a hold that the site has laid" {
	forged_offer fair "$F/1.2.0.release" "" approver approver2
	quietly agent_of_site hold --all --reason "the thief is about"
	EPOCH=2000 attack ATK-34 "what everybody has approved, offered to a site that holds" "REFUSE hold: held by the site" offer "$OFFER"
	EPOCH=2000 attack ATK-34 "the same by a controller of a later epoch" "REFUSE hold: held by the site" offer "$OFFER,epoch=2001"
	quietly agent_of_site unhold --all
}

@test "ATK-37: the agent's journal is set back" {
	mv eu-1/data data.now && cp -a loot/data eu-1/data
	EPOCH=3000 attack ATK-37 "to before the last release" "REPORT applied: -: - \(1 steps\)" offer "$GENUINE"
	rm -r eu-1/data && mv data.now eu-1/data
}

@test "ATK-38: the target's database is set back" {
	cp one.db now.db && cp loot/one.db one.db
	EPOCH=3000 attack ATK-38 "to before the last release" "REPORT needs-attention: C16 ledger: diverged: the ledger ends at row" offer "$GENUINE"
	cp now.db one.db
}

@test "ATK-35 and ATK-36: SQL that is more than it says" {
	local i=0 sql
	for sql in "COMMIT" "CREATE TABLE x (a); DROP TABLE c0" "SELECT 1; SELECT 2" "BEGIN" "ATTACH 'x.db' AS x" "PRAGMA writable_schema = 1" "/* nothing */" "ROLLBACK"; do
		i=$((i + 1))
		forge release 1.2.0.release "sql=$sql" >"sql$i.payload" && forge wrap release "sql$i.payload" keys/release keys/release2 >"sql$i.release"
		EPOCH=3000 forged_offer "sql$i" "$F/sql$i.release" "" approver approver2
		EPOCH=3000 attack ATK-35 "$sql" "REPORT refused: C19 statement" offer "$OFFER"
	done
	forge release 1.2.0.release "sql=VACUUM" class=T >vacuum.payload && forge wrap release vacuum.payload keys/release keys/release2 >vacuum.release
	EPOCH=3000 forged_offer vacuum "$F/vacuum.release" "" approver approver2
	EPOCH=3000 attack ATK-36 "class T for a statement that cannot be in a transaction" "REPORT refused: C20 class" offer "$OFFER"
	forge release 1.2.0.release "sql=DROP TABLE c0" keep-digests >digest.payload && forge wrap release digest.payload keys/release keys/release2 >digest.release
	EPOCH=3000 forged_offer digest "$F/digest.release" "" approver approver2
	EPOCH=3000 attack ATK-35 "a statement that is not the one of its digest" "REPORT refused: C18 content" offer "$OFFER"
}

@test "ATK-40: ids that are paths" {
	forged_offer path "$F/1.2.0.release" "" approver approver2
	local id
	for id in ../../etc/passwd "$(printf 'a%.0s' $(seq 300))"; do
		sqlite3 eu-1/data/journal.db "DELETE FROM refusal"
		EPOCH=3000 attack "" "" "no answer" offer "target=$id,${OFFER#*,},wait=1000"
		[ "$(last_refusal)" = "C1 message" ]
		told ATK-40 "the target ${id:0:20}" "refused (C1 message), session closed, 0 statements"
	done
}

@test "the same with everybody's consent does run: the tests above can fail" {
	EPOCH=3000 forged_offer fair "$F/1.2.0.release" "" approver approver2
	EPOCH=3000 run attack none "fair" "REPORT applied" offer "$OFFER"
	echo "$output"
	[ "$status" -eq 1 ] && [[ $output == *"a database was changed; the answer was: ACCEPT REPORT applied"* ]]
	[ "$(sqlite3 one.db "SELECT count(*) FROM sqlite_schema WHERE name = 'c2'")" = 1 ]
}
