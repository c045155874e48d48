#!/usr/bin/env bats
# The list of attacks is complete: each of the 42 is told by some test here. `make check-attacks` makes the same table of what was really played.

@test "each of ATK-01 to ATK-42 is told by a test" {
	grep -hoE '(told|attack|not_played) ATK-[0-9]+.*' "$BATS_TEST_DIRNAME"/*.bats | sed -E 's/^(told|attack|not_played) //' >"$BATS_TEST_TMPDIR/log"
	run "$BATS_TEST_DIRNAME/table" "$BATS_TEST_TMPDIR/log"
	echo "$output"
	[ "$status" -eq 0 ]
	grep -v '^ATK-23 ' "$BATS_TEST_TMPDIR/log" >"$BATS_TEST_TMPDIR/short"
	run "$BATS_TEST_DIRNAME/table" "$BATS_TEST_TMPDIR/short"
	[ "$status" -eq 1 ]
	[[ $output == *"ATK-23  MISSING"* ]]
}
