#!/usr/bin/env bats
# The auditor's commands on a fleet of two sites: what is exported, that it holds together offline, and that whatever is changed afterwards (in the controller's store, in
# the bundle, by cutting the log off) is found and named.

bats_require_minimum_version 1.5.0

setup_file() {
	export ROLLCALL_BIN=${ROLLCALL_BIN:-$BATS_TEST_DIRNAME/../../build/${MODE:-debug}/bin}
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	fleet_new "$BATS_FILE_TMPDIR/fleet" || return 1
	local site
	for site in eu us; do
		touch "$F/$site.db"
		fleet_agent $site-1 $site "$site/*" <<<"  - {id: $site/lite/shop, dsn: \"sqlite:$F/$site.db\", labels: {environment: production}}" || return 1
	done
	fleet_up || return 1
	quietly rc init "$F/shop" || return 1
	sed -i 's/^pipeline:.*/pipeline: [production]/' "$F/shop/rollcall.yaml"
	cat >"$F/plan.yaml" <<-EOF
		name: shop
		environments:
		  - name: production
		    waves: [{name: all, max_parallel: 4}]
	EOF
	fleet_release "$F/shop" 1.0.0 && ROLLOUT=$(fleet_start "$F/plan.yaml" production 1.0.0) || return 1
	fleet_approve "$ROLLOUT" 2 >/dev/null && quietly rc rollout watch "$ROLLOUT" --timeout 60s || return 1
	quietly rc audit export --format bundle --out "$F/all.audit"
}

teardown_file() { fleet_down; }

setup() {
	. "$BATS_TEST_DIRNAME/../support/fleet.bash"
	cd "$F" || return 1
}

# Copies the bundle, changes the copy by sed, and wants `audit verify` to name the check that goes wrong.
tampered() { # CHECK SED-SCRIPT
	sed -E "$2" all.audit >changed.audit
	if cmp -s all.audit changed.audit; then echo "nothing was changed by $2" && return 1; fi
	run rc audit verify changed.audit --trust trust.env
	if [ "$status" -ne 6 ] || [[ $output != *"$1: "* ]]; then echo "wanted $1 after $2, status $status: $output" && return 1; fi
}

@test "audit: what was exported holds together, offline and with the auditor's own trust document" {
	run rc audit verify all.audit --trust trust.env --controller tcp://127.0.0.1:1
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"rows and "*"documents hold together"* ]]
	[ "$(grep -c ' holds ' <<<"$output")" -eq 12 ]
	for check in trust certificates releases orders approvals reports report-chain outcomes shown; do
		[ "$(rc audit verify all.audit --trust trust.env -o json 2>/dev/null | jq ".checks[] | select(.check == \"$check\").\"looked-at\"")" -ge 1 ]
	done
}

@test "audit: csv, json and html tell who wrote, signed, approved and applied what, with its text" {
	rc audit export --format json >all.json
	[ "$(jq -r '[.changes[] | select(.target == "eu/lite/shop")] | length' all.json)" -ge 2 ]
	[ "$(jq -r '.changes[0] | [.state, ."signed-by", .approved, .environment] | join(" ")' all.json)" = "done release approver production" ]
	[[ $(jq -r '.changes[] | select(.target == "us/lite/shop") | .sql' all.json) == *"CREATE TABLE"* ]]
	[ "$(rc audit export --target us/lite/shop --format json | jq -r '[.changes[].target] | unique | join(" ")')" = us/lite/shop ]
	[[ $(rc audit export --target us/lite/shop | head -n 1) == at,target,changeset,direction,state,* ]]
	window() { rc audit export --format json "$@" | jq -r '[(.changes | length), (.actions | length)] | join(" ")'; }
	[ "$(window --from 2100-01-01T00:00:00Z)" = "0 0" ]
	[ "$(window --to 2000-01-01T00:00:00Z)" = "0 0" ]
	[ "$(window --from 2000-01-01T00:00:00Z --to 2100-01-01T00:00:00Z)" = "$(window)" ]
	rc audit export --from 2100-01-01T00:00:00Z --format bundle --out none.audit 2>/dev/null
	run rc audit verify none.audit --trust trust.env # the log is whole in it
	[ "$status" -eq 0 ]
	rc audit export --format html --out all.html
	grep -q '<h1>Audit of test</h1>' all.html
	run ! grep -qE '<script|src=|href=|wrong' all.html
	run rc audit export --format pdf
	[ "$status" -eq 2 ]
	cmp <(rc audit export -o json) all.json
	run rc audit export -o name
	[ "$status" -eq 2 ]
}

@test "audit: prove shows the chain from commit to ledger row, live and from a bundle" {
	changeset=$(rc audit export --format json | jq -r '.changes[0].changeset')
	run rc audit prove eu/lite/shop "$changeset"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"signed by release"* && $output == *"approved   approver at 20"*"Z: test"* && $output == *"signed by eu-1"* ]]
	row=$(sqlite3 eu.db "SELECT row_hash FROM rollcall_ledger WHERE changeset = '$changeset' ORDER BY seq DESC LIMIT 1")
	[[ $output == *"ledger     row $row"* ]]
	# Which gates ran is in the release itself, signed; what the author's folder holds is the same text.
	[[ $output == *"gates "*" ran over "*", 0 errors, "*"gate PF23 (level error): rollback missing"* ]]
	[[ $output == *"gates      report $(sha256sum <1.0.0.release.gates | cut -d ' ' -f 1)"* ]]
	[ "$(rc audit export --format json | jq -r '.changes[0].gates')" = "$(cat 1.0.0.release.gates)" ]
	[ "$(rc release show 1.0.0.release -o json | jq -r '.gates[]."gate-report"')" = "$(cat 1.0.0.release.gates)" ]
	run rc audit prove eu/lite/shop "$changeset" --bundle all.audit --trust trust.env
	[ "$status" -eq 0 ]
	run rc audit prove eu/lite/shop nobody:nothing
	[ "$status" -ne 0 ] && [[ $output == *"no signed report says anything of nobody:nothing on eu/lite/shop"* ]]
}

@test "audit: what operators did is told with its reasons, as csv, json and html" {
	R=$(fleet_start plan.yaml production 1.0.0)
	rc rollout abort "$R" --reason 'the wrong release' >/dev/null 2>&1
	rc freeze add -l environment=production --until 2100-01-01T00:00:00Z --reason 'year-end, closing' >/dev/null 2>&1
	freeze=$(rc freeze list -o name 2>/dev/null)
	rc freeze remove "$freeze" >/dev/null 2>&1
	rc targets quarantine us/lite/shop --reason 'broken disk' >/dev/null 2>&1
	rc targets unquarantine us/lite/shop >/dev/null 2>&1
	rc audit export --format json >acts.json
	reason() { jq -r ".actions[] | select(.action == \"$1\" and .object == \"$2\") | .detail" acts.json; }
	[ "$(jq -r ".actions[] | select(.action == \"abort\" and .object == \"rollout\" and .rollout == \"$R\") | .detail" acts.json)" = "the wrong release" ]
	[[ "$(reason 'freeze add' "freeze $freeze")" == "environment=production from "*" until "*": year-end, closing" ]]
	[ "$(reason quarantine us/lite/shop)" = "broken disk" ]
	[ "$(jq -r '.actions[] | select(.action == "unquarantine") | .actor' acts.json)" = "operator olga" ]
	[ "$(jq '[.actions[] | select(.actor | startswith("operator ") | not)] | length' acts.json)" -eq 0 ]
	rc audit export --kind actions >acts.csv
	[ "$(head -n 1 acts.csv)" = "at,actor,action,object,rollout,from,to,detail,row" ]
	grep -q ',operator olga,quarantine,us/lite/shop,,,,broken disk,[0-9]*$' acts.csv
	[ "$(rc audit export --kind actions --format json | jq -r 'keys | join(" ")')" = actions ]
	[ "$(rc audit export --kind actions --target eu/lite/shop | grep -c 'broken disk')" -eq 0 ]
	rc audit export --format html --out acts.html
	grep -q '<td class="">broken disk</td>' acts.html
	run rc audit export --kind deeds
	[ "$status" -eq 2 ]
	run rc audit export --kind actions --format html
	[ "$status" -eq 2 ]
}

@test "audit: a bundle that was changed is found out, and told where" {
	tampered chain '10s/"actor":"[^"]*"/"actor":"operator eve"/'
	tampered chain '12d'
	tampered chain '/"event":"approve"/d'
	tampered approvals '/"document":"approval"/d'
	tampered reports '/"name":"eu-1\/1\/1"/d'
	tampered reports '/"document":"report"/{s/"hex":"(.{200})0/"hex":"\11/;t;s/"hex":"(.{200})./"hex":"\10/}' # whichever digit it is
	tampered releases '/"document":"release"/{s/"hex":"(.{400})../"hex":"\1ff/}'
	tampered orders '/"document":"leaves"/{s/"hex":"30/"hex":"31/}'
	tampered certificates '/"document":"certificate"/{s/"hex":"(.{100})../"hex":"\1ff/}'
}

@test "audit: a log that was cut off or written anew is found by what the agents countersigned" {
	fleet_kill controller TERM
	cp controller/store.db kept.db
	# Something more happens, which the agents are told of in the acknowledgements of their reports.
	fleet_start_controller
	printf -- '--liquibase formatted sql\n--changeset a:two\nCREATE TABLE two (id integer);\n--rollback DROP TABLE two;\n' >shop/changes/9-two.sql
	fleet_release shop 1.1.0
	R=$(fleet_start plan.yaml production 1.1.0)
	fleet_approve "$R" 2 >/dev/null && quietly rc rollout watch "$R" --timeout 60s
	run rc audit verify --trust trust.env
	[ "$status" -eq 0 ]
	# The last rows go: the chain in itself is whole.
	fleet_kill controller TERM
	last=$(sqlite3 controller/store.db "SELECT max(seq) FROM event WHERE event = 'report'")
	sqlite3 controller/store.db "DELETE FROM event WHERE seq > (SELECT min(seq) + 2 FROM event)"
	fleet_start_controller
	fleet_await 60 grep -q "the controller's audit log ends at row .*, and it was told to this agent up to row" eu-1.log
	run rc audit verify --trust trust.env
	echo "$output"
	[ "$status" -eq 6 ] && [ "$last" -gt 3 ]
	[[ $output == *"countersigned: report "*"countersigned row "*"it was cut off"* || $output == *"another row"* ]]
}

@test "audit: a file that is no bundle is told with its line" {
	echo '{"rollcall-audit":1,"made_at_us":1,"from_us":0,"to_us":1}' >broken.audit
	echo '{"seq":1,"at_us":"x"}' >>broken.audit
	run rc audit verify broken.audit --trust trust.env
	[ "$status" -ne 0 ] && [[ $output == *"broken.audit:2: a row without actor, object or event: export the bundle again"* ]]
	echo 'no' >broken.audit
	run rc audit verify broken.audit
	[[ $output == *"broken.audit:1: not JSON"* ]]
}
