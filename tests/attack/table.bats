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

@test "each of C1 to C26 is expected by a test, by the name in the one table" {
	run "$BATS_TEST_DIRNAME/checks"
	while read -r line; do echo "# $line" >&3; done <<<"$output"
	[ "$status" -eq 0 ]
}

@test "malformed input: at least as many cases of each family as the project wants" {
	run "$BATS_TEST_DIRNAME/cases"
	while read -r line; do echo "# $line" >&3; done <<<"$output"
	[ "$status" -eq 0 ]
}

@test "the drill: a thief with the controller's machine gets nothing to run" {
	: "${ROLLCALL_BIN:=${ROLLCALL_DEBUG_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}}"
	ROLLCALL_BIN=$ROLLCALL_BIN run "$BATS_TEST_DIRNAME/drill"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"15 attempts, 0 statements: both databases are what they were."* ]]
}
