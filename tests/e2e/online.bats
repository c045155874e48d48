#!/usr/bin/env bats
# mariadb: {algorithm, lock} of rollcall.yaml in a real rollout: what is signed, shown and run is the same text; the server refuses what would copy a table, before it begins.

setup() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	fleet_new "$BATS_TEST_TMPDIR/fleet"
	cd "$F" || return 1
	MY=$(server_start mariadb) && server_create "$MY" shop || return 1
	my "CREATE TABLE orders (id int PRIMARY KEY, amount int NOT NULL); INSERT INTO orders SELECT seq, seq FROM seq_1_to_1000"
	fleet_agent eu-1 eu 'eu/*' <<-EOF2
		  - {id: eu/my/shop, dsn: "$(server_dsn "$MY" shop)", labels: {environment: dev}}
	EOF2
	mkdir -p shop/changes
	printf 'project: shop\nengines: [mariadb]\npipeline: [dev]\nmariadb: {algorithm: instant, lock: none}\n' >shop/rollcall.yaml
	printf 'name: shop\nenvironments:\n  - {name: dev, waves: [{name: all, max_failures: 0}]}\n' >plan.yaml
	cat >shop/changes/1.sql <<-'EOF2'
		--liquibase formatted sql
		--changeset ann:note
		ALTER TABLE orders ADD COLUMN note varchar(200);
		--rollback ALTER TABLE orders DROP COLUMN note;
	EOF2
	fleet_up
}

teardown() {
	fleet_down
	servers_stop_all
}

my() { server_sql "$MY" shop "$1"; }
state() { rc rollout status "$1" -o json 2>/dev/null | jq -r '.targets[0].state'; }

has_ended() { [ "$(state "$1")" = "$2" ]; }

ends() { fleet_await 60 has_ended "$1" "$2" || { rc rollout status "$1" >&2; return 1; }; } # ROLLOUT STATE

# What makes a table another one, even when its definition is as before.
identity() { my "SELECT concat(TABLE_ID, ' ', SPACE) FROM information_schema.INNODB_SYS_TABLES WHERE NAME = 'shop/orders'"; }
steps() { my "SELECT group_concat(concat(changeset, ' ', state) ORDER BY seq SEPARATOR ', ') FROM rollcall_ledger"; }

@test "an instant change passes; one that needs a copy is refused by the server, the table is untouched, and the changeset's own line lets it copy" {
	fleet_release shop 1.0.0
	run rc release show 1.0.0.release --sql
	[[ $output == *"ALTER TABLE orders ADD COLUMN note varchar(200), ALGORITHM=INSTANT, LOCK=NONE"* ]]
	[[ $output == *"ALTER TABLE orders DROP COLUMN note, ALGORITHM=INSTANT, LOCK=NONE"* ]]
	ends "$(fleet_start plan.yaml dev 1.0.0)" applied
	before=$(identity)

	cat >>shop/changes/1.sql <<-'EOF2'
		--changeset ann:amount
		ALTER TABLE orders MODIFY COLUMN amount bigint NOT NULL;
		--rollback ALTER TABLE orders MODIFY COLUMN amount int NOT NULL, ALGORITHM=COPY, LOCK=SHARED;
	EOF2
	fleet_release shop 1.1.0
	id=$(fleet_start plan.yaml dev 1.1.0)
	ends "$id" failed
	run rc rollout status "$id"
	echo "$output"
	text=$(tr -s ' \n' ' ' <<<"$output")
	[[ $text == *"ann:amount (changes/1.sql:6): "*"ALGORITHM=INSTANT is not supported"*"(error 1846, "*"The server began nothing: the statement's ALGORITHM or LOCK does not let it do as much to the table."* ]]
	[[ $text == *"algorithm:copy lock:shared on the changeset's line"*"changeset 1 of 2 is applied; nothing else changed."* ]]
	[ "$(identity)" = "$before" ]
	[ "$(my "SELECT COLUMN_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = 'orders' AND COLUMN_NAME = 'amount'")" = "int(11)" ]
	[ "$(steps)" = "ann:note intent, ann:note done, ann:amount intent, ann:amount failed" ]

	rc rollout abort "$id" --reason copy >/dev/null 2>&1
	sed -i 's/^--changeset ann:amount/& algorithm:copy lock:shared/' shop/changes/1.sql
	fleet_release shop 1.2.0
	id=$(fleet_start plan.yaml dev 1.2.0)
	ends "$id" applied
	[ "$(my "SELECT COLUMN_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = 'orders' AND COLUMN_NAME = 'amount'")" = "bigint(20)" ]
	[ "$(my 'SELECT SUM(amount) FROM orders')" -eq 500500 ]
	run rc rollout rollback "$id" --wait
	[ "$status" -eq 0 ]
	[ "$(my "SELECT COLUMN_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = 'orders' AND COLUMN_NAME = 'amount'")" = "int(11)" ]
}

@test "another setting of the project leaves what is released as it is: a target that has it goes on" {
	rc release build shop --version 1.0.0 >/dev/null 2>&1
	rc release sign shop/releases/shop-1.0.0.release --key keys/release && rc release push shop/releases/shop-1.0.0.release
	ends "$(fleet_start plan.yaml dev 1.0.0)" applied
	sed -i 's/^mariadb:.*/mariadb: {algorithm: nocopy}/' shop/rollcall.yaml
	printf -- '--changeset ann:index\nCREATE INDEX orders_amount ON orders (amount);\n--rollback DROP INDEX orders_amount ON orders;\n' >>shop/changes/1.sql
	run rc lint shop
	[ "$status" -eq 0 ]
	[ "$output" = "2 changesets, 0 errors, 0 warnings" ]
	rc release build shop --version 1.1.0 >/dev/null 2>&1
	run rc release show shop/releases/shop-1.1.0.release --sql
	[[ $output == *"ADD COLUMN note varchar(200), ALGORITHM=INSTANT, LOCK=NONE"*"CREATE INDEX orders_amount ON orders (amount) ALGORITHM=NOCOPY"* ]]
	rc release sign shop/releases/shop-1.1.0.release --key keys/release && rc release push shop/releases/shop-1.1.0.release
	ends "$(fleet_start plan.yaml dev 1.1.0)" applied
	[ "$(steps)" = "ann:note intent, ann:note done, ann:index intent, ann:index done" ]
}
