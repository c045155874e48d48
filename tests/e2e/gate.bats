#!/usr/bin/env bats
# Waves whose gates are signed: the trust document names two gate keys, both must sign. One site, three tenants in three waves; real keys, real agents, live and on a stick.
bats_require_minimum_version 1.5.0

setup_file() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin} FLEET_GATES=2 FLEET_APPROVALS=1
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	fleet_new "$BATS_FILE_TMPDIR/fleet" || return 1
	touch "$F"/{one,two,three}.db
	fleet_agent eu-1 eu 'eu/*' <<-EOF || return 1
		  - {id: eu/lite/one, dsn: "sqlite:$F/one.db", labels: {environment: production, ring: first}}
		  - {id: eu/lite/two, dsn: "sqlite:$F/two.db", labels: {environment: production, ring: second}}
		  - {id: eu/lite/three, dsn: "sqlite:$F/three.db", labels: {environment: production}}
	EOF
	fleet_up || return 1
	quietly rc init "$F/shop" --engine sqlite || return 1
	sed -i 's/^pipeline:.*/pipeline: [production]/' "$F/shop/rollcall.yaml"
	cat >"$F/plan.yaml" <<-'EOF'
		name: shop
		environments:
		  - name: production
		    waves: [{name: canary, selector: ring=first}, {name: early, selector: ring=second}, {name: rest}]
	EOF
}

teardown_file() { fleet_down; }

setup() {
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	cd "$F" || return 1
	id=$(cat id 2>/dev/null) || true
}

wave() { rc rollout status "$id" -o json 2>/dev/null | jq -r --arg w "$1" '.waves[] | select(.wave == $w) | .state'; }

has_come_to() { [ "$(wave "$1")" = "$2" ]; }

wave_is() { # WAVE STATE
	fleet_await 60 has_come_to "$1" "$2" || { rc rollout status "$id" >&2; return 1; }
}

has() {
	[[ "$(tr '\n' ' ' <<<"$output" | tr -s ' ')" == *"$1"* ]] || { printf 'not in the output: %s\n' "$1" "$output" >&2; return 1; }
}

tables_of() { sqlite3 "$1.db" "SELECT count(*) FROM sqlite_master WHERE name NOT LIKE 'rollcall%' AND name NOT LIKE 'sqlite%'"; }

@test "after the first wave the rollout waits, and says who signs what" {
	fleet_release shop 1.0.0
	id=$(fleet_start plan.yaml production 1.0.0)
	echo "$id" >id
	run -3 --separate-stderr rc rollout approve "$id" --key keys/approver --targets 3 --reason test --wait --timeout 60s
	wave_is canary awaiting-pass
	run -3 rc rollout status "$id"
	has "0 of 2 signatures (gate): signed by nobody of that role; have 2 of gate, gate2 sign"
	has "who has such a key runs: rollcall gate pass ${id:0:8} --trust TRUST-DOCUMENT --key KEY"
	[[ "${lines[0]}" == "rollout $id  "*"  awaiting-pass" ]]
	run -3 rc status
	has "${id:0:8} 1.0.0 to production awaiting-pass, wave canary"
	[ "$(tables_of one)" != 0 ] && [ "$(tables_of two)" = 0 ] && [ "$(tables_of three)" = 0 ]
}

@test "a key that is not in the role signs nothing, and one of two is not enough" {
	run -6 rc gate pass "$id" --trust trust.env --key keys/approver
	has "this key is not in role gate of the trust document"
	run -0 rc gate check "$id" --trust trust.env
	has "wave canary: 1 of 1 applied, 0 failed, 0 without a signed report"
	has "it has passed"
	run -3 rc gate pass "$id" --trust trust.env --key keys/gate --reason "looked at it"
	has "wave canary of rollout ${id:0:8}: 1 of 2 signatures (gate): signed by gate; have one of gate2 sign"
	run -3 rc gate pass "$id" --trust trust.env --key keys/gate
	wave_is canary awaiting-pass
	[ "$(tables_of two)" = 0 ]
}

@test "the second signature lets the next wave begin, also after a restart of the controller" {
	fleet_kill controller
	fleet_start_controller
	fleet_wait_connected 1
	wave_is canary awaiting-pass
	run -0 rc gate pass "$id" --trust trust.env --key keys/gate2
	has "wave canary of rollout ${id:0:8} has passed, and the next one begins"
	wave_is early awaiting-pass
	[ "$(wave canary)" = passed ]
	[ "$(tables_of two)" != 0 ] && [ "$(tables_of three)" = 0 ]
}

@test "the same with keys that see no network: a bundle goes out, passes come back" {
	rc audit export --format bundle --out all.audit 2>/dev/null
	mkdir -p stick && cp all.audit trust.env stick
	(
		cd stick
		unset ROLLCALL_CONFIG
		for k in gate gate2; do
			run -0 rc gate pass all.audit --trust trust.env --key "../keys/$k" --out "$k.pass"
			has "wave early: 1 of 1 applied, 0 failed, 0 without a signed report"
			has "Next: rollcall rollout hand-in ${id:0:8} $k.pass"
		done
	)
	run -0 rc rollout hand-in "$id" stick/gate.pass stick/gate2.pass --wait --timeout 60s
	has "succeeded"
	[ "$(tables_of three)" != 0 ]
	run -0 rc audit export --format bundle --out all.audit
	run -0 rc audit verify all.audit --trust trust.env
	[[ "$output" =~ gates\ +holds\ +4\  ]]
	[ "$(grep -c '"document": *"gate-pass"' all.audit)" = 4 ]
}

@test "a wave that failed is not signed for" {
	sqlite3 one.db "CREATE TABLE invoices (id integer)"
	printf -- '--liquibase formatted sql\n--changeset gina:invoices\nCREATE TABLE invoices (id integer);\n--rollback DROP TABLE invoices;\n' >shop/changes/900.sql
	fleet_release shop 1.1.0
	id=$(fleet_start plan.yaml production 1.1.0)
	run -4 rc rollout approve "$id" --key keys/approver --targets 3 --reason test --wait --timeout 60s
	run -6 rc gate pass "$id" --trust trust.env --key keys/gate
	has "wave canary has 1 failures, and the approved order allows 0: it has not passed"
	run -6 rc gate pass "$id" --trust trust.env --key keys/gate --wave rest
	has "wave rest is the last one of order ${id:0:8}: nothing waits for its gate"
	sqlite3 one.db "DROP TABLE invoices"
	run -3 rc rollout retry "$id" --wait --timeout 60s
	run -3 rc gate pass "$id" --trust trust.env --key keys/gate
	rc rollout abort "$id" --reason test
}

@test "after the trust document has changed a signer's older one still does: what follows from it counts" {
	quietly rc keys new keys/gate3 --no-passphrase --owner gate3
	quietly rc trust add-key trust.env keys/gate3.pub --role gate --out trust-2.env
	quietly rc trust sign trust-2.env --key keys/root
	printf -- '--liquibase formatted sql\n--changeset gina:late\nCREATE TABLE late (id integer);\n--rollback DROP TABLE late;\n' >shop/changes/950.sql
	fleet_release shop 1.2.0
	id=$(fleet_start plan.yaml production 1.2.0)
	run -3 rc rollout approve "$id" --key keys/approver --targets 3 --reason test --wait --timeout 60s
	quietly rc trust push trust-2.env
	for own in trust.env trust-2.env; do
		run -0 rc gate check "$id" --trust $own
		has "which is yours; versions 1 to 2 are joined to it"
	done
	run -3 rc gate pass "$id" --trust trust-2.env --key keys/gate
	run -0 rc gate pass "$id" --trust trust.env --key keys/gate3
	wave_is canary passed
	rc audit export --format bundle --out late.audit 2>/dev/null
	for own in trust.env trust-2.env; do
		run -0 rc audit verify late.audit --trust $own
		has "which is yours; versions 1 to 2 are joined to it"
	done
	rc rollout abort "$id" --reason test
}
