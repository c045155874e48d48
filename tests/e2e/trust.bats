#!/usr/bin/env bats
# Keys, trust documents and certificates by the tool, away from any network: exit codes, words, and that a refusal leaves the file as it was.

setup() {
	rollcall=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}/rollcall
	cd "$BATS_TEST_TMPDIR" || return 1
	export XDG_CONFIG_HOME=$PWD/config
	for k in ann bob eve; do "$rollcall" keys new "./$k" --no-passphrase --owner "$k" >/dev/null 2>&1; done
}

make_trust() {
	"$rollcall" trust init --fleet shops --root ann.pub --root bob.pub --root-threshold 2 --release ann.pub --approver production=bob.pub \
		--approver-threshold dev=0 --enrol bob.pub 2>/dev/null
}

@test "a trust document says who must sign next, until it holds" {
	make_trust
	run "$rollcall" trust verify trust.env
	[ "$status" -eq 6 ]
	[[ "$output" == *"trust: 0 of 2 signatures (root): signed by nobody of that role; have 2 of ann, bob sign it"* ]]
	run "$rollcall" trust sign trust.env --key ./ann
	[ "$status" -eq 0 ]
	[[ "$output" == *"1 of 2 signatures (root): signed by ann; have one of bob run 'rollcall trust sign trust.env --key KEY'."* ]]
	"$rollcall" trust sign trust.env --key ./bob 2>/dev/null
	run "$rollcall" trust verify trust.env
	[ "$status" -eq 0 ]
	[[ "$output" == *"fleet shops, version 1: the root signatures are enough"* ]]
}

@test "what a document holds is shown, and edited without a network, each edit a new version" {
	make_trust
	run "$rollcall" trust show trust.env
	[ "$status" -eq 0 ]
	[[ "$output" == *root*ann*bob* && "$output" == *approver/production*bob* ]]
	for k in ann bob; do "$rollcall" trust sign trust.env --key "./$k" 2>/dev/null; done
	"$rollcall" trust add-key trust.env eve.pub --role release --out trust-2.env 2>/dev/null
	holders() { "$rollcall" trust show "$1" -o json 2>/dev/null | jq -r --arg r "$2" '[.roles[] | select(.role == $r) | .owner] | sort | join(" ")'; }
	[ "$(holders trust.env release)" = ann ] && [ "$(holders trust-2.env release)" = "ann eve" ]
	run "$rollcall" trust remove-key trust-2.env eve --out trust-3.env
	[ "$status" -eq 0 ] && [ "$(holders trust-3.env release)" = ann ]
	run "$rollcall" trust rotate trust.env bob eve.pub --out trust-b.env
	[ "$status" -eq 0 ]
	[ "$(holders trust-b.env root)" = "ann eve" ] && [ "$(holders trust-b.env approver/production)" = eve ] && [ "$(holders trust-b.env enrol)" = eve ]
	[[ "$output" == *"by its own root keys: 0 of 2 signatures (root)"*"have 2 of ann, eve"* ]]
	[[ "$output" == *"by the root keys of the version before: 0 of 2 signatures (root)"*"have 2 of ann, bob"* ]]
}

@test "a signature that would not count is not made" {
	make_trust
	"$rollcall" trust sign trust.env --key ./ann 2>/dev/null
	before=$(sha256sum trust.env)
	run "$rollcall" trust sign trust.env --key ./ann
	[ "$status" -eq 1 ]
	[[ "$output" == *"has signed this already: a second signature by the same key would not count"* ]]
	run "$rollcall" trust sign trust.env --key ./eve
	[ "$status" -eq 6 ]
	[[ "$output" == *"this key is not in role root of the document, so its signature would not count: nothing was signed"* ]]
	[ "$(sha256sum trust.env)" = "$before" ]
}

@test "a new version needs the root keys of both" {
	make_trust
	for k in ann bob; do "$rollcall" trust sign trust.env --key "./$k" 2>/dev/null; done
	"$rollcall" trust add-key trust.env eve.pub --role approver/production --threshold 2 --out trust-2.env 2>/dev/null
	"$rollcall" trust sign trust-2.env --key ./ann 2>/dev/null
	run "$rollcall" trust verify trust-2.env --after trust.env
	[ "$status" -eq 6 ]
	[[ "$output" == *"by the root keys of version 1: trust: 1 of 2 signatures (root)"* ]]
	"$rollcall" trust sign trust-2.env --key ./bob 2>/dev/null
	"$rollcall" trust verify trust-2.env --after trust.env
}

@test "a key is encrypted, private, and never overwritten" {
	printf 'correct horse\n' >right && printf 'wrong\n' >wrong && chmod 600 right wrong
	"$rollcall" keys new carol --passphrase-file right 2>/dev/null
	key=$XDG_CONFIG_HOME/rollcall/keys/carol
	[ "$(stat -c %a "$key")" = 600 ]
	grep -q 'BEGIN ENCRYPTED PRIVATE KEY' "$key"
	run "$rollcall" keys new carol --passphrase-file right
	[ "$status" -eq 1 ]
	[ "$output" = "rollcall: $key: exists already and is left as it is: choose another name" ]
	make_trust
	run "$rollcall" trust sign trust.env --key carol --passphrase-file wrong
	[ "$status" -eq 1 ]
	[ "$output" = "rollcall: $key: wrong passphrase: try again" ]
	chmod 644 ann
	run "$rollcall" trust sign trust.env --key ./ann
	[ "$output" = "rollcall: ./ann: mode 0644 lets others read it: run 'chmod 600 ./ann'" ]
}

@test "only a key of role enrol certifies an agent" {
	make_trust
	for k in ann bob; do "$rollcall" trust sign trust.env --key "./$k" 2>/dev/null; done
	"$rollcall" keys curve ./agent.curve >/dev/null 2>&1
	public=$("$rollcall" keys show ./eve -o json | sed -n 's/.*"public-key": "\([0-9a-f]*\)".*/\1/p')
	printf 'agent: eu-1\nsite: eu\ncurve-key: %s\nreport-key: %s\ntarget: eu/*\n' "$(cat agent.curve.pub)" "$public" >eu-1.request
	run "$rollcall" trust certify eu-1.request --key ./ann --trust trust.env
	[ "$status" -eq 6 ]
	[[ "$output" == *"is not in role 'enrol' of the trust document"* ]]
	[ ! -e eu-1.cert ]
	"$rollcall" trust certify eu-1.request --key ./bob --trust trust.env 2>/dev/null
	[ -s eu-1.cert ]
}
