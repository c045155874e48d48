#!/usr/bin/env bats
# A fleet of 300 agents on one machine: the controller with many peers at once, killed in mid-wave, stopped by one target. Not timed: `make bench-fanout` is.

setup() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/../support/farm.bash"
	fleet_new "$BATS_TEST_TMPDIR/fleet"
	farm_new 300 2 1
	fleet_start_controller
	fleet_connect "$FLEET_CONTROL" "$FLEET_BLOBS"
	farm_project
	fleet_release "$F/p" 1.0
}

teardown() {
	grep -vE ' agent a[0-9]+ (connected|is gone)' "$F/controller.log" | tail -n 5
	farm_down
	fleet_down
}

@test "300 agents take a release, each once, and go back, each once" {
	farm_connect 60
	farm_plan "$F/plan.yaml" 'name: canary, selector: ring=canary, count: 5, max_parallel: 5' 'name: rest, max_parallel: 100'
	run rc rollout start "$F/plan.yaml" -e dev -r 1.0 --wait --timeout 60s
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(rc rollout list -o json 2>/dev/null | jq -r '.rollouts[0].applied')" = 300 ]
	[ "$(rc targets list -o json 2>/dev/null | jq '[.targets[] | select(.release == "1.0" and .state == "online")] | length')" = 300 ]
	run rc rollout rollback "$(rc rollout list -o name 2>/dev/null)" --wait --timeout 60s
	echo "$output"
	[ "$status" -eq 0 ]
	farm_wait acked 600 60
	run farm_compare
	echo "$output"
	[ -z "$output" ]
	[ "$(wc -l <"$F/farm.reports")" -eq 600 ]
	[[ $(farm_ask stats) == *"handshake_timeouts=0 refused=0 "* ]]
}

@test "a controller killed in mid-wave loses nothing and doubles nothing" {
	farm_connect 60
	farm_plan "$F/plan.yaml" 'name: all, max_parallel: 4'
	fleet_start "$F/plan.yaml" dev 1.0 >"$F/id"
	farm_wait acked 40 60
	fleet_kill controller
	fleet_start_controller
	farm_wait acked 300 90
	run rc rollout watch "$(cat "$F/id")" --plain --timeout 60s
	echo "$output"
	[ "$status" -eq 0 ]
	run farm_compare
	echo "$output"
	[ -z "$output" ]
	[ "$(wc -l <"$F/farm.reports")" -eq 300 ]
	[[ $(farm_ask stats) == *" losses=300 "*" forgotten=0 "* ]]
}

@test "one canary of 200 that fails stops the other hundred before they begin" {
	farm_connect 60
	farm_ask fail 1
	farm_plan "$F/plan.yaml" 'name: canary, selector: ring=canary, max_parallel: 200' 'name: rest, max_parallel: 100'
	run rc rollout start "$F/plan.yaml" -e dev -r 1.0 --wait --timeout 60s
	echo "$output"
	[ "$status" -eq 4 ]
	farm_wait acked 200 60
	run farm_compare
	echo "$output"
	[ -z "$output" ]
	[ "$(grep -c 'failed$' "$F/farm.reports")" -eq 1 ]
	[ "$(wc -l <"$F/farm.reports")" -eq 200 ]
}

@test "peers that never read do not hold up the others" {
	farm_ask mute 20
	farm_connect 60
	farm_plan "$F/plan.yaml" 'name: rest, max_parallel: 300'
	fleet_start "$F/plan.yaml" dev 1.0 >"$F/id"
	farm_wait acked 280 60
	run farm_compare
	echo "$output"
	[ -z "$output" ]
	[ "$(rc rollout list -o json 2>/dev/null | jq -r '.rollouts[0].applied')" = 280 ]
}

# ---- the peers' side in a process of its own ----------------------------------------------------------------------------------------------------------

gateway_pid() {
	pgrep -P "$(cat "$F/controller.pid")" -f ' gateway --socket '
}

@test "a release goes through a gateway that is killed in mid-wave, and the core goes on" {
	fleet_kill controller
	sed -i 's/^listen: {/&gateway: gateway.sock, /' "$F/controller.yaml"
	fleet_start_controller
	fleet_connect "$FLEET_CONTROL" "$FLEET_BLOBS"
	farm_connect 60
	[ "$(stat -c %a "$F/gateway.sock")" = 600 ]
	gateway=$(gateway_pid)
	grep -q 'Max address space .* [0-9]' "/proc/$gateway/limits"
	[ -z "$(find "/proc/$gateway/fd" -lname '*store.db*')" ]
	farm_plan "$F/plan.yaml" 'name: all, max_parallel: 4'
	fleet_start "$F/plan.yaml" dev 1.0 >"$F/id"
	farm_wait acked 40 60
	kill -9 "$gateway"
	farm_wait acked 300 90
	run rc rollout watch "$(cat "$F/id")" --plain --timeout 60s
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(gateway_pid)" != "$gateway" ]
	[ "$(rc ping -o json 2>/dev/null | jq -r '.. | objects | select(.key == "epoch") | .value')" = 2 ] # the core is the same
	run farm_compare
	echo "$output"
	[ -z "$output" ]
	[ "$(wc -l <"$F/farm.reports")" -eq 300 ]
	[[ $(farm_ask stats) == *" losses=300 "*" forgotten=0 "* ]]
	gateway=$(gateway_pid)
	fleet_kill controller
	no_gateway() { ! fleet_alive "$gateway"; }
	fleet_await 60 no_gateway # does not outlive its core
}
