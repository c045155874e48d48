#!/usr/bin/env bats
# What README says to somebody who has nothing yet, run word for word: newcomer.sh. Only the ports are others, and passphrases come from a file, as nobody types here.

setup() {
	bin=$(cd "${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}" && pwd)
	export PATH=$bin:$PATH XDG_CONFIG_HOME=$BATS_TEST_TMPDIR/config ROLLCALL_PASSPHRASE_FILE=$BATS_TEST_TMPDIR/passphrase
	unset ROLLCALL_CONFIG
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	cd "$BATS_TEST_TMPDIR" || return 1
	(umask 077 && echo 'correct horse' >passphrase)
	local control blobs
	control=$(port_take) blobs=$(port_take)
	{
		echo 'set -eu'
		echo "trap 'kill \$(jobs -p)' EXIT"
		sed "s/:7101/:$control/g; s/:7110/:$blobs/g" "$BATS_TEST_DIRNAME/newcomer.sh"
	} >script
}

@test "a newcomer's way: nothing, keys, controller, agent, release, two of three approvals away from the network" {
	run timeout 300 bash script
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"1 of 2 approvals"* ]]
	[[ $output == *"succeeded: every wave passed"* ]]
	[[ $output == *"customers"*"orders"* ]]
	[ "$(sqlite3 try/shop.db "SELECT count(*) FROM customers")" = 3 ]
	run grep -rl 'PRIVATE KEY' try # neither the controller's nor the agent's folder has a signing key of a person
	[ "$output" = try/agent/report.key ]
}

@test "README holds the newcomer's way word for word" {
	readme=$BATS_TEST_DIRNAME/../../README.md
	diff <(sed -n '/^mkdir try stick/,/^```$/p' "$readme" | sed '$d') <(sed 1d "$BATS_TEST_DIRNAME/newcomer.sh")
}
