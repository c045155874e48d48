#!/usr/bin/env bats
# The demo as a stranger meets it: every claim holds, and it leaves no file, process or socket behind, also when it is interrupted.

setup() {
	bin=$(cd "${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/release/bin}" && pwd)
	TMPDIR=$(mktemp -d /tmp/rollcall-bats-XXXXXX)
	export TMPDIR
	chmod 711 "$TMPDIR" # as root, the private servers' user must pass through it
	unset ROLLCALL_CONFIG ROLLCALL_PASSPHRASE_FILE
}

teardown() {
	rm -rf "$TMPDIR"
}

# Nobody runs any more whose command line names this folder.
nobody_left() {
	! pgrep -f "${1:-$TMPDIR/rollcall-demo-}" >/dev/null
}

await() { # COMMAND...
	local end=$((SECONDS + 60))
	until "$@"; do
		[ $SECONDS -le $end ] || { echo "not within a minute: $*"; return 1; }
		sleep 0.1
	done
}

@test "demo --check: every claim holds, nothing is left" {
	run timeout 240 "$bin/rollcall" demo --check
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	[[ $output == *"14 of 14 claims held"* ]]
	[[ $output != *"[FALSE]"* ]]
	[ -z "$(ls -A "$TMPDIR")" ]
	nobody_left
}

@test "demo --keep leaves a folder to look around in, and no process" {
	run timeout 240 "$bin/rollcall" demo --keep "$BATS_TEST_TMPDIR/kept"
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	[ -f "$BATS_TEST_TMPDIR/kept/shop/rollcall.yaml" ]
	[ -f "$BATS_TEST_TMPDIR/kept/controller/data/store.db" ]
	nobody_left "$BATS_TEST_TMPDIR/kept"
	sed -n '/To look around, start it again:/,/rollcall status/p' <<<"$output" | sed '1d; s/^ *//' >"$BATS_TEST_TMPDIR/again" # as it is printed
	cat >>"$BATS_TEST_TMPDIR/again" <<-'SH'
		for _ in $(seq 600); do
			rollcall agents list -o csv >agents.csv 2>/dev/null
			[ "$(grep -c ,online, agents.csv)" = 3 ] && break
			sleep 0.1
		done
		kill $(jobs -p)
		wait
	SH
	PATH=/usr/bin:/bin timeout 120 bash "$BATS_TEST_TMPDIR/again" >/dev/null 2>&1 3>&- # in a shell that knows nothing
	[ "$(grep -c ,online, "$BATS_TEST_TMPDIR/kept/agents.csv")" = 3 ]
	nobody_left "$BATS_TEST_TMPDIR/kept"
	run "$bin/rollcall" demo --keep "$BATS_TEST_TMPDIR/kept"
	[ "$status" -eq 1 ]
	[[ $output == *"exists already: name a folder that does not"* ]]
}

@test "Ctrl-C in the middle: exit 130, nothing is left" {
	"$bin/rollcall" demo --check >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pid=$!
	await grep -q "Release 1.0.0" "$BATS_TEST_TMPDIR/out"
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	[ "$status" -eq 130 ]
	grep -q "interrupted: stopping the demo's processes and removing its folder" "$BATS_TEST_TMPDIR/out"
	[ -z "$(ls -A "$TMPDIR")" ]
	nobody_left
}

@test "kill -9 of the demo itself leaves no process" {
	"$bin/rollcall" demo --check >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pid=$!
	await grep -q "Release 1.0.0" "$BATS_TEST_TMPDIR/out"
	kill -KILL "$pid"
	wait "$pid" || true
	await nobody_left
}

@test "demo on PostgreSQL" {
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || skip "PostgreSQL is not installed"
	run timeout 300 "$bin/rollcall" demo --check --postgres
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	[[ $output == *"14 of 14 claims held"* ]]
	[ -z "$(ls -A "$TMPDIR")" ]
	nobody_left
}

@test "demo on PostgreSQL from a folder that the server's user cannot enter" {
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || skip "PostgreSQL is not installed"
	[ "$(id -u)" -eq 0 ] || skip "only root steps down"
	chmod 700 "$TMPDIR"
	before=$(find /tmp -maxdepth 1 -name 'rollcall-demo-*' | wc -l)
	run timeout 300 "$bin/rollcall" demo --check --postgres
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	[ -z "$(ls -A "$TMPDIR")" ]
	[ "$(find /tmp -maxdepth 1 -name 'rollcall-demo-*' | wc -l)" -le "$before" ]
	run "$bin/rollcall" demo --check --postgres --keep "$TMPDIR/kept"
	[ "$status" -eq 1 ]
	[[ $output == *"who cannot pass through the folders above: name one under /tmp or /srv"* ]]
}

@test "demo on MariaDB" {
	command -v mariadb-install-db >/dev/null || skip "MariaDB is not installed"
	run timeout 300 "$bin/rollcall" demo --check --mariadb
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	[[ $output == *"14 of 14 claims held"* ]]
	[ -z "$(ls -A "$TMPDIR")" ]
	nobody_left
}
