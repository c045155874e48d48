#!/usr/bin/env bats
# What a site decides for itself: holds, windows, its policy document, its yes. The controller offers, waits, and goes on by itself; it can lift nothing.

setup() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	fleet_new "$BATS_TEST_TMPDIR/fleet"
	cd "$F" || return 1
	quietly rc keys new keys/dave --no-passphrase --owner dave
	quietly rc trust add-key trust.env keys/dave.pub --role site --out trust-2.env
	quietly rc trust sign trust-2.env --key keys/root
	mv trust-2.env trust.env
	touch one.db two.db
	fleet_agent eu-1 eu 'eu/*' <<-EOF2
		  - {id: eu/lite/one, dsn: "sqlite:$F/one.db", labels: {environment: dev}}
		  - {id: eu/lite/two, dsn: "sqlite:$F/two.db", labels: {environment: dev}}
	EOF2
	quietly rc init shop
	sed -i 's/^pipeline:.*/pipeline: [dev, production]/' shop/rollcall.yaml
	cat >plan.yaml <<-'EOF2'
		name: shop
		environments:
		  - {name: dev, waves: [{name: all, max_parallel: 2, max_failures: 0}]}
		  - {name: production, waves: [{name: all}]}
	EOF2
}

teardown() { fleet_down; }

site() { # COMMAND ...: of the agent at the site
	local c=("$1")
	shift
	[ "${c[0]}" != policy ] || { c+=("$1"); shift; }
	"$ROLLCALL_BIN/rollcall-agent" "${c[@]}" "$@" --config eu-1/agent.yaml
}

state_of() { rc rollout status "$id" -o json 2>/dev/null | jq -r --arg t "$1" '.targets[] | select(.target == $t) | .state'; }
detail_of() { rc rollout status "$id" -o json 2>/dev/null | jq -r --arg t "$1" '.targets[] | select(.target == $t) | .detail'; }

is_in() { [ "$(state_of "$1")" = "$2" ]; }

await() { fleet_await 60 is_in "$1" "$2" || { echo "$1 is $(state_of "$1"): $(detail_of "$1")" >&2; return 1; }; } # TARGET STATE

begin() { # VERSION
	fleet_release shop "$1"
	id=$(fleet_start plan.yaml dev "$1")
}

shown() { # TARGET or ROLLOUT [ORDERS]: what waits there, in shown.json, and its $preview; so many orders, else one at least, once their papers were fetched
	site consent "$1" -o json 2>/dev/null >shown.json || [ $? -eq 3 ] || return 1
	[ "$(jq '.orders | length' shown.json)" -ge "${2:-1}" ] || return 1
	preview=$(jq -r '.orders[0].preview' shown.json)
}

waits() { fleet_await 60 shown "$@"; } # TARGET or ROLLOUT [ORDERS]

policy() { # text on standard input: signed by the site's key, and put where the agent looks
	cat >policy.yaml
	quietly "$ROLLCALL_BIN/rollcall-agent" policy sign policy.yaml --key keys/dave --out eu-1/policy.new
	mv eu-1/policy.new eu-1/policy.env
	grep -q '^policy:' eu-1/agent.yaml || echo 'policy: policy.env' >>eu-1/agent.yaml
}

@test "a hold stops one target and not the other; lifting it lets the delivery go on at once" {
	fleet_up
	run site hold eu/lite/one --reason 'year-end closing' --until 2h
	[ "$status" -eq 0 ]
	begin 1.0.0
	await eu/lite/two applied
	await eu/lite/one held
	[[ "$(detail_of eu/lite/one)" == *"held by the site ("*"year-end closing"* ]]
	[ "$(sqlite3 one.db .dump | grep -c 'CREATE TABLE')" -eq 0 ]
	run rc rollout list -o json
	[ "$(jq -r '.rollouts[0].failed' <<<"$output")" -eq 0 ] # held is not failed
	run site unhold eu/lite/one
	[ "$status" -eq 0 ]
	await eu/lite/one applied
	[ "$(rc rollout list -o json 2>/dev/null | jq -r '.rollouts[0].state')" = succeeded ]
}

is_let_go() { [ "$(site status -o json 2>/dev/null | jq -r '.held[0].why')" = let-go ]; }

its_time_is_over() { [[ "$(site status -o json 2>/dev/null | jq -r '.held[0].detail')" == *"year-end closing; the time of its order is over: the controller is told when it is let go" ]]; }

caught_up() { [ "$(rc rollout list -o name 2>/dev/null | wc -l)" = 2 ]; }

# One of the two is held by its site until the time of its order is over.
hold_beyond_the_end() {
	cat >plan.yaml <<-'EOF2'
		name: shop
		environments:
		  - name: dev
		    catch_up: automatic
		    not_after: 20s
		    waves: [{name: all, max_parallel: 2, unreachable: defer, defer_after: 500ms}]
	EOF2
	fleet_up
	site hold eu/lite/one --reason 'year-end closing' >/dev/null
	begin 1.0.0
	await eu/lite/two applied
	await eu/lite/one deferred
	await eu/lite/one skipped
	[ "$(rc rollout list -o json 2>/dev/null | jq -r '.rollouts[0].state')" = succeeded ]
	fleet_await 60 its_time_is_over
}

catches_up() {
	fleet_await 90 caught_up
	id=$(rc rollout list -o name 2>/dev/null | head -n 1)
	await eu/lite/one applied
	[ "$(site status -o json 2>/dev/null | jq '.held | length')" = 0 ]
}

@test "what its site held until the order's time was over catches up once the site lets it go" {
	hold_beyond_the_end
	site unhold eu/lite/one >/dev/null
	catches_up
}

@test "that a site let go of what its order had no more time for is not lost with the controller it was told to" {
	hold_beyond_the_end
	kill -STOP "$(cat controller.pid)"
	site unhold eu/lite/one >/dev/null
	fleet_await 20 is_let_go
	[ "$(site status -o json 2>/dev/null | jq -r '.held[0].detail')" = "no longer held: the controller is told again in each session until it answers" ]
	fleet_kill controller # with what it has not read
	fleet_start_controller
	fleet_wait_connected 1
	catches_up
}

@test "a hold of everything survives kill -9 and a restart of both sides, and the controller cannot lift it" {
	fleet_up
	site hold --all >/dev/null
	begin 1.0.0
	await eu/lite/one held
	await eu/lite/two held
	fleet_kill eu-1
	fleet_kill controller
	fleet_start_controller
	fleet_start_agent eu-1
	fleet_wait_connected 1
	await eu/lite/one held
	run rc rollout retry "$id"
	run rc rollout resume "$id"
	await eu/lite/one held
	[ "$(sqlite3 one.db .dump | grep -c 'CREATE TABLE')" -eq 0 ]
	site unhold --all
	await eu/lite/one applied
	await eu/lite/two applied
}

slow_changes() { # ten, each of half a second or more
	local n
	echo '--liquibase formatted sql' >shop/changes/1-slow.sql
	for n in $(seq 10); do
		cat >>shop/changes/1-slow.sql <<-EOF2
			--changeset test:slow-$n
			CREATE TABLE slow_$n AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 4000000) SELECT count(*) AS n FROM c;
			--rollback DROP TABLE slow_$n;
		EOF2
	done
}

slow_tables() { sqlite3 "$1.db" "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'slow%'"; } # DATABASE

@test "a hold ends a running delivery between two steps, and it goes on from there" {
	slow_changes
	fleet_up
	begin 1.0.0
	await eu/lite/one applying
	site hold eu/lite/one >/dev/null
	await eu/lite/one held
	[[ "$(detail_of eu/lite/one)" == *"stopped before"* ]]
	[ "$(slow_tables one)" -lt 10 ]
	site unhold eu/lite/one
	await eu/lite/one applied
	[ "$(slow_tables one)" -eq 10 ]
}

@test "what was begun and waits for a place here is not dropped when its rollout is over: it goes on, and its report tells" {
	sed -i 's/max_parallel: 4, max_parallel_per_instance: 4/max_parallel: 1, max_parallel_per_instance: 1/' eu-1/agent.yaml
	cat >shop/changes/1-slow.sql <<-'EOF2'
		--liquibase formatted sql
		--changeset test:first
		CREATE TABLE first (n INTEGER);
		--rollback DROP TABLE first;
		--changeset test:slow
		CREATE TABLE slow_1 AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 30000000) SELECT count(*) AS n FROM c;
		--rollback DROP TABLE slow_1;
	EOF2
	fleet_up
	begin 1.0.0
	await eu/lite/one applying
	site hold eu/lite/one >/dev/null
	fleet_await 20 grep -q 'eu/lite/one: .*it ends after its present step' eu-1.log
	fleet_kill eu-1       # in the midst of the slow step
	fleet_kill controller # which would wait for three heartbeats before it knew
	fleet_start_controller
	fleet_await 20 rc ping
	quietly rc rollout abort "$id" --reason gone
	fleet_await 60 fleet_rollout_is "$id" aborted # it waits for nobody who is away
	is_in eu/lite/one unknown
	fleet_hold_file two.db
	fleet_start_agent eu-1
	fleet_await 20 grep -q 'eu/lite/two: task .* begins' eu-1.log # and takes the only place
	site unhold eu/lite/one >/dev/null
	fleet_await 20 grep -q 'eu/lite/one: no longer held' eu-1.log
	sleep 1 # the controller's answer to that comes meanwhile
	fleet_let_go
	await eu/lite/two applied
	await eu/lite/one applied
	[ "$(slow_tables one)" -eq 1 ]
}

@test "what a hold ended between two steps is rolled back with the rest" {
	slow_changes
	fleet_up
	begin 1.0.0
	await eu/lite/one applying
	site hold eu/lite/one >/dev/null
	await eu/lite/one held
	await eu/lite/two applied
	[ "$(slow_tables one)" -gt 0 ] && [ "$(slow_tables one)" -lt 10 ] && [ "$(slow_tables two)" -eq 10 ]
	quietly rc rollout pause "$id"
	site unhold eu/lite/one
	quietly rc rollout rollback "$id" --wait --timeout 60s
	[ "$(slow_tables one)" -eq 0 ] && [ "$(slow_tables two)" -eq 0 ]
}

@test "outside its window nothing begins; the delivery goes on by itself when it opens" {
	local day=86400 now opens
	now=$(date -u +%s)
	fleet_moved_agents
	# One day and a bit from now, so that it is closed whatever the hour is.
	policy <<-EOF2
		site: eu
		version: 1
		windows:
		  - {days: $(date -u -d "@$((now + 2 * day))" +%a | tr '[:upper:]' '[:lower:]'), from: "00:00", to: "24:00", targets: ["eu/lite/one"]}
	EOF2
	fleet_up
	begin 1.0.0
	await eu/lite/two applied # no window names it
	await eu/lite/one held
	[[ "$(detail_of eu/lite/one)" == *"maintenance window is closed; it opens at $(date -u -d "@$((now + 2 * day))" +%F)T00:00:00Z"* ]]
	run site windows -o json
	[ "$(jq -r '.windows[] | select(.target == "eu/lite/one") | .state' <<<"$output")" = window ]
	[ "$(jq -r '.windows[] | select(.target == "eu/lite/two") | .state' <<<"$output")" = open ]
	run site windows --at "$(date -u -d "@$((now + 2 * day))" +%FT12:00:00Z)" -o json
	[ "$(jq -r '.windows[] | select(.target == "eu/lite/one") | .state' <<<"$output")" = open ]
	# A window that opens at the next full minute, which the agent's clock reaches within seconds: nobody types anything more.
	now=$(date -u +%s) opens=$((now / 60 * 60 + 60))
	policy <<-EOF2
		site: eu
		version: 2
		windows:
		  - {days: daily, from: "$(date -u -d "@$opens" +%H:%M)", to: "$(date -u -d "@$((opens + 6 * 3600))" +%H:%M)", targets: ["eu/lite/one"]}
	EOF2
	fleet_move_clock $((opens > now + 3 ? opens - now - 3 : 0))
	await eu/lite/one applied
}

@test "a policy that is older, changed or not the site's holds everything until it can be believed" {
	policy <<<$'site: eu\nversion: 5\n'
	fleet_up
	cp eu-1/policy.env good.env
	policy <<<$'site: eu\nversion: 4\n'
	begin 1.0.0
	await eu/lite/one held
	[[ "$(detail_of eu/lite/one)" == *"version 4, but version 5 was in force before"* ]]
	printf 'site: eu\nversion: 6\n' >eu-1/policy.env # whoever took the agent over could write that
	sleep 1.5
	run site policy show
	[ "$status" -eq 6 ]
	run site check
	[ "$status" -eq 6 ]
	[[ "$output" == *"the agent's own user could change it"* ]]
	[ "$(state_of eu/lite/one)" = held ]
	cp good.env eu-1/policy.env
	await eu/lite/one applied
	await eu/lite/two applied
}

@test "a statement that the site denies is refused by C2 and nothing runs" {
	policy <<<$'site: eu\nversion: 1\nstatements: {deny: ["CREATE INDEX*", "CREATE TABLE"]}\n'
	fleet_up
	begin 1.0.0
	await eu/lite/one refused
	[[ "$(detail_of eu/lite/one)" == *"is among the statements that this site denies"* ]]
	[ "$(sqlite3 one.db .dump | grep -c 'CREATE TABLE')" -eq 0 ]
}

@test "the largest table that the site lets be worked on as a whole" {
	policy <<<"{site: eu, version: 1, largest_table: 10 rows, longest_lock: 1s}"
	for d in one two; do sqlite3 $d.db 'CREATE TABLE big (id integer PRIMARY KEY, note text); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO big SELECT i, i FROM n'; done
	run site policy show
	[[ $output == *"longest lock"*"largest table"*"10 rows"* ]]
	fleet_up
	quietly rc init caps
	sed -i 's/^pipeline:.*/pipeline: [dev, production]/; s/^project:.*/project: caps/' caps/rollcall.yaml
	rm caps/changes/*
	printf -- '--liquibase formatted sql\n--changeset a:wide\nALTER TABLE big ADD COLUMN more text;\n--rollback ALTER TABLE big DROP COLUMN more;\n' >caps/changes/1.sql
	fleet_release caps 1.0.0
	id=$(fleet_start plan.yaml dev 1.0.0)
	await eu/lite/one refused
	[[ $(detail_of eu/lite/one) == *"C2 site-policy: changes/1.sql:3: changeset a:wide: ALTER TABLE works on table big as a whole, which has about 100 rows, and this site lets that be done up to 10 rows (largest_table)"* ]]
	for d in one two; do [ "$(sqlite3 $d.db "SELECT count(*) FROM pragma_table_info('big')")" = 2 ]; done
}

@test "where the site's consent is asked nothing begins before its yes, and what it says yes to is shown" {
	policy <<<$'site: eu\nversion: 1\nconsent: ["eu/lite/one"]\n'
	fleet_up
	begin 1.0.0
	await eu/lite/two applied
	await eu/lite/one held
	[[ "$(detail_of eu/lite/one)" == *"the site has not said yes yet"* ]]
	waits eu/lite/one
	run site consent eu/lite/one
	[ "$status" -eq 3 ]
	[ "$(jq -r '.orders[0].rollout' shown.json)" = "$id" ]
	[ "$(jq -r '.orders[0].release' shown.json)" = "shop 1.0.0" ]
	jq -r '.statements[].statement' shown.json | grep -q 'CREATE TABLE'
	[[ "$(jq -r '.orders[0].gates' shown.json)" == "gates "*" ran over "*" changesets, 0 errors, "* ]]
	[ "$(jq -r '[.plan[] | select(.action != "run") | .detail] | unique[]' shown.json)" = "not for this engine" ]
	[ "$(jq -r '.gates[0].release' shown.json)" = "shop 1.0.0" ] # which gates ran, and how strict they were
	jq -r '.gates[].found' shown.json | grep -q '^gate PF23 (level error): '
	[ ! -s one.db ] # it was looked at, no more
	run site consent eu/lite/two
	[ "$status" -eq 1 ]
	run site consent # all that waits
	[ "$status" -eq 3 ]
	[[ "$output" == *"eu/lite/one"*"1 target waits for a yes"* ]]
	run site consent --yes
	[ "$status" -eq 2 ]
	[ "$(state_of eu/lite/one)" = held ]
	fleet_kill eu-1 # the yes is kept while the agent is away
	run site consent "${id:0:8}" --yes 00000000
	[ "$status" -eq 3 ]
	[[ "$output" == *"This is not what preview 00000000 has shown, so that no yes was said"*"To say yes to exactly this: rollcall-agent consent ${id:0:8} --yes $preview"* ]]
	run site consent "${id:0:8}" --yes "$preview"
	[ "$status" -eq 0 ]
	fleet_start_agent eu-1
	await eu/lite/one applied
	printf -- '--liquibase formatted sql\n--changeset a:late\n--lint-ignore PF23 reason:"a table that nobody reads yet"\nCREATE TABLE late (id int);\n' >shop/changes/zz-late.sql
	begin 1.0.1 # a yes is for one order
	await eu/lite/one held
	waits eu/lite/one
	# What this very target has is passed over, and told; of the rest, the statements.
	[ "$(jq -r '.statements[].statement' shown.json)" = "CREATE TABLE late (id int)" ]
	[ "$(jq -r '.plan[] | select(.action != "skip") | .target + " " + .changeset + " " + .action' shown.json)" = "eu/lite/one a:late run" ]
	[ "$(jq -r '[.plan[] | select(.action == "skip") | .detail] | unique | join(", ")' shown.json)" = "applied already, not for this engine" ]
	[[ "$(jq -r '.orders[0].here' shown.json)" == "1 of "*" changesets run here, 1 step" ]]
	run site consent eu/lite/one # for people, of the gates what they found
	[[ "$output" == *"found: ignored PF23 changes/zz-late.sql:2 a:late: "*"(a table that nobody reads yet)"* && "$output" != *"gate PF23 (level"* ]]
	local by_ledger=$preview
	# A target that cannot be asked: then it is the whole release, and that is another preview.
	mv one.db away.db
	run site consent eu/lite/one --yes "$by_ledger"
	[ "$status" -eq 3 ]
	[[ "$output" == *"its ledger could not be asked ("*"): shown is the whole release, and a yes is to all of it"* ]]
	shown eu/lite/one
	[ "$preview" != "$by_ledger" ]
	[ "$(jq '.plan | length' shown.json)" = 0 ]
	[ "$(jq '.statements | length' shown.json)" -gt 5 ]
	mv away.db one.db
	[ "$(state_of eu/lite/one)" = held ]
	run site consent eu/lite/one --offline
	[[ "$output" == *"(--offline): shown is the whole release"*"--yes $preview"* ]]
	run site consent eu/lite/one --yes "$by_ledger"
	[ "$status" -eq 0 ]
	await eu/lite/one applied
	[ "$(sqlite3 one.db "SELECT count(*) FROM sqlite_master WHERE name = 'late'")" = 1 ]
}

@test "a yes is to what was shown: when the ledger is another one by the time it would begin, the site is asked again" {
	policy <<<$'site: eu\nversion: 1\nconsent: ["*"]\n'
	change() { printf -- '--liquibase formatted sql\n--changeset a:%s\nCREATE TABLE %s (id int);\n--rollback DROP TABLE %s;\n' "$1" "$1" "$1" >"shop/changes/zz-$1.sql"; }
	fleet_up
	begin 1.0.0
	await eu/lite/one held
	await eu/lite/two held
	waits "${id:0:8}" 2
	# The same would run on both: it is shown once, and one yes is to both.
	[ "$(jq -r '.orders[1]["plan-of"]' shown.json)" = "$(jq -r '.orders[0].target' shown.json)" ]
	[ "$(jq -r '[.plan[].target] | unique | length' shown.json)" = 1 ]
	run site consent "${id:0:8}" --yes "$preview"
	[ "$status" -eq 0 ]
	await eu/lite/one applied
	await eu/lite/two applied
	fleet_kill eu-1 TERM
	cp one.db before.db
	fleet_start_agent eu-1
	change late
	begin 1.0.1
	await eu/lite/one held
	waits eu/lite/one
	quietly site consent eu/lite/one --yes "$preview"
	await eu/lite/one applied
	change later
	waits eu/lite/two
	quietly site consent eu/lite/two --yes "$preview"
	await eu/lite/two applied
	begin 1.0.2
	await eu/lite/one held
	waits eu/lite/one
	[ "$(jq -r '.statements[].statement' shown.json)" = "CREATE TABLE later (id int)" ]
	fleet_kill eu-1 TERM
	quietly site consent eu/lite/one --yes "$preview"
	# Somebody puts last week's database back, and says that it is the right one.
	cat before.db >one.db && rm -f one.db-wal one.db-shm
	quietly site resolve eu/lite/one --accept-ledger --reason 'restored on purpose'
	fleet_start_agent eu-1
	is_asked_again() { [[ "$(detail_of eu/lite/one)" == *"since the site said yes"* ]]; }
	fleet_await 60 is_asked_again
	[ "$(state_of eu/lite/one)" = held ]
	[[ "$(detail_of eu/lite/one)" == *"nothing was begun: since the site said yes ("*") the ledger was set back, so that what would run now may not be what was looked at"* ]]
	[ "$(sqlite3 one.db "SELECT count(*) FROM sqlite_master WHERE name LIKE 'late%'")" = 0 ]
	waits eu/lite/one
	[ "$(jq -r '.statements[].statement' shown.json | wc -l)" = 2 ]
	quietly site consent eu/lite/one --yes "$preview"
	await eu/lite/one applied
	[ "$(sqlite3 one.db "SELECT count(*) FROM sqlite_master WHERE name LIKE 'late%'")" = 2 ]
}

@test "status says what is held and why, history what was done; both without the controller" {
	fleet_up
	site hold eu/lite/one --reason 'year-end closing' --until 2h >/dev/null
	begin 1.0.0
	await eu/lite/two applied
	await eu/lite/one held
	fleet_kill controller
	site status -o json >status.json 2>status.err
	[ "$(jq -r '.holds[0].reason' status.json)" = 'year-end closing' ]
	[ "$(jq -r '.held[0].target' status.json)" = eu/lite/one ]
	[ "$(jq -r '.held[0].why' status.json)" = hold ]
	[[ "$(cat status.err)" == *"0 open tasks, 1 held back, 1 hold in force"*"no site policy"* ]]
	site history eu/lite/two -o json >history.json
	[ "$(jq -r '.reports[0].outcome' history.json)" = applied ]
	[ "$(jq -r '[.ledger[] | select(.state == "done")] | length' history.json)" -gt 0 ]
	[ "$(jq -r '.ledger[0].release' history.json)" = 1.0.0 ]
	run site history eu/lite/none
	[ "$status" -eq 1 ]
	[ "$(site history eu/lite/one --offline -o json 2>/dev/null | jq '.reports | length')" -eq 0 ]
}
