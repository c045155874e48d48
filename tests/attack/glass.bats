#!/usr/bin/env bats
# The thief has keys of the safe too: what he declares an emergency runs only where the site counts those very keys. Every attack drives the real agent; its databases are compared before and after.
bats_require_minimum_version 1.5.0

setup_file() {
	: "${ROLLCALL_BIN:=${ROLLCALL_DEBUG_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}}"
	export ROLLCALL_BIN F FLEET_CONTROL FLEET_BLOBS ROLLCALL_CONFIG
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/stolen.bash"
	stolen_site "$BATS_FILE_TMPDIR/fleet" || return 1
	cd "$F" || return 1
	local k
	for k in one two three site; do quietly rc keys new "keys/$k" --no-passphrase --owner "$k" || return 1; done
	quietly rc trust add-key trust.env keys/site.pub --role site/eu --out trust-2.env &&
		quietly rc trust add-key trust-2.env keys/one.pub keys/two.pub keys/three.pub --role break-glass --threshold 2 &&
		quietly rc trust sign trust-2.env --key keys/root --after trust.env && quietly agent_of_site trust install trust-2.env || return 1
	echo 'policy: policy.env' >>eu-1/agent.yaml
}

setup() {
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/stolen.bash"
	cd "$F" || return 1
	export ROLLCALL_CONFIG=/nowhere # the controller is gone
}

teardown() { fleet_kill eu-1; }

policy() { # VERSION RULE
	printf 'site: eu\nversion: %s\nbreak_glass: %s\n' "$1" "$2" >policy.yaml
	quietly "$ROLLCALL_BIN/rollcall-agent" policy sign policy.yaml --key keys/site --out eu-1/policy.env
}

emergency() { APPROVAL_EDITS=break-glass=eu/lite/one forged_offer "$1" "$F/1.2.0.release" "" "${@:2}"; } # NAME KEY...

@test "ATK-34: an emergency that the trust document would allow, against the site's own word" {
	policy 1 "{keys: [two, three], site_keys: [site]}"
	emergency stolen one two site
	attack ATK-34 "an emergency by a key of the safe that the site does not count" "REPORT refused: C2 break-glass: order [0-9a-f]+ is an emergency, declared by one \\(not counted here\\), two, site" offer "$OFFER"
	emergency safe one two three
	attack ATK-34 "an emergency by the whole safe, without the site" "REPORT refused: C9 approvals" offer "$OFFER"
	policy 2 "{keys: [none]}"
	emergency all one two three site
	attack ATK-34 "an emergency by everybody, where the site lets nobody break glass" "REPORT refused: C2 break-glass: .*lets nobody break glass" offer "$OFFER"
}

@test "the same by the keys that the site counts does run: the test above can fail" {
	policy 3 "{keys: [two, three], site_keys: [site]}"
	emergency fair two three site
	run attack none "fair" "REPORT applied" offer "$OFFER"
	echo "$output"
	[ "$status" -eq 1 ] && [[ $output == *"a database was changed; the answer was: ACCEPT REPORT applied"* ]]
	[ "$(sqlite3 one.db "SELECT count(*) FROM sqlite_schema WHERE name = 'c2'")" = 1 ]
}
