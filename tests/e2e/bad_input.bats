#!/usr/bin/env bats
# What each of the people who use it can get wrong, and what a stranger can try: each with the words that are said, and that no database and no file changed.
# Messages that are hand-made, oversized or out of turn are refused at the link: tests/unit/both/link_test.c; orders and proofs for other targets:
# tests/unit/agent/verify/verify_test.c.

setup_file() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin} FLEET_RELEASE_SIGNATURES=2 SERVER_OWNER=$$
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	export FLEET_LIMITS="{max_parallel: 9, max_parallel_per_instance: 9, retry_budget: 2s, lock_timeout: 1s, statement_timeout: 10s, connect_timeout: 5s}"
	servers_both password password shop || return 1
	fleet_new "$BATS_FILE_TMPDIR/fleet" || return 1
	cd "$F" || return 1
	sqlite3 one.db 'CREATE TABLE before (a)'
	echo wrong >wrong.password && server_get "$PG" password >pg.password && chmod 600 ./*.password || return 1
	fleet_agent eu-1 eu 'eu/*' <<-EOF || return 1
		  - {id: eu/lite/one, dsn: "sqlite:$F/one.db", labels: {environment: dev, ring: good}}
		  - {id: eu/pg/password, dsn: "$(server_dsn "$PG" shop)", password: {file: $F/wrong.password}, labels: {environment: dev, ring: bad}}
		  - {id: eu/my/password, dsn: "$(server_dsn "$MY" shop)", password: {file: $F/wrong.password}, labels: {environment: dev, ring: bad}}
		  - {id: eu/pg/missing, dsn: "$(server_dsn "$PG" missing)", password: {file: $F/pg.password}, labels: {environment: dev, ring: bad}}
		  - {id: eu/pg/nobody, dsn: "postgresql://rollcall@127.0.0.1:1/shop", labels: {environment: dev, ring: bad}}
		  - {id: eu/my/nobody, dsn: "mariadb://rollcall@127.0.0.1:1/shop", labels: {environment: dev, ring: bad}}
		  - {id: eu/lite/missing, dsn: "sqlite:$F/missing.db", labels: {environment: dev, ring: bad}}
		  - {id: eu/pg/other, dsn: "postgresql://rollcall@127.0.0.1:$(server_get "$MY" port)/shop", labels: {environment: dev, ring: bad}}
		  - {id: eu/my/other, dsn: "mariadb://rollcall@127.0.0.1:$(server_get "$PG" port)/shop", labels: {environment: dev, ring: bad}}
		  - {id: eu/lite/other, dsn: "sqlite:$F/controller.yaml", labels: {environment: dev, ring: bad}}
	EOF
	fleet_up || return 1
	quietly rc init shop || return 1
	sed -i 's/^pipeline:.*/pipeline: [dev, production]/' shop/rollcall.yaml
	cat >plan.yaml <<-EOF
		name: shop
		environments:
		  - name: dev
		    waves:
		      - {name: all, selector: "ring=good"}
	EOF
	build 1.0.0 && quietly rc release sign 1.0.0.release --key keys/release && quietly rc release sign 1.0.0.release --key keys/release2 &&
		quietly rc release push 1.0.0.release
}

teardown_file() {
	fleet_down
	servers_stop_all
}

setup() {
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	. "$BATS_TEST_DIRNAME/../support/servers.bash"
	cd "$F" || return 1
	rm -rf "$BATS_TEST_TMPDIR/x"
	before=$(everything)
}

teardown() {
	[ "$(everything)" = "$before" ] || { echo "a database changed" >&2; return 1; }
}

build() { # VERSION
	local sequence
	sequence=$(($(cat sequence 2>/dev/null || echo 0) + 1))
	echo $sequence >sequence
	quietly rc release build shop --version "$1" --sequence $sequence --out "$1.release"
}

everything() {
	sqlite3 "$F/one.db" .dump
	server_sql "$PG" shop "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
	server_sql "$MY" shop "SHOW TABLES"
	ls "$F"/*.db
	sha256sum "$F/controller.yaml"
}

says() { # EXIT-CODE TEXT COMMAND...: exactly this is said
	local code=$1 text=$2
	shift 2
	run "$@"
	if [ "$status" -ne "$code" ] || [ "$output" != "$text" ]; then
		printf 'exit %s\nwanted: %s\ngot:    %s\n' "$status" "$text" "$output" >&2
		return 1
	fi
}

says_running() { # FOLDER TEXT: an agent that goes on trying says so
	"$ROLLCALL_BIN/rollcall-agent" run --config "$1/agent.yaml" >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
	fleet_await 60 grep -qF "$2" "$BATS_TEST_TMPDIR/said"
	kill -KILL $!
	wait $! || true
}

agent() { timeout 60 "$ROLLCALL_BIN/rollcall-agent" run --config "$1/agent.yaml"; }

@test "an unknown key: rollcall.yaml" {
	cp -r shop "$BATS_TEST_TMPDIR/x" && cd "$BATS_TEST_TMPDIR"
	echo 'gate: []' >>x/rollcall.yaml
	says 1 "rollcall: x/rollcall.yaml:12: unknown key 'gate': did you mean 'gates'?" rc lint x
	says 1 "rollcall: x/rollcall.yaml:12: unknown key 'gate': did you mean 'gates'?" rc release build x --version 9
	[ ! -e x/releases ]
}

@test "an unknown key: the plan" {
	sed 's/selector:/selektor:/' plan.yaml >bad.yaml
	says 1 "rollcall: bad.yaml:5: unknown key 'selektor': did you mean 'selector'?" rc plan check bad.yaml
	says 1 "rollcall: bad.yaml:5: unknown key 'selektor': did you mean 'selector'?" rc rollout start bad.yaml -e dev -r 1.0.0
}

@test "an unknown key: agent.yaml and controller.yaml" {
	cp -r eu-1 x && sed -i 's/^limits:/limit:/' x/agent.yaml
	says 1 "rollcall-agent: x/agent.yaml:8: unknown key 'limit': did you mean 'limits'?" agent x
	rm -r x
	sed 's/^listen/listn/' controller.yaml >bad.yaml
	says 1 "rollcall-controller: bad.yaml:2: unknown key 'listn': did you mean 'listen'?" timeout 60 "$ROLLCALL_BIN/rollcall-controller" run --config bad.yaml
}

@test "a key that is missing, that others can read, and a wrong passphrase" {
	build 1.0.1
	digest=$(sha256sum 1.0.1.release)
	says 1 "rollcall: keys/none: there is no such file: correct the path, or make it first" rc release sign 1.0.1.release --key keys/none
	cp keys/release open.key && chmod 644 open.key
	says 1 "rollcall: ./open.key: mode 0644 lets others read it: run 'chmod 600 ./open.key'" rc release sign 1.0.1.release --key ./open.key
	printf 'the right one\n' >right && printf 'wrong\n' >wrong && chmod 600 right wrong
	quietly rc keys new ./secret --passphrase-file right
	says 1 "rollcall: ./secret: wrong passphrase: try again" rc release sign 1.0.1.release --key ./secret --passphrase-file wrong
	[ "$(sha256sum 1.0.1.release)" = "$digest" ]
	cp -r eu-1 x && chmod 777 x
	says 1 "rollcall-agent: x/agent.yaml:5: keys.curve: CURVE key: x: mode 0777 lets others put files in it: run 'chmod go-w x'" agent x
	chmod 700 x && chmod 644 x/curve.key
	says 1 "rollcall-agent: x/agent.yaml:5: keys.curve: CURVE key: x/curve.key: mode 0644 lets others read it: run 'chmod 600 x/curve.key'" agent x
	rm -f x/report.key && chmod 600 x/curve.key
	says 1 "rollcall-agent: x/agent.yaml:5: keys.report: x/report.key: there is no such file: correct the path, or make it first" agent x
	rm -r x
	chmod 644 keys/operator.curve
	run rc agents list
	chmod 600 keys/operator.curve
	[ "$status" -eq 1 ]
	[ "$output" = "rollcall: CURVE key: $F/keys/operator.curve: mode 0644 lets others read it: run 'chmod 600 $F/keys/operator.curve'" ]
}

@test "another controller's key: the tool and the agent talk to nobody" {
	config=$(sha256sum config.yaml)
	says 7 "rollcall: nothing was written: what answers at $FLEET_CONTROL is not the controller with the key $(cat keys/viewer.curve.pub): check the address and the controller's key" \
		rc connect --endpoint "$FLEET_CONTROL" --blobs "$FLEET_BLOBS" --key keys/viewer.curve.pub --operator-key keys/operator.curve
	[ "$(sha256sum config.yaml)" = "$config" ]
	cp -r eu-1 x
	cp keys/viewer.curve.pub x/other.pub
	sed -i 's|keys: \[.*\]}|keys: ["other.pub"]}|' x/agent.yaml
	says_running x "controller at $FLEET_CONTROL: its key is not the pinned one, or no controller listens there: next attempt in "
	rm -r x
}

@test "an agent that nobody admitted" {
	fleet_agent us-1 us 'us/*' <<<"  - {id: us/lite/one, dsn: \"sqlite:$F/one.db\", labels: {environment: dev}}"
	says_running us-1 "controller at $FLEET_CONTROL: it refused our key: the agent is not admitted there (rollcall agents admit)"
	run rc targets list
	[[ $output != *us/lite/one* ]]
	rm -r us-1
}

@test "an agent with a target that its certificate does not cover, or of another site" {
	fleet_agent ap-1 ap ap/lite/mine <<-EOF
		  - {id: ap/lite/mine, dsn: "sqlite:$F/one.db", labels: {environment: dev}}
		  - {id: ap/lite/yours, dsn: "sqlite:$F/one.db", labels: {environment: dev}}
	EOF
	says 2 "rollcall-agent: ap-1/agent.yaml:11: target ap/lite/yours: the certificate does not cover it: remove it here, or have a certificate made that does" agent ap-1
	sed -i 's|ap/lite/yours|eu/lite/yours|' ap-1/agent.yaml
	says 2 "rollcall-agent: ap-1/agent.yaml:11: id 'eu/lite/yours': it is of another site than this agent (ap): write ap/..." agent ap-1
	rm -r ap-1
}

@test "a blob altered in the controller's folder runs nowhere; put back, a retry runs it" {
	blob=$(find "$F/controller" -type f -name "$(sha256sum <1.0.0.release | cut -d' ' -f1)") # nobody has pulled it yet
	cp "$blob" saved.blob
	chmod u+w "$blob"
	at=$(grep -abo 'CREATE TABLE customers' "$blob" | head -n 1 | cut -d: -f1)
	fleet_kill eu-1 TERM
	run rc rollout start plan.yaml -e dev -r 1.0.0
	[ "$status" -eq 0 ]
	id=$(rc rollout list -o name 2>/dev/null | head -n 1)
	printf 'X' | dd of="$blob" bs=1 seek="$at" conv=notrunc status=none
	says 6 "rollcall: the release's blob: $blob: the bytes no longer match the name: the file was changed or damaged; remove it: an agent fetches it again by itself, at the controller push the release again" \
		rc rollout preview plan.yaml -e dev -r 1.0.0
	fleet_start_agent eu-1
	run rc rollout watch "$id" --timeout 60s
	cp saved.blob "$blob"
	[ "$status" -eq 4 ]
	grep -q "blob from $FLEET_BLOBS refused: the bytes do not have the hash that was asked for" eu-1.log
	run rc rollout status "$id" -o json
	[ "$(jq -r '.targets[] | .state + ": " + .detail' <<<"${output%halted*}")" = "refused: C18 content: the release could not be fetched from the controller, or what came was not what was asked for: this agent's log says why. In the database: nothing was changed: no statement was run." ]
	[ "$(everything)" = "$before" ]
	run rc rollout retry "$id" --wait --timeout 60s
	[ "$status" -eq 0 ]
	run rc rollout rollback "$id" --reason 'end of the test' --wait --timeout 60s
	[ "$status" -eq 0 ]
	before=$(everything) # the ledger stays
}

@test "databases that cannot be reached, refuse the password, are missing or of another kind: each says why, and how to go on" {
	sed 's/selector: "ring=good"/selector: "ring=bad", max_failures: "100%"/' plan.yaml >bad.yaml
	run rc rollout preview bad.yaml -e dev -r 1.0.0
	[[ $output == *"9 targets, 9 of them could not be asked; nothing was changed"* ]]
	[[ $output == *"could not connect to server"* || $output == *"port 1 failed: Connection refused"* ]]
	run rc rollout start bad.yaml -e dev -r 1.0.0 --wait --timeout 60s
	[ "$status" -eq 4 ]
	id=$(rc rollout list -o name 2>/dev/null | head -n 1)
	run rc rollout status "$id" -o json
	[ "$status" -eq 4 ]
	reasons=$(rc rollout status "$id" -o json 2>/dev/null | jq -r '.targets[] | .target + " " + .state + ": " + .detail')
	echo "$reasons"
	is() { [[ $reasons == *"$1"* ]] || { echo "not there: $1"; return 1; }; }
	is "eu/lite/missing failed: gave up"
	is "database file $F/missing.db does not exist: make it first, or add ?create=1 to the target's dsn."
	is "eu/lite/other failed: target unreachable: $F/controller.yaml is not a SQLite database (or it is encrypted): correct the target's dsn. In the database: this run changed nothing; the ledger could not be read."
	is "eu/my/password failed: target unreachable: MariaDB at 127.0.0.1 port $(server_get "$MY" port): Access denied for user 'rollcall'@'127.0.0.1' (using password: YES) (error 1045): correct the target's user, or its password (file, command, credential or option_file) in agent.yaml."
	is "eu/pg/password failed: target unreachable: PostgreSQL: connection to server at \"127.0.0.1\", port $(server_get "$PG" port) failed: FATAL:  password authentication failed for user \"rollcall\": correct the target's user, or its password (file, command, credential or option_file) in agent.yaml."
	is "database \"missing\" does not exist: make the database first, or correct the target's dsn."
	is "MariaDB at 127.0.0.1 port 1: Can't connect to server on '127.0.0.1' (115) (error 2002): is the server running, is the address right?"
	is "another kind of server listens on this port: correct the target's engine or dsn."
	is "is another kind of server on this port, or a firewall in the way?"
	grep -q 'eu/my/password: failed: target unreachable: MariaDB' eu-1.log
	run grep -r "$(server_get "$MY" password)\|$(cat wrong.password)$" ./*.log
	[ "$status" -eq 1 ]
	run rc rollout abort "$id" --reason 'end of the test' --wait
}

@test "a plan that fits nothing" {
	says 2 "rollcall: plan shop has no environment qa: add it there, or name another (it has dev)" rc rollout start plan.yaml -e qa -r 1.0.0
	sed 's/name: dev/name: qa/' plan.yaml >bad.yaml
	says 2 "rollcall: bad.yaml:3: environment qa is not in the project's pipeline (dev, production): correct the name, or add it to rollcall.yaml" rc rollout start bad.yaml -e qa -r 1.0.0
	sed 's/ring=good/ring=none/' plan.yaml >bad.yaml
	says 2 'rollcall: bad.yaml: environment dev: wave all: selector "ring=none" matches no target: correct it, or the labels in agent.yaml' rc rollout start bad.yaml -e dev -r 1.0.0
	sed 's/ring=good/ring=/' plan.yaml >bad.yaml
	says 2 'rollcall: bad.yaml:5: wave all: selector "ring=", character 6: a value is missing: key=value' rc rollout start bad.yaml -e dev -r 1.0.0
	says 1 "rollcall: release 7 is not at the controller: \`rollcall release push\` it first" rc rollout start plan.yaml -e dev -r 7
}

@test "what else an operator gets wrong is named, and the controller outlives it" {
	mkdir -p folder && : >empty && printf 'apiVersion: v1\nkind: Pod\n' >foreign.yaml
	local verb
	for verb in start preview catch-up; do
		says 1 "rollcall: empty:1: the file is empty: write its keys" rc rollout "$verb" empty -e dev -r 1.0.0
		says 1 "rollcall: folder: a folder: name a file" rc rollout "$verb" folder -e dev -r 1.0.0
		says 1 "rollcall: foreign.yaml:1: unknown key 'apiVersion', and nothing else that belongs here: name another file, or begin it with name, environments" rc rollout "$verb" foreign.yaml -e dev -r 1.0.0
	done
	says 1 "rollcall: empty:1: the file is empty: write its keys" rc rollout catch-up empty -e dev
	says 2 "rollcall: plan shop has no environment qa: add it there, or name another (it has dev)" rc rollout catch-up plan.yaml -e qa
	for verb in start preview; do
		says 1 "rollcall: --target no/*: no free target of dev is so named: \`rollcall targets -l environment=dev\` shows them" rc rollout "$verb" plan.yaml -e dev -r 1.0.0 --target 'no/*'
	done
	says 2 "rollcall: --except no:such: release 1.0.0 has no such changeset: \`rollcall release show\` lists them" rc rollout preview plan.yaml -e dev -r 1.0.0 --except no:such
	says 2 "rollcall: freeze abc: give its number: \`rollcall freeze list\` shows them" rc freeze remove abc
	says 2 "rollcall: freeze-add needs the argument reason, which is missing or empty: give it" rc freeze add --until 2h --reason ''
	says 1 "rollcall: no agent has announced target no/such/target: \`rollcall targets\` shows them" rc history --target no/such/target
	says 2 "rollcall: --endpoint nowhere: write it as tcp://HOST:PORT" rc agents invite eu-9 --site eu --targets 'eu/*' --endpoint nowhere --controller-key keys/controller.curve.pub --key keys/enrol
	says 2 "rollcall: --operator-key keys/operator.curve.pub: that is the public half: give the private one, of the same name without .pub" \
		rc connect --endpoint "$FLEET_CONTROL" --blobs "$FLEET_BLOBS" --key keys/controller.curve.pub --operator-key keys/operator.curve.pub
	id=$(rc rollout list -o json | jq -r '[.[] | arrays][0][0].rollout')
	says 1 "rollcall: no target of rollout ${id:0:8} is named no/such/target: \`rollcall rollout status ${id:0:8} --all\` lists them" rc rollout status "$id" --target no/such/target
	# of rollouts that do not have the target, an export of it just says nothing
	[[ "$(rc audit export --target no/such/target 2>&1 >/dev/null | tr '\n' ' ')" == *"the log says nothing of target no/such/target: nothing was done there, or its id is another one"* ]]
	# shellcheck disable=SC2046 # each a word
	says 1 "rollcall: more than 2048 targets or other arguments: ask for fewer at a time" rc rollout status deadbeef $(printf -- '--target x%s ' {1..2100})
	quietly rc ping
}

@test "a release that nobody, a stranger, or too few signed, or that was altered" {
	build 1.1.0
	says 6 "rollcall: 1.1.0.release: nobody has signed it: run 'rollcall release sign 1.1.0.release --key FILE'" rc release push 1.1.0.release
	cp 1.1.0.release stranger.release && quietly rc release sign stranger.release --key keys/stranger
	says 6 "rollcall: release: 0 of 2 signatures (release): signed by nobody of that role; have 2 of release, release2 sign it" rc release push stranger.release
	quietly rc release sign 1.1.0.release --key keys/release
	says 6 "rollcall: release: 1 of 2 signatures (release): signed by release; have one of release2 sign it" rc release push 1.1.0.release
	cp 1.0.0.release altered.release
	at=$(grep -abo 'DROP TABLE orders' altered.release | head -n 1 | cut -d: -f1)
	printf 'KEEP' | dd of=altered.release bs=1 seek="$at" conv=notrunc status=none
	run rc release push altered.release
	[ "$status" -eq 6 ]
	[[ $output == *"0 of 2 signatures (release)"* ]]
	says 1 "rollcall: plan.yaml: not a signed document of Rollcall: correct the path, or fetch the document again (envelope: its bytes are no Envelope)" rc release push plan.yaml
	[ "$(rc release list -o name 2>/dev/null)" = 1.0.0 ]
}

@test "a viewer may look, and nothing else" {
	cp config.yaml good.yaml
	quietly rc connect --endpoint "$FLEET_CONTROL" --blobs "$FLEET_BLOBS" --key keys/controller.curve.pub --operator-key keys/viewer.curve
	run rc rollout start plan.yaml -e dev -r 1.0.0
	looked=0
	rc targets list >/dev/null 2>&1 || looked=$?
	cp good.yaml config.yaml
	[ "$status" -eq 6 ]
	[ "$output" = "rollcall: rollout-start needs role operator, vera has viewer: ask an admin to change controller.yaml" ]
	[ $looked -eq 0 ]
}

