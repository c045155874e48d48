# The fleet and the releases that the fault tests run: two agents with four tenants each on one engine, and for each round a release whose every step leaves a witness.
# Source it after fleet.bash and servers.bash, then: faults_up ENGINE DIR; faults_rush KILLS, or faults_restart HOW; faults_down. Or all of it: faults_storm ENGINE DIR KILLS RESTARTS.
#
#   class T step   its own transaction: INSERT INTO witness(changeset, step, nonce), no unique key on purpose, and UPDATE counter SET n = n + 1
#   class N step   one object named n_<round>_<letter>_<step>: its witness is the object in the catalog, which nothing can make twice
#
# The golden database gets the same files, one after another, from the engine's own client and without faults.
# shellcheck shell=bash

FAULTS_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
FAULTS_TENANTS=${FAULTS_TENANTS:-4}
: "${FAULTS_BIN:=$FAULTS_DIR/../../build/debug/tests/fault}"

# ---- changes -------------------------------------------------------------------------------------------------------------------------------------------

witness() { # CHANGESET STEP [SECONDS that the statement takes]
	case $E in
	postgresql) echo "INSERT INTO witness SELECT '$1', $2, gen_random_uuid()::text FROM pg_sleep(${3:-0});" ;;
	mariadb) echo "INSERT INTO witness SELECT '$1', $2, concat(uuid(), sleep(${3:-0}));" ;;
	sqlite) echo "INSERT INTO witness WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 1 + ${3:-0} * 2000000)
SELECT '$1', $2, hex(randomblob(8)) FROM (SELECT max(i) FROM s);" ;;
	esac
	echo "UPDATE counter SET n = n + 1;"
}

changeset() { printf '\n--changeset w:%s\n' "$1"; }

changes_postgresql() {
	local k=$1
	changeset "$k-a"
	echo "CREATE TABLE t_$k (id int PRIMARY KEY, note text NOT NULL DEFAULT '');"
	witness "w:$k-a" 0 0.02
	changeset "$k-b"
	echo "INSERT INTO t_$k SELECT i, md5(i::text) FROM generate_series(1, 2000) AS i;"
	echo "ALTER TABLE t_$k ADD COLUMN c int NOT NULL DEFAULT 0;"
	witness "w:$k-b" 0
	changeset "$k-c"
	echo "CREATE INDEX CONCURRENTLY n_${k}_c_0 ON t_$k (note);"
	witness "w:$k-c" 1 0.02
	changeset "$k-d"
	echo "CREATE VIEW v_$k AS SELECT id, note FROM t_$k WHERE c = 0;"
	witness "w:$k-d" 0
	changeset "$k-e"
	echo "CREATE UNIQUE INDEX CONCURRENTLY n_${k}_e_0 ON t_$k (c, id);"
	echo "CREATE INDEX CONCURRENTLY n_${k}_e_1 ON t_$k (c);"
	witness "w:$k-e" 2
	changeset "$k-f"
	echo "UPDATE t_$k SET c = 1 WHERE id > 1000;"
	witness "w:$k-f" 0 0.05
}

changes_mariadb() {
	local k=$1
	changeset "$k-a"
	echo "CREATE TABLE n_${k}_a_0 (id int PRIMARY KEY, note varchar(100) NOT NULL DEFAULT '') ENGINE=InnoDB;"
	witness "w:$k-a" 1 0.02
	changeset "$k-b"
	echo "INSERT INTO n_${k}_a_0 SELECT seq, md5(seq) FROM seq_1_to_1000;"
	witness "w:$k-b" 0
	changeset "$k-c"
	echo "ALTER TABLE n_${k}_a_0 ADD COLUMN n_${k}_c_0 int NOT NULL DEFAULT 0, ALGORITHM=COPY;"
	witness "w:$k-c" 1
	changeset "$k-d"
	echo "CREATE INDEX n_${k}_d_0 ON n_${k}_a_0 (note);"
	witness "w:$k-d" 1
	changeset "$k-e"
	echo "CREATE VIEW n_${k}_e_0 AS SELECT id, note FROM n_${k}_a_0;"
	echo "ALTER TABLE n_${k}_a_0 ADD COLUMN n_${k}_e_1 int NOT NULL DEFAULT 0;"
	witness "w:$k-e" 2 0.02
	changeset "$k-f"
	echo "UPDATE n_${k}_a_0 SET n_${k}_c_0 = 1 WHERE id > 500;"
	witness "w:$k-f" 0 0.05
}

changes_sqlite() {
	local k=$1
	changeset "$k-a"
	echo "CREATE TABLE t_$k (id integer PRIMARY KEY, note text NOT NULL DEFAULT '');"
	witness "w:$k-a" 0 0.02
	changeset "$k-b"
	echo "INSERT INTO t_$k WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 2000) SELECT i, hex(i) FROM s;"
	echo "ALTER TABLE t_$k ADD COLUMN c integer NOT NULL DEFAULT 0;"
	witness "w:$k-b" 0
	changeset "$k-c"
	echo "CREATE INDEX i_$k ON t_$k (note);"
	witness "w:$k-c" 0 0.02
	changeset "$k-d"
	echo "CREATE VIEW v_$k AS SELECT id, note FROM t_$k WHERE c = 0;"
	witness "w:$k-d" 0
	changeset "$k-e"
	echo "CREATE UNIQUE INDEX u_$k ON t_$k (c, id);"
	witness "w:$k-e" 0 0.02
	changeset "$k-f"
	echo "UPDATE t_$k SET c = 1 WHERE id > 1000;"
	witness "w:$k-f" 0 0.05
}

engine_apply() { # DATABASE FILE: by the engine's own client
	case $E in
	postgresql) "$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 -h "$S/run" -p "$(server_get "$S" port)" -U "$SERVER_USER" -d "$1" -f "$2" ;;
	mariadb) mariadb --no-defaults -S "$S/run/mysqld.sock" -uroot -D "$1" <"$2" ;;
	sqlite) sqlite3 -bail "$F/db/$1" <"$2" ;;
	esac >"$F/client.log" 2>&1 || { cat "$F/client.log" >&2; return 1; }
}

# ---- the fleet -----------------------------------------------------------------------------------------------------------------------------------------

faults_dsn() {
	if [ "$E" = sqlite ]; then echo "sqlite:$F/db/$1"; else echo "$E://$SERVER_USER@127.0.0.1:$(faults_port)/$1"; fi
}

faults_port() { cat "$F/database/port" 2>/dev/null || server_get "$S" port; } # of the proxy, when there is one

# A proxy before PORT, in the folder NAME of the fleet: NAME/port is where it listens.
faults_proxy() { # NAME PORT
	mkdir -p "$F/$1" || return 1
	"$FAULTS_BIN/proxy" "$F/$1" "$2" "$SEED" </dev/null >>"$F/$1.log" 2>&1 3>&- &
	echo $! >"$F/$1.pid"
	disown
	fleet_await 60 test -e "$F/$1/port"
}

faults_rule() { # NAME RULE...: see proxy.c; when it returns, the rule is in force
	local name=$1 before
	shift
	before=$(cat "$F/$name/ruled")
	echo "$*" >"$F/$name/rules"
	fleet_await 60 faults_ruled "$name" "$before"
}

faults_ruled() { [ "$(cat "$F/$1/ruled")" != "$2" ]; }

faults_database() { # NAME: with what the witnesses need
	if [ "$E" != sqlite ]; then server_create "$S" "$1" || return 1; fi
	engine_apply "$1" "$F/witness.sql"
}

faults_targets_of() { # SITE: rows for agent.yaml; each is noted in $F/targets too
	local i
	for i in $(seq "$FAULTS_TENANTS"); do
		echo "$1/$E/$1$i $1$i" >>"$F/targets"
		faults_database "$1$i" || return 1
		echo "  - {id: $1/$E/$1$i, dsn: \"$(faults_dsn "$1$i")\", labels: {environment: production, ring: r$((i > FAULTS_TENANTS / 2))}}"
	done
}

faults_project() {
	mkdir -p "$F/project/changes" "$F/project/plans"
	cat >"$F/project/rollcall.yaml" <<-EOS
		project: faults
		engines: [$E]
		pipeline: [production]
		changes: changes
		gates:
		  - {rule: PF04, level: off}
		  - {rule: PF23, level: off}
	EOS
	cat >"$F/project/plans/production.yaml" <<-EOS
		name: production
		environments:
		  - name: production
		    waves:
		      - {name: "1", selector: "ring=r0", max_parallel: 16}
		      - {name: "2", max_parallel: 16}
	EOS
}

faults_up() { # ENGINE DIR
	E=$1 S='' SEED=${SEED:-$RANDOM$RANDOM}
	mkdir -p "$2/db" && fleet_new "$2" || return 1
	echo "$E" >"$F/engine"
	if [ "$E" != sqlite ]; then
		S=$(server_start "$E") || return 1
		echo "$S" >"$F/server"
		[ "${FAULTS_PROXY:-0}" = 0 ] || faults_proxy database "$(server_get "$S" port)" || return 1
	fi
	echo "CREATE TABLE witness (changeset varchar(40) NOT NULL, step int NOT NULL, nonce varchar(80) NOT NULL); CREATE TABLE counter (n int NOT NULL); INSERT INTO counter VALUES (0);" >"$F/witness.sql"
	faults_database golden || return 1
	local site
	local control=$FLEET_CONTROL blobs=$FLEET_BLOBS
	if [ "${FAULTS_LINK:-0}" != 0 ]; then
		faults_proxy link "${control##*:}" || return 1
		FLEET_CONTROL=tcp://127.0.0.1:$(cat "$F/link/port")
	fi
	if [ "${FAULTS_LINK:-0}" = both ]; then
		faults_proxy blobs "${blobs##*:}" || return 1
		FLEET_BLOBS=tcp://127.0.0.1:$(cat "$F/blobs/port")
	fi
	for site in eu us; do
		faults_targets_of "$site" >"$F/$site.targets" && fleet_agent "$site-1" "$site" "$site/*" <"$F/$site.targets" || return 1
	done
	FLEET_CONTROL=$control FLEET_BLOBS=$blobs
	faults_project
	faults_watch
	fleet_up || return 1
	RANDOM=$((SEED % 32768)) # from here on: the same seed, the same kills
}

# Whatever becomes of this shell, the fleet goes with it. The servers have watchdogs of their own.
faults_watch() {
	# shellcheck disable=SC2016 # expanded by the watchdog
	setsid bash -c 'tail --pid="$1" -f /dev/null; for p in "$0"/*.pid; do [ -e "$p" ] && kill -9 "$(cat "$p")"; done' "$F" $$ </dev/null >/dev/null 2>&1 3>&- 4>&- &
	echo $! >"$F/watch"
}

faults_down() {
	fleet_down
	if [ -e "$F/watch" ]; then pkill -TERM -s "$(cat "$F/watch")"; fi
	if [ -n "${S:-}" ]; then server_stop "$S"; fi
}

faults_release() { # K: one more change file, the release of all so far, and the golden database with it
	local file
	file=$F/project/changes/$(printf %04d "$1").sql
	{
		echo "--liquibase formatted sql"
		"changes_$E" "$1"
	} >"$file"
	engine_apply golden "$file" && fleet_release "$F/project" "$1" || return 1
	rc release show "$F/$1.release" --sql -o json >"$F/plan.json"
}

faults_roll() { # K: starts and approves; what the approver was shown is kept
	ROLLOUT=$(fleet_start "$F/project/plans/production.yaml" production "$1") || return 1
	faults_approve
}

# ---- a death at a chosen instant (test builds only) --------------------------------------------------------------------------------------------------------

faults_again() { if [ "$1" = controller ]; then fleet_start_controller; else fleet_start_agent "$1"; fi; }

faults_state() { rc rollout status "$ROLLOUT" -o json 2>/dev/null | jq -r '.rollouts[0].state'; }

faults_state_is_known() { [ -n "$(faults_state)" ]; }

faults_approve() {
	fleet_approve "$ROLLOUT" $((FAULTS_TENANTS * 2)) >"$F/shown.$ROLLOUT" 2>"$F/approve.log" || { cat "$F/approve.log" >&2; return 1; }
}

faults_start() { # one more release, and its rollout, which waits for approval
	ROUND=$((${ROUND:-0} + 1))
	faults_release "$ROUND" && ROLLOUT=$(fleet_start "$F/project/plans/production.yaml" production "$ROUND")
}

# A rollout is approved while NAME runs as one that dies at the failpoint; it comes back when it has. Fails when it never passes there. An approval that dies with its controller
# is given again, if it did not get through.
faults_die_at() { # NAME FAILPOINT
	local pid end
	faults_start || return 1
	fleet_kill "$1"
	ROLLCALL_CRASH_AT=$2 faults_again "$1"
	pid=$(cat "$F/$1.pid")
	end=$((SECONDS + 90))
	until faults_approve || ! fleet_alive "$pid" || [ $SECONDS -gt $end ]; do sleep 0.02; done
	fleet_await 90 fleet_is_gone "$1" || { echo "$1 did not pass $2" && return 1; }
	faults_again "$1"
	fleet_await 60 faults_state_is_known || return 1
	[ "$(faults_state)" != awaiting-approval ] || faults_approve
}

# ---- a second controller (with FAULTS_LINK=both) -------------------------------------------------------------------------------------------------------------

# A controller like the fleet's own, on other ports, over FOLDER of the fleet; operators' commands go there.
faults_standby() { # FOLDER
	local control blobs
	control=$(port_take) blobs=$(port_take)
	sed -e "s|^data_dir:.*|data_dir: $1|" -e "s|^listen:.*|listen: {control: \"tcp://127.0.0.1:$control\", blobs: \"tcp://127.0.0.1:$blobs\"}|" "$F/controller.yaml" >"$F/standby.yaml"
	STANDBY_CONTROL=tcp://127.0.0.1:$control STANDBY_BLOBS=tcp://127.0.0.1:$blobs
	fleet_start_controller_as standby
	fleet_connect "$STANDBY_CONTROL" "$STANDBY_BLOBS"
}

# The fleet's address is CONTROLLER's from here on, as when its name or its address moves.
faults_address() { # controller|standby
	local control=$FLEET_CONTROL blobs=$FLEET_BLOBS
	if [ "$1" = standby ]; then control=$STANDBY_CONTROL blobs=$STANDBY_BLOBS; fi
	faults_rule link to "${control##*:}"
	faults_rule blobs to "${blobs##*:}"
}

# ---- what people see -----------------------------------------------------------------------------------------------------------------------------------

# What the client was told, for the history: an operation's number, the target, the round, and what its words promise.
faults_told() { # STATUS.json
	jq -r --arg op "$((OP = ${OP:-0} + 1))" \
		'.rollouts[0].release as $k | .targets[] | select(.state != "pending") | [$op, .target, $k, (if .state == "applied" then "ok" else "info" end)] | @tsv' "$1" >>"$F/history"
}

faults_wait() { # until the rollout has succeeded
	local end=$((SECONDS + ${FAULTS_PATIENCE:-240})) state=''
	while [ $SECONDS -lt $end ]; do
		rc rollout status "$ROLLOUT" -o json >"$F/status.json" 2>/dev/null
		state=$(jq -r '.rollouts[0].state' "$F/status.json" 2>/dev/null)
		case $state in
		succeeded) faults_told "$F/status.json" && return 0 ;;
		running | '') sleep 0.05 ;;
		*) break ;;
		esac
	done
	echo "rollout $ROLLOUT did not converge: ${state:-no answer}" >&2
	rc rollout status "$ROLLOUT" >&2
	tail -n 15 "$F"/*.log >&2
	return 1
}

faults_ms() { local t=${EPOCHREALTIME/./}; echo $((t / 1000)); }

faults_nap() { sleep "$(printf '0.%03d' $((RANDOM % $1)))"; } # up to so many milliseconds

# ---- the oracle ----------------------------------------------------------------------------------------------------------------------------------------

# v11, v13, v23 speak of liveness, v06 and v07 of a finished catalog: they hold when everything has come to rest.
# FAULTS_BLIND: views that a test has put out on purpose, by destroying what they compare ("v11|v16").
oracle_views() { # rest|sample
	local at_rest='|v06|v07|v11|v13|v22|v23'
	[ "$1" = rest ] && at_rest=''
	sqlite3 "$ORACLE" "SELECT name FROM sqlite_schema WHERE type = 'view' AND name GLOB 'v[0-9][0-9]_*' ORDER BY 1" | grep -Ev "^(${FAULTS_BLIND:-none}$at_rest)_"
}

# Fills a new oracle and prints one line for each row that a view finds; fails when there is one.
oracle_lit() { # rest|sample
	local v rows
	ORACLE=$F/oracle.db
	FAULTS_STORE=${FAULTS_STORE:-} "$FAULTS_DIR/collect" "$F" "$ORACLE" "$1" || { echo "collect failed"; return 1; }
	rows=$(for v in $(oracle_views "$1"); do echo "SELECT '$v', * FROM $v LIMIT 5;"; done | sqlite3 "$ORACLE" 2>&1)
	[ -z "$rows" ] || { echo "$rows"; return 1; }
}

# ---- rounds ------------------------------------------------------------------------------------------------------------------------------------------------

under_way() { [ "$(sqlite3 "$F/controller/store.db" '.timeout 5000' "SELECT final FROM rollout WHERE id = '$ROLLOUT'")" = 0 ]; }

faults_life() { # how long an agent lives at most, ms: a few times what one delivery takes, so that kills fall everywhere and work gets on
	case $E in sqlite) echo 200 ;; *) echo 250 ;; esac
}

# One release; the agents, and each fourth round the controller too, are killed for as long as it is under way, at most $1 times; the controller alone when it is its disk that gets
# full (killer.c). During each third one the oracle looks on.
faults_rush() { # KILLS
	local victims=() agents amid controller ms killer sampled=0
	mapfile -t victims < <(fleet_agents | sed "s/\$/:$(faults_life)/")
	ROUND=$((${ROUND:-0} + 1)) RUSHES=$((${RUSHES:-0} + 1))
	if ((RUSHES % 3 == 0)); then victims+=("controller:2000"); fi
	[[ ${FAULTS_DISK:-} != controller:* ]] || victims=("controller:1000")
	faults_release "$ROUND" && faults_roll "$ROUND" || return 1
	ROLLCALL_AGENT=${ROLLCALL_AGENT:-$ROLLCALL_BIN/rollcall-agent} ROLLCALL_CONTROLLER=${ROLLCALL_CONTROLLER:-$ROLLCALL_BIN/rollcall-controller} \
		"$FAULTS_BIN/killer" "$F" "$ROLLOUT" "$1" $((SEED + ROUND)) "${victims[@]}" >"$F/killed" 3>&- &
	killer=$!
	if ((ROUND % 3 == 0)); then oracle_lit sample || sampled=1; fi
	wait "$killer" || return 1
	read -r agents amid controller ms <"$F/killed"
	KILLS=$((${KILLS:-0} + agents)) AMID=$((${AMID:-0} + amid)) CONTROLLER=$((${CONTROLLER:-0} + controller))
	[ $sampled -eq 0 ] || return 1
	faults_settle $(($(faults_ms) - ms))
}

# One release, and the database server is stopped in the midst of it and started again.
faults_restart() { # fast|kill
	local last
	ROUND=$((${ROUND:-0} + 1))
	faults_release "$ROUND" && faults_roll "$ROUND" || return 1
	faults_nap 450
	last=$(faults_ms)
	if [ "$1" = kill ]; then server_kill "$S"; else server_halt "$S"; fi
	faults_nap 200
	if ! (server_launch "$S"); then # a child of nobody here, so that the shell does not tell of its death
		tail -n 5 "$S/log" >&2
		return 1
	fi
	RESTARTS=$((${RESTARTS:-0} + 1))
	faults_settle "$last"
}

# One release over a proxy that cuts connections when COMMIT passes, and each fifth time when a statement passes that makes something (class N among them): those count apart.
faults_cut() {
	local before after at=COMMIT
	ROUND=$((${ROUND:-0} + 1))
	CUT_ROUNDS=$((${CUT_ROUNDS:-0} + 1))
	((CUT_ROUNDS % 5)) || at=CREATE
	before=$(cat "$F/database/cuts")
	faults_release "$ROUND" && faults_roll "$ROUND" || return 1
	if [ $at = COMMIT ]; then faults_rule database cut COMMIT 20; else faults_rule database cut CREATE 25; fi
	faults_wait || return 1 # each cut is waited for longer than the last
	faults_rule database pass
	after=$(cat "$F/database/cuts")
	if [ $at = COMMIT ]; then CUTS=$((${CUTS:-0} + after - before)); else CREATES=$((${CREATES:-0} + after - before)); fi
	faults_settle "$(faults_ms)"
}

faults_settle() { # SINCE, ms: everything converges, and no view is lit; LONGEST from the last fault to this proof
	faults_wait && oracle_lit rest || return 1
	local ms=$(($(faults_ms) - $1))
	[ $ms -le "${LONGEST:-0}" ] || LONGEST=$ms
}

faults_counts() { echo "kills=${KILLS:-0} amid=${AMID:-0} controller=${CONTROLLER:-0} cuts=${CUTS:-0} cuts-at-create=${CREATES:-0} restarts=${RESTARTS:-0}"; }

# ---- storms ------------------------------------------------------------------------------------------------------------------------------------------------

FAULTS_ROUNDS=15 # then a new fleet: what a fleet has gone through grows, and the oracle reads all of it

# What the next round is: each kind has its turn until it has had enough.
faults_next() { # KILLS CUTS RESTARTS
	if [ "$RESTARTS" -lt "$3" ] && { ((ROUND % 4 == 1)) || [ "$KILLS" -ge "$1" ]; }; then
		echo "faults_restart $( ((RESTARTS % 2)) && echo fast || echo kill)"
	elif [ "$CUTS" -lt "$2" ] && { ((ROUND % 4 == 3)) || [ "$KILLS" -ge "$1" ]; }; then
		echo faults_cut
	elif [ "$KILLS" -lt "$1" ]; then
		echo "faults_rush 150"
	fi
}

# Rounds until there were so many kills of agents, cuts of connections to the server and restarts of it; a line for each with FAULTS_TALK=1. Fails at the first violation, which it
# prints, and leaves the fleet's folder FOLDER/N; SUMMARY says how it went.
faults_storm() { # ENGINE FOLDER KILLS [CUTS RESTARTS]
	local engine=$1 folder=$2 start fleet=0 what seed=${SEED:-$RANDOM}
	local -x FAULTS_TENANTS=8 FAULTS_PROXY=${4:-0}
	local -x FLEET_LIMITS="{max_parallel: 4, max_parallel_per_instance: 4, retry_budget: 20m, lock_timeout: 3s, statement_timeout: 60s, connect_timeout: 5s}"
	start=$(faults_ms) KILLS=0 AMID=0 CONTROLLER=0 CUTS=0 CREATES=0 CUT_ROUNDS=0 RUSHES=0 RESTARTS=0 LONGEST=0 ROUND=0
	while what=$(faults_next "$3" "${4:-0}" "${5:-0}") && [ -n "$what" ]; do
		if [ $fleet -eq 0 ] || [ "$ROUND" -ge "$FAULTS_ROUNDS" ]; then
			if [ $fleet -ne 0 ]; then faults_down && rm -rf "$F"; fi
			fleet=$((fleet + 1)) ROUND=0 SEED=$((seed * 1000 + fleet))
			faults_up "$engine" "$folder/$fleet" || return 1
		fi
		if ! $what; then
			echo "$engine: $(faults_counts) violations=1 SEED=$seed: fleet $fleet, round $ROUND ($what): not as it must be"
			return 1
		fi
		[ -z "${FAULTS_TALK:-}" ] || echo "$(faults_counts) violations=0 $what"
	done
	SEED=$seed
	# shellcheck disable=SC2034 # for the caller
	SUMMARY="$engine: $(faults_counts) violations=0, longest from the last fault to the proof $LONGEST ms, $((($(faults_ms) - start) / 1000)) s, SEED=$seed"
}
