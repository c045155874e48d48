#!/usr/bin/env bats
# A site that takes no controller's word for it that a wave has passed, in a fleet whose trust document names no gate.
bats_require_minimum_version 1.5.0

setup_file() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin} FLEET_APPROVALS=1
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	fleet_new "$BATS_FILE_TMPDIR/fleet" || return 1
	cd "$F" || return 1
	quietly rc keys new keys/site --no-passphrase --owner dave || return 1
	quietly rc trust add-key trust.env keys/site.pub --role site --out trust-2.env && quietly rc trust sign trust-2.env --key keys/root --after trust.env || return 1
	mv trust-2.env trust.env
	touch one.db two.db
	fleet_agent eu-1 eu 'eu/*' <<-EOF || return 1
		  - {id: eu/lite/one, dsn: "sqlite:$F/one.db", labels: {environment: production, ring: first}}
		  - {id: eu/lite/two, dsn: "sqlite:$F/two.db", labels: {environment: production}}
	EOF
	printf 'site: eu\nversion: 1\nwave_gate: signed\n' >policy.yaml
	quietly "$ROLLCALL_BIN/rollcall-agent" policy sign policy.yaml --key keys/site --out policy.env || return 1
	echo "policy: ../policy.env" >>eu-1/agent.yaml
	fleet_up || return 1
	quietly rc init shop --engine sqlite || return 1
	sed -i 's/^pipeline:.*/pipeline: [production]/' shop/rollcall.yaml
	printf 'name: shop\nenvironments:\n  - name: production\n    waves: [{name: canary, selector: ring=first}, {name: rest}]\n' >plan.yaml
}

teardown_file() { fleet_down; }

setup() {
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	cd "$F" || return 1
}

has() {
	[[ "$(tr '\n' ' ' <<<"$output" | tr -s ' ')" == *"$1"* ]] || { printf 'not in the output: %s\n' "$1" "$output" >&2; return 1; }
}

@test "policy show says so" {
	run -0 "$ROLLCALL_BIN/rollcall-agent" policy show --config eu-1/agent.yaml
	has "wave gate signed"
}

@test "the first wave runs, the second does not, and both sides say why" {
	fleet_release shop 1.0.0
	id=$(fleet_start plan.yaml production 1.0.0)
	run -4 rc rollout approve "$id" --key keys/approver --targets 2 --reason test --wait --timeout 60s
	run -4 rc rollout status "$id"
	has "this site asks for a gate's signature that wave canary of order $id has passed (wave_gate: signed), and the trust document has no role gate"
	has "C12 wave-gate"
	[ "$(sqlite3 one.db "SELECT count(*) FROM rollcall_ledger")" != 0 ]
	[ "$(sqlite3 two.db "SELECT count(*) FROM sqlite_master")" = 0 ]
}
