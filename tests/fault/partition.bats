#!/usr/bin/env bats
# Partitions in mid-rollout, in network namespaces: nothing goes through, one way only, flapping, 30 % loss, 300 ms late. Everything converges, nothing twice, nothing false.
bats_require_minimum_version 1.5.0

setup() { export ROLLCALL_BIN=${ROLLCALL_DEBUG_BIN:-$BATS_TEST_DIRNAME/../../build/debug/bin}; }

@test "network: partitions, full and one-way, flapping, loss and delay during rollouts" {
	unshare -n true 2>/dev/null || skip "no right to make network namespaces: run as root"
	[ -w /dev/net/tun ] || skip "no /dev/net/tun here"
	run unshare -n "$BATS_TEST_DIRNAME/partition.bash" "$BATS_TEST_TMPDIR/net" full one_way_to_site one_way_from_site flapping lossy late
	sed -n 's/^network/# network/p' <<<"$output" >&3
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^network .* converged, oracle clean' <<<"$output")" -eq 6 ]
}
