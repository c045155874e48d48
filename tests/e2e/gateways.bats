#!/usr/bin/env bats
# Several gateways before one controller: agents spread over two addresses, a gateway that is killed and comes back, one that stays away. Nobody's work is lost and nothing is done twice.

setup() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	fleet_new "$BATS_TEST_TMPDIR/fleet"
	cd "$F" || return 1
	SECOND=$(port_take) SECOND_BLOBS=$(port_take)
	sed -i "s|^listen: {|&gateway: gateway.sock, also: [{control: \"tcp://127.0.0.1:$SECOND\", blobs: \"tcp://127.0.0.1:$SECOND_BLOBS\"}], |" controller.yaml
	mkdir db
	local i k
	for i in 1 2 3 4; do
		for k in 1 2 3; do
			touch "db/a$i-$k.db"
			echo "  - {id: s$i/lite/t$k, dsn: \"sqlite:$F/db/a$i-$k.db\", labels: {environment: dev}}"
		done | fleet_agent "a-$i" "s$i" "s$i/*" || return 1
		if [ $((i % 2)) = 1 ]; then # the odd ones begin at the first gateway
			sed -i "s|^controller: {|&also: [{endpoint: \"tcp://127.0.0.1:$SECOND\", blobs: \"tcp://127.0.0.1:$SECOND_BLOBS\"}], |" "a-$i/agent.yaml"
		else
			sed -i "s|^controller: {.*keys:|controller: {endpoint: \"tcp://127.0.0.1:$SECOND\", blobs: \"tcp://127.0.0.1:$SECOND_BLOBS\", also: [{endpoint: \"$FLEET_CONTROL\", blobs: \"$FLEET_BLOBS\"}], keys:|" "a-$i/agent.yaml"
		fi
	done
	mkdir -p shop/changes
	printf 'project: shop\nengines: [sqlite]\npipeline: [dev]\n' >shop/rollcall.yaml
	cat >shop/changes/1.sql <<-'SQL'
		--liquibase formatted sql
		--changeset t:table
		CREATE TABLE once (n INTEGER);
		--rollback DROP TABLE once;
		--changeset t:slow
		INSERT INTO once WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1500000) SELECT count(*) FROM c;
		--rollback DELETE FROM once;
	SQL
	printf 'name: shop\nenvironments:\n  - {name: dev, waves: [{name: all, max_parallel: 4}]}\n' >plan.yaml
	fleet_start_controller # before the agents come, both gateways are there: who finds nobody at one goes to the other
	fleet_connect "$FLEET_CONTROL" "$FLEET_BLOBS" && fleet_await 60 second_serves && fleet_agents_up && fleet_release shop 1.0.0
}

teardown() {
	[ -z "${SQUATTER:-}" ] || kill "$SQUATTER" 2>/dev/null || true
	fleet_down
}

gateway() { # INDEX: its process
	pgrep -P "$(cat controller.pid)" -f " --index $1 "
}

at() { # PORT: how many agents are connected there
	local i n=0
	for i in 1 2 3 4; do
		[ "$(grep -E 'controller at .*: connected' "a-$i.log" | tail -n 1 | grep -c ":$1: ")" = 0 ] || n=$((n + 1))
	done
	echo "$n"
}

applied() { rc rollout status "$id" -o json 2>/dev/null | jq '[.targets[] | select(.state == "applied")] | length'; }

have_applied() { [ "$(applied)" -ge "$1" ]; }

await_applied() { fleet_await 60 have_applied "$1" || { rc rollout status "$id"; return 1; }; } # N

all_are_at() { [ "$(at "$1")" = 4 ]; } # PORT

second_serves() { (exec 4<>"/dev/tcp/127.0.0.1/$SECOND") 2>/dev/null && [ -n "$(gateway 1)" ]; }

each_once() { # every target has its one row, by one attempt; the controller has one report of each
	local db
	for db in db/*.db; do
		[ "$(sqlite3 "$db" 'SELECT count(*) || " " || min(n) FROM once')" = "1 1500000" ] || { echo "$db: $(sqlite3 "$db" 'SELECT * FROM once')"; return 1; }
		[ "$(sqlite3 "$db" 'SELECT count(*) FROM rollcall_ledger')" = 2 ]
	done
	[ "$(rc rollout status "$id" -o json 2>/dev/null | jq -c '[.rollouts[0].applied, ([.targets[].attempt] | unique)]')" = '[12,[1]]' ]
	[ "$(rc history --rollout "$id" -o json 2>/dev/null | jq -c '[(.history | length), ([.history[].target] | unique | length)]')" = '[12,12]' ]
}

@test "agents are spread over two gateways; one that is killed in mid-wave comes back, and so do its agents" {
	[ "$(at "${FLEET_CONTROL##*:}")" = 2 ]
	[ "$(at "$SECOND")" = 2 ]
	id=$(fleet_start plan.yaml dev 1.0.0)
	await_applied 2
	second=$(gateway 1)
	kill -9 "$second"
	run rc rollout watch "$id" --plain --timeout 60s
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(gateway 1)" != "$second" ]
	fleet_wait_connected 4
	each_once
	grep -q 'gateway 1: gone, with 2 sessions' controller.log
}

@test "the operator's tool knows both addresses and goes on by the other one" {
	run rc connect --endpoint "$FLEET_CONTROL" --endpoint "tcp://127.0.0.1:$SECOND" --blobs "$FLEET_BLOBS" --key keys/controller.curve.pub --operator-key keys/operator.curve
	[ "$status" -eq 2 ]
	[[ "$output" == *"2 --endpoint and 1 --blobs: give one --blobs for each --endpoint, in the same order"* ]]
	nowhere=$(port_take)
	rc connect --endpoint "tcp://127.0.0.1:$nowhere" --blobs "tcp://127.0.0.1:$nowhere" --endpoint "tcp://127.0.0.1:$SECOND" --blobs "tcp://127.0.0.1:$SECOND_BLOBS" \
		--key keys/controller.curve.pub --operator-key keys/operator.curve
	run rc ping
	[ "$status" -eq 0 ]
	fleet_release shop 1.0.1 # an upload goes by the same address
	fleet_kill controller TERM
	run rc ping
	[ "$status" -eq 7 ]
	[[ "$(tr '\n' ' ' <<<"$output")" == *"no address of controller 'main' answers: controller at tcp://127.0.0.1:$nowhere cannot be reached"*"the last of 2: controller at tcp://127.0.0.1:$SECOND cannot be reached"* ]]
}

@test "a gateway that stays away: its agents go on by the other address, and none of them twice" {
	id=$(fleet_start plan.yaml dev 1.0.0)
	await_applied 2
	# somebody else takes its port as soon as it is dead, so that no new one can serve there
	perl -MIO::Socket::INET -e 'use Time::HiRes "sleep"; my $s; sleep 0.0005 until $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $ARGV[0], Listen => 1, ReuseAddr => 1); print "taken\n"; close STDOUT; $SIG{ALRM} = "IGNORE"; sleep 600' "$SECOND" >taken 3>&- &
	SQUATTER=$!
	take_its_port() {
		[ -s taken ] && return 0
		kill -9 "$(gateway 1)" 2>/dev/null || true
		sleep 1
		[ -s taken ]
	}
	fleet_await 60 take_its_port
	run rc rollout watch "$id" --plain --timeout 90s
	echo "$output"
	[ "$status" -eq 0 ]
	fleet_await 60 all_are_at "${FLEET_CONTROL##*:}"
	each_once
	kill "$SQUATTER"
	wait "$SQUATTER" 2>/dev/null || true
	fleet_await 60 second_serves # and the first one may go
	kill -9 "$(gateway 0)"
	fleet_await 60 grep -q 'gateway 0: gone, with' controller.log
	fleet_wait_connected 4
	run rc rollout rollback "$id" --wait --timeout 60s
	echo "$output"
	[ "$status" -eq 0 ]
}
