#!/usr/bin/env bats
# Secrets that are planted everywhere a secret may be, and looked for afterwards in everything that Rollcall wrote, said or showed: logs, journals, store, ledgers, reports,
# answers, arguments and environments of its processes; as they are, in hex, in base64, URL-encoded, and their first eight characters.
bats_require_minimum_version 1.5.0

setup() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin} SERVER_OWNER=$$
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	fleet_new "$BATS_TEST_TMPDIR/fleet"
	cd "$F" || return 1
}

teardown() {
	fleet_down
	servers_stop_all
}

plant() { # NAME VALUE
	printf '%s\n' "$2" >"$BATS_TEST_TMPDIR/canary.$1"
}

# Where people put secrets themselves, and the signed text that readers of a release see; everything else must be free of them.
outputs() {
	find "$F" -type f -size -20M ! -path '*/keys/*' ! -name '*.key' ! -name 'password.*' ! -name pgpass ! -path '*/shop/*' ! -name '*.release' ! -path '*/blobs/*' ! -name 'agent.yaml.bad'
}

forms() { # VALUE: one form a line
	local v=$1
	echo "$v"
	echo "${v:0:8}"
	printf '%s' "$v" | od -An -v -tx1 | tr -d ' \n' && echo
	printf '%s' "$v" | base64 -w0 | cut -c1-16 && echo
	printf '%s' "$v" | jq -sRr @uri
}

search() { # FILE...
	local c form found=0
	for c in "$BATS_TEST_TMPDIR"/canary.*; do
		while read -r form; do
			[ -n "$form" ] || continue
			if grep -alF -e "$form" "$@" 2>/dev/null; then echo "^ holds $(basename "$c") as '$form'" && found=1; fi
		done < <(forms "$(cat "$c")")
	done
	return $found
}

arguments() { # of our processes, as far as this user can read them: a process may close its environment even to its own user
	local p
	for p in "$F"/*.pid; do
		tr '\0' '\n' <"/proc/$(cat "$p")/cmdline" || return 1
		{ tr '\0' '\n' <"/proc/$(cat "$p")/environ"; } 2>/dev/null || true
	done
}

@test "secrets: none of those planted is in anything that Rollcall writes, says or shows" {
	MY=$(server_start mariadb password) && PG=$(server_start postgresql password)
	server_create "$MY" shop && server_create "$PG" shop && server_create "$PG" other
	server_get "$MY" password >password.my && plant mariadb "$(server_get "$MY" password)"
	server_get "$PG" password >password.pg && plant postgresql "$(server_get "$PG" password)"
	echo "Wr0ng-canary-5531" >password.wrong && plant wrong "Wr0ng-canary-5531"
	plant role "R0le-canary-77123" && plant near "N3ar-canary-90210" && plant literal "L1teral-canary-4471"
	chmod 600 password.*
	fleet_agent eu-1 eu 'eu/*' <<-EOF
		  - {id: eu/my/shop, dsn: "$(server_dsn "$MY" shop)", password: {file: $F/password.my}, labels: {environment: production}}
		  - {id: eu/pg/shop, dsn: "$(server_dsn "$PG" shop)", password: {command: [cat, $F/password.pg]}, labels: {environment: production}}
		  - {id: eu/pg/other, dsn: "$(server_dsn "$PG" other)", password: {file: $F/password.wrong}, labels: {environment: production}}
	EOF
	for k in controller operator viewer; do plant "curve-$k" "$(awk -F'"' '/secret-key/ { print $2 }' "keys/$k.curve")"; done
	plant curve-agent "$(awk -F'"' '/secret-key/ { print $2 }' eu-1/curve.key)"
	plant report-key "$(sed -n 2p eu-1/report.key)" && plant release-key "$(sed -n 2p keys/release)"
	fleet_up
	mkdir -p shop/changes
	printf 'project: shop\nengines: [postgresql, mariadb]\npipeline: [production]\nchanges: changes\n' >shop/rollcall.yaml
	printf 'name: shop\nenvironments:\n  - name: production\n    waves: [{name: all, max_parallel: 4, max_failures: 9}]\n' >plan.yaml
	cat >shop/changes/1.sql <<-'EOF'
		--liquibase formatted sql
		--changeset a:role dbms:postgresql
		CREATE ROLE app LOGIN PASSWORD 'R0le-canary-77123' NONSENSE "near 'R0le-canary-77123'";
		--rollback empty
		--changeset a:user dbms:mariadb
		CREATE USER app IDENTIFIED BY 'N3ar-canary-90210' WITH NOTHING 'N3ar-canary-90210';
		--rollback empty
	EOF
	run fleet_release shop 1.0.0
	echo "$output"
	[ "$status" -eq 0 ]
	R=$(fleet_start plan.yaml production 1.0.0)
	fleet_approve "$R" 3 >/dev/null
	rc rollout watch "$R" --timeout 60s >watch.out 2>&1 || true
	rc rollout status "$R" >status.out 2>&1 || true
	rc rollout status "$R" -o json >status.json 2>/dev/null || true
	rc history >history.out 2>&1
	"$ROLLCALL_BIN/rollcall-agent" status --config eu-1/agent.yaml >agent.out 2>&1
	"$ROLLCALL_BIN/rollcall-agent" check --config eu-1/agent.yaml --connect >check.out 2>&1 || true
	arguments >arguments.out
	for d in eu-1/data/journal.db controller/store.db; do sqlite3 "$d" .dump >"$(basename "$d").dump"; done
	server_sql "$PG" shop "SELECT * FROM rollcall.ledger" >pg.ledger
	server_sql "$MY" shop "SELECT * FROM rollcall_ledger" >my.ledger
	# It went as it should: two statements were refused by their servers, one password by its server.
	[ "$(jq '[.targets[] | select(.state == "failed")] | length' status.json)" = 3 ]
	[[ $(jq -r '.targets[].detail' status.json) == *"password authentication failed"*"SQLSTATE 42601"* ]]
	[[ $(jq -r '.targets[].detail' status.json) == *"syntax to use near ... at line 1"* ]]
	mapfile -t files < <(outputs)
	[ "${#files[@]}" -gt 20 ]
	run search "${files[@]}"
	echo "$output"
	[ "$status" -eq 0 ]
	# The search is not blind.
	echo "leak: N3ar-canary-90210" >leak.log
	run -1 search leak.log
	printf 'W: %s' "$(printf '%s' "Wr0ng-canary-5531" | base64)" >leak.log
	run -1 search leak.log
}

@test "secrets: a dsn with a password is refused, and the refusal does not repeat it" {
	plant uri "Ur1-canary-3345"
	fleet_agent eu-1 eu 'eu/*' <<<'  - {id: eu/pg/shop, dsn: "postgresql://rollcall:Ur1-canary-3345@127.0.0.1:5432/shop", labels: {environment: production}}'
	mv eu-1/agent.yaml eu-1/agent.yaml.bad
	run "$ROLLCALL_BIN/rollcall-agent" check --config eu-1/agent.yaml.bad
	[ "$status" -ne 0 ]
	echo "$output" >refusal.out
	run search refusal.out
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "secrets: no core file, nothing to read in memory for others, no keys that others can read" {
	touch one.db
	fleet_agent eu-1 eu 'eu/*' <<<"  - {id: eu/lite/one, dsn: \"sqlite:$F/one.db\", labels: {environment: production}}"
	fleet_up
	for p in controller eu-1; do
		[ "$(awk '/Max core file size/ { print $5 }' "/proc/$(cat $p.pid)/limits")" = 0 ]
		# not dumpable: its files in /proc belong to root, whoever runs it
		[ "$(stat -c %U "/proc/$(cat $p.pid)/mem")" = root ]
	done
	fleet_kill eu-1 TERM
	chmod 644 eu-1/report.key
	run "$ROLLCALL_BIN/rollcall-agent" check --config eu-1/agent.yaml
	[ "$status" -ne 0 ]
	[[ $output == *"report.key"*"chmod 600"* ]]
	chmod 600 eu-1/report.key && chmod 640 keys/operator.curve
	run rc agents list
	[ "$status" -ne 0 ]
	[[ $output == *"operator.curve"*"chmod"* ]]
}
