#!/usr/bin/env bats
# Secrets that are planted everywhere a secret may be, and looked for afterwards in everything that Rollcall wrote, said or showed: logs, journals, store, ledgers, reports, audit exports,
# answers, arguments and environments of its processes; in every form that tests/support/leaks.pl knows. And the values of rows, where a site tells none.
bats_require_minimum_version 1.5.0

setup() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin} SERVER_OWNER=$$
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/../support/enrol.bash"
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	CANARIES=$BATS_TEST_TMPDIR/canaries
	mkdir -p "$CANARIES"
	fleet_new "$BATS_TEST_TMPDIR/fleet"
	cd "$F" || return 1
}

teardown() {
	fleet_down
	servers_stop_all
}

plant() { # NAME VALUE
	printf '%s' "$2" >"$CANARIES/$1"
}

plant_password() { # FILE VALUE: where a person keeps it, too
	printf '%s\n' "$2" >"password.$1"
	chmod 600 "password.$1"
	plant "$1" "$2"
}

# Where people put secrets themselves, and the signed text that readers of a release see; everything else must be free of them.
outputs() {
	find "$F" -type f -size -20M ! -path '*/keys/*' ! -name '*.key' ! -name '*.token' ! -name 'password.*' ! -name pgpass ! -path '*/shop/*' ! -path '*/more/*' \
		! -name '*.release' ! -path '*/blobs/*' ! -name 'agent.yaml.bad' ! -name 'plan.bad'
}

search() { "$BATS_TEST_DIRNAME/../support/leaks.pl" "$CANARIES" "$@"; }

arguments() { # of our processes, as far as this user can read them: a process may close its environment even to its own user
	local p
	for p in "$F"/*.pid; do
		tr '\0' '\n' <"/proc/$(cat "$p")/cmdline" || return 1
		{ tr '\0' '\n' <"/proc/$(cat "$p")/environ"; } 2>/dev/null || true
	done
}

write_project() { # NAME: changes on standard input
	mkdir -p "$1/changes"
	printf 'project: %s\nengines: [postgresql, mariadb, sqlite]\npipeline: [production]\nchanges: changes\n' "$1" >"$1/rollcall.yaml"
	printf 'name: %s\nenvironments:\n  - name: production\n    waves: [{name: all, selector: "part=%s", max_parallel: 8, max_failures: 9}]\n' "$1" "$1" >"$1.yaml"
	cat >"$1/changes/1.sql"
}

roll() { # PROJECT VERSION TARGETS: all that the centre shows of it
	run fleet_release "$1" "$2"
	echo "$output"
	[ "$status" -eq 0 ]
	R=$(fleet_start "$1.yaml" production "$2")
	fleet_approve "$R" "$3" >/dev/null
	rc rollout watch "$R" --plain --timeout 60s >"watch.$1.out" 2>&1 || true
	rc rollout status "$R" >"status.$1.out" 2>&1 || true
	rc rollout status "$R" -o json >"status.$1.json" 2>/dev/null || true
}

look_around() { # what people at the centre and at the site see, and what is kept
	local f d
	rc status >fleet.out 2>&1 || true
	rc history >history.out 2>&1
	rc history -o json >history.json 2>&1
	for f in csv json html; do rc audit export --format "$f" --out "audit.$f" >"export.$f.out" 2>&1; done
	rc audit export --format bundle --out audit.bundle >export.bundle.out 2>&1
	grep -v '^{"document": *"release"' audit.bundle >audit.rows # the signed text is for its readers
	mv audit.bundle audit.release
	[ "$(grep -c '"document": *"report"' audit.rows)" -ge 1 ]
	"$ROLLCALL_BIN/rollcall-agent" status --config eu-1/agent.yaml >agent.out 2>&1
	"$ROLLCALL_BIN/rollcall-agent" check --config eu-1/agent.yaml --connect >check.out 2>&1 || true
	arguments >arguments.out
	for d in eu-1/data/journal.db controller/store.db; do sqlite3 "$d" .dump >"$(basename "$d").dump"; done
}

nothing_found() {
	local f
	mapfile -t files < <(outputs)
	for f in controller.log eu-1.log history.json audit.csv audit.json audit.html audit.rows agent.out check.out arguments.out journal.db.dump store.db.dump controller/store.db eu-1/data/journal.db; do
		[[ " ${files[*]} " == *" $F/$f "* ]] || { echo "not looked into: $f"; return 1; }
	done
	run search "${files[@]}"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "the end of every test's fleet finds a private key, and a password of a server, in what was logged" {
	fleet_keeps_secrets
	sed -n 's/.*secret-key = "\(.*\)"/key: \1/p' keys/operator.curve >said.log
	run fleet_keeps_secrets
	[ "$status" -ne 0 ]
	[[ $output == *"said.log: holds the secret '"*"keys.operator.curve' ("*raw* ]]
	sed -n 2p keys/approver | base64 -d | tail -c 32 | od -An -tx1 | tr -d ' \n' >said.log
	run fleet_keeps_secrets
	[ "$status" -ne 0 ]
	[[ $output == *"keys.approver' (hex)"* ]]
	PG=$(server_start postgresql password)
	server_get "$PG" password >said.log
	run fleet_keeps_secrets
	[ "$status" -ne 0 ]
	[[ $output == *"said.log: holds the secret '${PG##*/}'"* ]]
	rm said.log
}

@test "secrets: the search finds each of them, in each form, wherever it stands" {
	plant text "L3ak p@ss/\"4471'x" && plant key "Zz8-canary-key-55"
	head -c 64 /dev/urandom >"$CANARIES/signature"
	n=0
	for c in text key signature; do
		v=$CANARIES/$c
		for form in 'cat' 'od -An -v -tx1 | tr -d " \n"' 'od -An -v -tx1 | tr -d " \n" | tr a-f A-F' 'base64 -w0' '(printf x; cat) | base64 -w0' '(printf xy; cat; printf z) | base64 -w0' "(printf x; cat) | base64 -w0 | tr '+/' '-_'" \
			'jq -sRr @uri' 'jq -sR .' "sed \"s/'/''/g\"" 'head -c 8'; do
			case $c:$form in signature:jq* | signature:head* | signature:sed*) continue ;; esac
			{ head -c 300 /dev/urandom; echo; eval "cat \"$v\" | $form"; head -c 300 /dev/urandom; } >leak.log
			echo "$c: $form"
			run -1 search leak.log
			[[ $output == *"leak.log: holds the secret '$c'"* ]]
			n=$((n + 1))
		done
	done
	[ "$n" -eq 29 ]
	head -c 100000 /dev/urandom >clean.log
	run -0 search clean.log
	run -2 search # nothing to look in is no answer
	rm "$CANARIES"/*
	run -2 search clean.log
}

@test "secrets: none of those planted is in anything that Rollcall writes, says or shows" {
	MY=$(server_start mariadb password) && PG=$(server_start postgresql password)
	server_create "$MY" shop && server_create "$PG" shop && server_create "$PG" other && server_create "$PG" more && server_create "$MY" more
	touch more.db
	plant_password mariadb "$(server_get "$MY" password)" && plant_password postgresql "$(server_get "$PG" password)"
	plant_password wrong "Wr0ng-canary-5531" && plant_password phrase "Phr4se p@ss/+9913" && plant_password wrongphrase "N0phrase p@ss/+2207"
	plant role "R0le-canary-77123" && plant near "N3ar-canary-90210" && plant literal "L1teral-canary-4471" && plant mariadb-literal "M1teral-canary-6012" && plant sqlite "Sq1iteCanary90071"
	enrolment keys/enrol
	fleet_agent eu-1 eu 'eu/*' <<-EOF
		  - {id: eu/my/shop, dsn: "$(server_dsn "$MY" shop)", password: {file: $F/password.mariadb}, labels: {environment: production, part: shop}}
		  - {id: eu/pg/shop, dsn: "$(server_dsn "$PG" shop)", password: {command: [cat, $F/password.postgresql]}, labels: {environment: production, part: shop}}
		  - {id: eu/pg/other, dsn: "$(server_dsn "$PG" other)", password: {file: $F/password.wrong}, labels: {environment: production, part: shop}}
		  - {id: eu/my/more, dsn: "$(server_dsn "$MY" more)", password: {file: $F/password.mariadb}, labels: {environment: production, part: more}}
		  - {id: eu/pg/more, dsn: "$(server_dsn "$PG" more)", password: {file: $F/password.postgresql}, labels: {environment: production, part: more}}
		  - {id: eu/lite/more, dsn: "sqlite:$F/more.db", labels: {environment: production, part: more}}
	EOF
	for k in controller operator viewer; do plant "curve-$k" "$(awk -F'"' '/secret-key/ { print $2 }' "keys/$k.curve")"; done
	plant curve-agent "$(awk -F'"' '/secret-key/ { print $2 }' eu-1/curve.key)"
	plant report-key "$(sed -n 2p eu-1/report.key)" && plant release-key "$(sed -n 2p keys/release)"
	fleet_up
	# Tokens: one that is used, one that waits. What makes each good is the signature at its end.
	invite us-1 >invite.out 2>&1 && invite us-2 >>invite.out 2>&1
	for k in us-1 us-2; do tail -c 60 $k.token >"$CANARIES/token-$k"; done
	enroll us-1 --wait 60s >enroll.out 2>&1
	cp us-1.token again.token
	run -6 enroll again --wait 60s
	echo "$output" >enroll.again.out
	run rc agents list
	[[ $output == *us-1* ]]
	write_project shop <<-'EOF'
		--liquibase formatted sql
		--changeset a:role dbms:postgresql
		CREATE ROLE app LOGIN PASSWORD 'R0le-canary-77123' NONSENSE 'near R0le-canary-77123';
		--rollback empty
		--changeset a:user dbms:mariadb
		CREATE USER app IDENTIFIED BY 'N3ar-canary-90210' WITH NOTHING 'N3ar-canary-90210';
		--rollback empty
		--changeset a:lite dbms:sqlite
		SELECT 1;
		--rollback empty
	EOF
	# Servers that quote the literal itself, and not what stands near it.
	write_project more <<-'EOF'
		--liquibase formatted sql
		--changeset b:role dbms:postgresql
		CREATE ROLE app2 LOGIN PASSWORD 'x' VALID UNTIL 'L1teral-canary-4471';
		--rollback empty
		--changeset b:user dbms:mariadb
		CREATE USER app2 IDENTIFIED VIA mysql_native_password USING 'x' REQUIRE SUBJECT 'M1teral-canary-6012' 'M1teral-canary-6012';
		--rollback empty
		--changeset b:table dbms:sqlite
		CREATE TABLE users (password TEXT COLLATE 'Sq1iteCanary90071' UNIQUE);
		--rollback empty
	EOF
	run server_sql "$PG" more "CREATE ROLE app2 LOGIN PASSWORD 'x' VALID UNTIL 'L1teral-canary-4471'"
	[[ $output == *L1teral-canary-4471* ]] # the server does say it
	roll shop 1.0.0 3
	roll more 1.0.1 3
	quietly rc keys new keys/boss --owner boss --passphrase-file password.phrase
	cp 1.0.1.release boss.release
	rc release sign boss.release --key keys/boss --passphrase-file password.phrase >sign.out 2>&1
	run rc release sign boss.release --key keys/boss --passphrase-file password.wrongphrase
	[ "$status" -ne 0 ]
	echo "$output" >sign.wrong.out
	look_around
	server_sql "$PG" shop "SELECT * FROM rollcall.ledger" >pg.ledger
	server_sql "$PG" more "SELECT * FROM rollcall.ledger" >pg.more.ledger
	server_sql "$MY" shop "SELECT * FROM rollcall_ledger" >my.ledger
	sqlite3 more.db .dump >lite.ledger
	# It went as it should: the statements were refused by their servers, one password by its server.
	[ "$(jq '[.targets[] | select(.state == "failed")] | length' status.shop.json)" = 3 ]
	[ "$(jq '[.targets[] | select(.state == "failed")] | length' status.more.json)" = 3 ]
	[[ $(jq -r '.targets[].detail' status.shop.json) == *"password authentication failed"*"SQLSTATE 42601"* ]]
	[[ $(jq -r '.targets[].detail' status.shop.json) == *"syntax to use near ... at line 1"* ]]
	more=$(jq -r '.targets[].detail' status.more.json)
	echo "$more"
	[[ $more == *"timestamp with time zone: ... (SQLSTATE 22007)"* ]]
	[[ $more == *"no such collation sequence: ..."* ]]
	nothing_found
	# A leak in one of them is found.
	echo "connected with $(cat password.mariadb)" >>eu-1.log
	run -1 search "${files[@]}"
	[[ $output == "$F/eu-1.log: holds the secret 'mariadb' ("*raw* ]]
}

details() { jq -r '.targets[].detail' status.shop.json; }

@test "row_values: hide keeps rows' values in servers' messages at the site" {
	MY=$(server_start mariadb trust) && PG=$(server_start postgresql trust)
	plant duplicate 'ada.lovelace@canary.example' && plant cast 'R0w-value-31337' && plant raised 'R4ised-value-2718'
	local t
	for t in dup cast raise; do
		server_create "$MY" "$t" && server_create "$PG" "$t"
		for s in "$MY" "$PG"; do server_sql "$s" "$t" "CREATE TABLE customers (id integer PRIMARY KEY, email varchar(80), age varchar(40))"; done
		server_sql "$PG" "$t" "ALTER TABLE customers OWNER TO rollcall"
		server_sql "$MY" "$t" "DELIMITER //
			CREATE TRIGGER guard BEFORE UPDATE ON customers FOR EACH ROW BEGIN
				DECLARE m text DEFAULT concat('bad: ', NEW.email);
				IF NEW.email LIKE 'R4%' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = m; END IF;
			END//"
	done
	for s in "$MY" "$PG"; do
		server_sql "$s" dup "INSERT INTO customers VALUES (1, 'ada.lovelace@canary.example', '1'), (2, 'ada.lovelace@canary.example', '2')"
		server_sql "$s" cast "INSERT INTO customers VALUES (1, 'x', 'R0w-value-31337')"
		server_sql "$s" raise "INSERT INTO customers VALUES (1, 'R4ised-value-2718', '1')"
	done
	{
		for t in dup cast raise; do
			echo "  - {id: eu/my/$t, dsn: \"$(server_dsn "$MY" "$t")\", labels: {environment: production, part: shop}}"
			echo "  - {id: eu/pg/$t, dsn: \"$(server_dsn "$PG" "$t")\", labels: {environment: production, part: shop}}"
		done
	} | fleet_agent eu-1 eu 'eu/*'
	sed -i 's/^targets:/row_values: hide\n&/' eu-1/agent.yaml
	fleet_up
	write_project shop <<-'EOF'
		--liquibase formatted sql
		--changeset a:unique
		CREATE UNIQUE INDEX customers_email ON customers (email);
		--rollback empty
		--changeset a:pg-cast dbms:postgresql
		ALTER TABLE customers ALTER age TYPE integer USING age::integer;
		--rollback empty
		--changeset a:my-cast dbms:mariadb
		ALTER TABLE customers MODIFY age integer;
		--rollback empty
		--changeset a:pg-raise dbms:postgresql splitStatements:false
		DO $$ DECLARE r record; BEGIN FOR r IN SELECT email FROM customers WHERE email LIKE 'R4%' LOOP RAISE EXCEPTION 'bad: %', r.email USING HINT = r.email; END LOOP; END $$;
		--rollback empty
		--changeset a:my-raise dbms:mariadb
		UPDATE customers SET id = id;
		--rollback empty
	EOF
	roll shop 1.0.0 6
	look_around
	details
	[ "$(jq '[.targets[] | select(.state == "failed")] | length' status.shop.json)" = 6 ]
	[[ $(details) == *'could not create unique index "customers_email" (SQLSTATE 23505); ... In the database'* ]]
	[[ $(details) == *"Duplicate entry ... for key 'customers_email' (error 1062, SQLSTATE 23000)"* ]]
	[[ $(details) == *'invalid input syntax for type integer: ... (SQLSTATE 22P02)'* ]]
	[[ $(details) == *'Truncated incorrect INTEGER value: ... (error 1292, SQLSTATE 22007)'* ]]
	[[ $(details) == *'... (SQLSTATE P0001); hint: ...'* ]]
	[[ $(details) == *'... (error 1644, SQLSTATE 45000)'* ]]
	nothing_found
	# Told where the site does not mind, so that the search above had something to find.
	fleet_kill eu-1 TERM
	sed -i 's/^row_values: hide/row_values: tell/' eu-1/agent.yaml
	fleet_start_agent eu-1
	fleet_wait_connected 1
	rc rollout retry "$R" --wait --timeout 60s >retry.out 2>&1 || true
	rc rollout status "$R" -o json >status.shop.json 2>/dev/null || true
	details
	run -1 search status.shop.json
	for t in duplicate cast raised; do [[ $output == *"status.shop.json: holds the secret '$t' ("*raw* ]]; done
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

@test "secrets: a probe's url with a password is refused, and the refusal does not repeat it" {
	plant probe "Pr0be-canary p@ss/8841"
	printf 'name: p\nenvironments:\n  - name: production\n    waves:\n      - {name: all, probes: [{name: up, url: "http://mona:%s@127.0.0.1:9/x", expect: "1"}]}\n' "$(jq -rn --arg p "Pr0be-canary p@ss/8841" '$p | @uri')" >plan.bad
	run rc plan check plan.bad
	[ "$status" -ne 0 ]
	[[ $output == *"probe up: url: leave user and password out"* ]]
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
