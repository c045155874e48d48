#!/usr/bin/env bats
# Trust in motion, on a live fleet: a root rotation, a release withdrawn, a key revoked, freshness withheld. One fleet for each test: what they do cannot be undone.

setup() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}
	export FLEET_FRESH="1s 60s"
	[[ "$BATS_TEST_DESCRIPTION" != frozen* ]] || FLEET_FRESH="500ms 2s"
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	fleet_new "$BATS_TEST_TMPDIR/fleet" || return 1
	touch "$F/one.db" "$F/two.db"
	fleet_agent eu-1 eu 'eu/*' <<-EOF || return 1
		  - {id: eu/lite/one, dsn: "sqlite:$F/one.db", labels: {environment: dev, ring: canary}}
		  - {id: eu/lite/two, dsn: "sqlite:$F/two.db", labels: {environment: production}}
	EOF
	fleet_up || return 1
	cd "$F" || return 1
	quietly rc init shop
	sed -i 's/^pipeline:.*/pipeline: [dev, production]/' shop/rollcall.yaml
	printf 'name: shop\nenvironments:\n  - name: dev\n    waves: [{name: all}]\n  - name: production\n    waves: [{name: all}]\n' >plan.yaml
	fleet_release shop 1.0.0
}

teardown() {
	fleet_down
}

has() { [[ "$output" == *"$1"* ]] || { echo "wanted: $1"; echo "got: $output"; return 1; }; }
lite() { sqlite3 "$F/$1.db" "$2"; }
agent() { "$ROLLCALL_BIN/rollcall-agent" "$@" --config "$F/eu-1/agent.yaml"; }
believed() { agent trust show -o json 2>/dev/null | jq -r ".documents[] | select(.document == \"$1\") | .version"; }

# Until the agent believes a document of this kind and version, or a newer one.
wait_believed() { fleet_await 60 is_believed "$1" "$2"; }

is_believed() { [ "$(believed "$1")" -ge "$2" ] 2>/dev/null; }

ends() { # CODE: so the rollout ends; what it says then is kept for `has`
	run rc rollout status "$id" --wait --timeout 120s
	[ "$status" -eq "$1" ] || { echo "exit $status, $output"; tail -n 5 "$F"/*.log; return 1; }
}

fresh_version() { rc ping -o json 2>/dev/null | jq -r '.keys[] | select(.key == "fresh") | .value'; }

@test "a release is withdrawn: what had it keeps it, nobody begins it, and it can be rolled back" {
	run rc rollout start plan.yaml -e dev -r 1.0.0 --wait --timeout 120s
	[ "$status" -eq 0 ] || { echo "$output"; cat "$F"/*.log; false; }
	dev=$(rc rollout list -o name 2>/dev/null | head -n 1)
	id=$(fleet_start plan.yaml production 1.0.0)
	run rc release withdraw 1.0.0 --key keys/approver
	[ "$status" -eq 6 ]
	has "no key of role release or root signed it"
	run rc release withdraw 1.0.0 --key keys/release --reason 'drops the wrong table'
	[ "$status" -eq 0 ]
	has "release 1.0.0 of shop: revoked"
	wait_believed fresh "$(fresh_version)"
	fleet_approve "$id" 1 || true
	ends 4
	has "C7 release"
	has "release shop 1.0.0 was withdrawn"
	[ "$(lite two "select count(*) from sqlite_master where name like 'customers'")" = 0 ]
	[ "$(lite one "select count(*) from sqlite_master where name like 'customers'")" = 1 ]
	run rc rollout rollback "$dev" --reason withdrawn --wait --timeout 120s
	[ "$status" -eq 0 ]
	[ "$(lite one "select count(*) from sqlite_master where name like 'customers'")" = 0 ]
	# Away from any network: the key is on a stick, and so is what it signs.
	run env ROLLCALL_CONFIG=/nowhere "$ROLLCALL_BIN/rollcall" release withdraw 1.0.0.release --and-older --key keys/release --trust trust.env --out older.env
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	has "rollcall trust push older.env"
	run rc trust push older.env
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	wait_believed fresh "$(fresh_version)"
	[[ "$(agent trust show 2>/dev/null)" == *"1 releases, shop below sequence 2"* ]]
}

@test "root and approver keys are rotated live: both generations sign, the agent follows step by step, the old keys are out" {
	for k in root-b approver-b; do quietly rc keys new "keys/$k" --no-passphrase --owner "$k"; done
	run rc trust rotate trust.env root keys/root-b.pub --out trust-2.env
	[ "$status" -eq 0 ]
	has "trust-2.env: by its own root keys: 0 of 1 signatures (root): signed by nobody of that role; have one of root-b run 'rollcall trust sign trust-2.env --key KEY'."
	has "trust-2.env: by the root keys of the version before: 0 of 1 signatures (root): signed by nobody of that role; have one of root run"
	run rc trust sign trust-2.env --key keys/root-b --after trust.env
	[ "$status" -eq 0 ]
	has "by the root keys of the version before: 0 of 1 signatures (root)"
	run rc trust push trust-2.env
	[ "$status" -eq 6 ]
	has "by the root keys of version 1: trust: 0 of 1 signatures (root)"
	run rc trust sign trust-2.env --key keys/stranger --after trust.env
	[ "$status" -eq 6 ]
	has "nothing was signed"
	run rc trust sign trust-2.env --key keys/root --after trust.env
	has "the root signatures are enough, of this version and of the one before. Next: 'rollcall trust push trust-2.env'."
	quietly rc trust rotate trust-2.env approver keys/approver-b.pub --out trust-3.env
	quietly rc trust sign trust-3.env --key keys/root-b
	run rc trust push trust-3.env
	[ "$status" -eq 6 ]
	has "version 3 cannot follow version 1: versions are taken one by one, so version 2 comes next"
	fleet_kill eu-1 # away while both come
	quietly rc trust push trust-2.env
	quietly rc trust push trust-3.env
	fleet_start_agent eu-1
	fleet_wait_connected 1
	wait_believed trust 3
	quietly rc rollout start plan.yaml -e dev -r 1.0.0 --wait --timeout 120s
	id=$(fleet_start plan.yaml production 1.0.0)
	run fleet_approve "$id" 1
	[ "$status" -eq 6 ]
	has "no key of role approver/production signed this approval"
	quietly rc rollout approve "$id" --key keys/approver-b --targets 1 --reason test --wait
	[ "$(lite two "select count(*) from sqlite_master where name = 'customers'")" = 1 ]
	# The auditor's document of the beginning leads on to the ones that followed it: what each generation signed counts in its time.
	[ "$(rc audit export --format json 2>/dev/null | jq -r '[.changes[].approved] | unique | join(" ")')" = " approver-b" ] # dev needs nobody
	quietly rc audit export --format bundle --out rotated.audit
	run rc audit verify rotated.audit --trust trust.env
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	run rc audit verify rotated.audit
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	# An older file put in place of what the agent has brings nothing back, and the controller's own old file neither.
	fleet_kill controller && fleet_kill eu-1 && fleet_start_controller && fleet_start_agent eu-1
	fleet_wait_connected 1
	[ "$(believed trust)" = 3 ]
	[ "$(rc ping -o json 2>/dev/null | jq -r '.keys[] | select(.key == "trust") | .value')" = 3 ]
}

@test "the enrol key is rotated: beside the old one until every agent has renewed" {
	. "$BATS_TEST_DIRNAME/../support/enrol.bash"
	quietly rc keys new keys/enrol-b --no-passphrase --owner enrol-b
	run rc trust rotate trust.env enrol keys/enrol-b.pub --out at-once.env
	has "leaves role enrol: with this in force, agents whose certificates it signed are let in nowhere"
	run rc trust add-key trust.env keys/enrol-b.pub --role enrol --out trust-2.env
	[[ "$output" != *"leaves role enrol"* ]]
	quietly rc trust sign trust-2.env --key keys/root
	quietly rc trust push trust-2.env
	wait_believed trust 2
	fleet_kill controller TERM
	sed -i 's/^trust: .*/trust: trust-2.env/' controller.yaml
	enrolment keys/enrol-b
	fleet_start_controller
	fleet_wait_connected 1
	run agent renew --endpoint "$ENROL" --wait 60s
	[ "$status" -eq 0 ] || { echo "$output"; tail -n 5 controller.log; false; }
	run rc trust remove-key trust-2.env enrol --role enrol --out trust-3.env
	has "leaves role enrol"
	quietly rc trust sign trust-3.env --key keys/root
	quietly rc trust push trust-3.env
	wait_believed trust 3
	fleet_kill eu-1 TERM
	fleet_start_agent eu-1
	fleet_wait_connected 1
	run rc rollout start plan.yaml -e dev -r 1.0.0 --wait --timeout 120s
	[ "$status" -eq 0 ] || { echo "$output"; tail -n 5 eu-1.log; false; }
	quietly rc audit export --format bundle --out all.audit # the first certificate, too, was good in its time
	run rc audit verify all.audit --trust trust.env
	[ "$status" -eq 0 ] || { echo "$output"; false; }
}

@test "an approver's key is revoked by its own holder: approvals by it count nowhere, not even one that is given already" {
	quietly rc rollout start plan.yaml -e dev -r 1.0.0 --wait --timeout 120s
	fleet_kill eu-1
	id=$(fleet_start plan.yaml production 1.0.0)
	quietly fleet_approve "$id" 1
	run rc keys revoke keys/approver.pub --key keys/release
	[ "$status" -eq 6 ]
	run rc keys revoke keys/approver.pub --key keys/approver --reason 'laptop stolen'
	[ "$status" -eq 0 ]
	fleet_start_agent eu-1
	wait_believed fresh "$(fresh_version)"
	ends 4
	has "C9 approvals"
	has "0 of 1 signatures (approver/production): signed by nobody of that role"
	[ "$(lite two "select count(*) from sqlite_master where name = 'customers'")" = 0 ]
}

@test "frozen: without a fresh document nothing new is begun; with the next one it goes on" {
	fleet_kill controller
	sed -i '/^fresh_/d' controller.yaml
	fleet_start_controller
	fleet_wait_connected 1
	sleep 2.2 # the last one that the controller made runs out
	id=$(fleet_start plan.yaml dev 1.0.0)
	ends 4
	has "C4 freshness"
	[ "$(lite one "select count(*) from sqlite_master where name = 'customers'")" = 0 ]
	quietly rc trust fresh --trust trust.env --key keys/fresh --expires 1h --out next.env
	quietly rc trust push next.env
	wait_believed fresh "$(fresh_version)"
	quietly rc rollout retry "$id" --wait --timeout 120s
	[ "$(lite one "select count(*) from sqlite_master where name = 'customers'")" = 1 ]
}

@test "a newcomer's approval, two of three, with keys that never see the network" {
	mkdir stick
	for k in ann ben carol; do quietly rc keys new "stick/$k" --no-passphrase --owner "$k"; done
	quietly rc trust add-key trust.env stick/ann.pub --role approver/production --threshold 2 --out trust-2.env
	for k in ben carol; do quietly rc trust add-key trust-2.env "stick/$k.pub" --role approver/production; done
	for k in approver approver2; do quietly rc trust remove-key trust-2.env "$k" --role approver/production; done
	quietly rc trust sign trust-2.env --key keys/root
	quietly rc trust push trust-2.env
	wait_believed trust 2
	quietly rc rollout start plan.yaml -e dev -r 1.0.0 --wait --timeout 120s
	id=$(fleet_start plan.yaml production 1.0.0)
	run rc rollout order "$id" --out stick/shop.order
	[ "$status" -eq 0 ]
	has "targets      1, Merkle root"
	has "Next: both files and the release go to each approver, who runs 'rollcall approve stick/shop.order --release FILE --targets 1"
	cp 1.0.0.release trust-2.env stick
	sign() { (cd stick && ROLLCALL_CONFIG=/nowhere rc approve shop.order --release 1.0.0.release --targets 1 --key "./$1" --reason reviewed --trust trust-2.env); }
	# Nobody signs a number: the list itself has to be there, and to be the order's.
	mv stick/shop.order.targets true.targets
	run sign ann
	[ "$status" -eq 1 ]
	has "the target list, which 'rollcall rollout order' writes beside the order's file (or name it with --target-list): shop.order.targets: "
	sed 's,eu/lite/two,eu/lite/one,' true.targets >stick/shop.order.targets
	run sign ann
	[ "$status" -eq 6 ]
	has "shop.order.targets: nothing was signed: the target list is not the one in the order (another Merkle root)"
	mv true.targets stick/shop.order.targets
	[ -z "$(ls stick/*.approval 2>/dev/null)" ]
	run sign ann
	[ "$status" -eq 0 ]
	has "eu/lite/two"
	has "wave all     1 targets, "
	has "signed by    release ("
	has "gates        11 ran over 9 changesets, 0 errors, 0 warnings, 0 ignored"
	has "Environment production needs 2 approval(s) by different keys; may sign: ann, ben, carol. Next: rollcall rollout hand-in ${id:0:8} APPROVAL..."
	run rc rollout hand-in "$id" "stick/${id:0:8}-ann.approval" "stick/${id:0:8}-ann.approval"
	[ "$status" -eq 3 ]
	has "1 of 2 approvals"
	run rc rollout hand-in "$id" stick/shop.order
	[ "$status" -ne 0 ]
	quietly sign carol
	run rc rollout hand-in "$id" "stick/${id:0:8}-carol.approval" --wait --timeout 120s
	[ "$status" -eq 0 ]
	[ "$(lite two "select count(*) from sqlite_master where name = 'customers'")" = 1 ]
}

# A safe with three keys, two of which declare an emergency together with the site's; an order that is waiting for approvals in $id and hot.order.
safe() {
	mkdir safe
	for k in one two three site; do quietly rc keys new "safe/$k" --no-passphrase --owner "$k" || return 1; done
	quietly rc trust add-key trust.env safe/site.pub --role site/eu --out trust-2.env &&
		quietly rc trust add-key trust-2.env safe/one.pub safe/two.pub safe/three.pub --role break-glass --threshold 2 &&
		quietly rc trust sign trust-2.env --key keys/root && quietly rc trust push trust-2.env && wait_believed trust 2 &&
		quietly rc rollout start plan.yaml -e dev -r 1.0.0 --wait --timeout 120s || return 1
	id=$(fleet_start plan.yaml production 1.0.0)
	quietly rc rollout order "$id" --out hot.order
}

declare_it() { rc approve hot.order --release 1.0.0.release --targets 1 --break-glass "$2" --key "safe/$1" --reason 'shop is down' --out "$1.approval"; }

@test "an emergency: two keys of the safe and the site's own, named targets, four hours; never two of the three alone" {
	safe
	run rc trust add-key trust.env safe/one.pub --role break-glass --out trust-3.env
	[ "$status" -ne 0 ]
	has "in an emergency no one acts alone: 2 is the least"
	run declare_it one eu/lite/two
	[ "$status" -eq 0 ]
	quietly declare_it site eu/lite/two
	quietly declare_it two eu/lite/two
	run rc rollout hand-in "$id" one.approval site.approval
	[ "$status" -eq 3 ]
	run rc rollout hand-in "$id" two.approval --wait --timeout 120s
	[ "$status" -eq 0 ]
	quietly rc audit export --format bundle --out all.audit
	run rc audit verify all.audit --trust trust-2.env
	[ "$status" -eq 0 ]
	[ "$(lite two "select count(*) from sqlite_master where name = 'customers'")" = 1 ]
}

@test "who may break glass: the site counts fewer keys than the trust document names, and no controller can change that" {
	safe
	printf 'site: eu\nversion: 1\nbreak_glass: {keys: [one, three], site_keys: [site]}\n' >policy.yaml
	quietly "$ROLLCALL_BIN/rollcall-agent" policy sign policy.yaml --key safe/site --out policy.env
	fleet_kill eu-1
	echo 'policy: ../policy.env' >>eu-1/agent.yaml
	run agent policy show
	[ "$status" -eq 0 ]
	has "one, three (role break-glass), with site (the site's role)"
	fleet_start_agent eu-1
	fleet_wait_connected 1
	for k in one two site; do quietly declare_it "$k" eu/lite/two; done
	run rc rollout hand-in "$id" one.approval two.approval site.approval
	ends 4
	has "C2 break-glass: order $id is an emergency, declared by one, two (not counted here), site, and this site asks for 2 keys of role break-glass and 1 of its own (break_glass)"
	[ "$(lite two "select count(*) from sqlite_master where name = 'customers'")" = 0 ]
	[ "$(agent status -o json 2>/dev/null | jq -r '.refusals[0].check')" = "C2 break-glass" ]
	quietly rc audit export --format json --out refused.json
	grep -q 'C2 break-glass' refused.json
	quietly rc rollout abort "$id" --reason 'other keys'
	id=$(fleet_start plan.yaml production 1.0.0)
	quietly rc rollout order "$id" --out hot.order
	for k in one three site; do quietly declare_it "$k" eu/lite/two; done
	quietly rc rollout hand-in "$id" one.approval three.approval site.approval --wait --timeout 120s
	[ "$(lite two "select count(*) from sqlite_master where name = 'customers'")" = 1 ]
	# Names that nobody has are told where the site's people look.
	printf 'site: eu\nversion: 2\nbreak_glass: {keys: [one, nobody-here]}\n' >policy.yaml
	quietly "$ROLLCALL_BIN/rollcall-agent" policy sign policy.yaml --key safe/site --out policy.env
	run agent policy show
	has "the trust document has no key 'nobody-here' in role break-glass: it counts for nobody"
	has "with the keys of the trust document that count here nobody can break glass; {keys: [none]} says so plainly"
}
