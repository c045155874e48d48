#!/usr/bin/env bats
# Trust in motion, on a live fleet: a root rotation, a release withdrawn, a key revoked, freshness withheld. One fleet for each test: what they do cannot be undone.

setup() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}
	export FLEET_FRESH=${FLEET_FRESH:-"1s 60s"}
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
wait_believed() {
	local i
	for i in $(seq 200); do
		[ "$(believed "$1")" -ge "$2" ] 2>/dev/null && return 0
		sleep 0.05
	done
	echo "the agent believes $1 $(believed "$1"), not $2" >&2
	return 1
}

fresh_version() { rc ping -o json 2>/dev/null | jq -r '.keys[] | select(.key == "fresh") | .value'; }

@test "a release is withdrawn: what had it keeps it, nobody begins it, and it can be rolled back" {
	run rc rollout start plan.yaml -e dev -r 1.0.0 --wait --timeout 60s
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
	run rc rollout status "$id" --wait --timeout 30s
	run rc rollout status "$id"
	[ "$status" -eq 4 ]
	has "C7 release"
	has "release shop 1.0.0 was withdrawn"
	[ "$(lite two "select count(*) from sqlite_master where name like 'customers'")" = 0 ]
	[ "$(lite one "select count(*) from sqlite_master where name like 'customers'")" = 1 ]
	run rc rollout rollback "$dev" --reason withdrawn --wait --timeout 60s
	[ "$status" -eq 0 ]
	[ "$(lite one "select count(*) from sqlite_master where name like 'customers'")" = 0 ]
}
