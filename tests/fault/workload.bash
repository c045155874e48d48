# The fleet and the releases that the fault tests run: two agents with four tenants each on one engine, and for each round a release whose every step leaves a witness.
# Source it after fleet.bash and servers.bash, then: faults_up ENGINE DIR; faults_kill_often WHAT TIMES, or faults_round WHAT...; faults_down.
#
#   class T step   its own transaction: INSERT INTO witness(changeset, step, nonce), no unique key on purpose, and UPDATE counter SET n = n + 1
#   class N step   one object named n_<round>_<letter>_<step>: its witness is the object in the catalog, which nothing can make twice
#
# The golden database gets the same files, one after another, from the engine's own client and without faults.
# shellcheck shell=bash

FAULTS_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
FAULTS_TENANTS=4

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

faults_dsn() { if [ "$E" = sqlite ]; then echo "sqlite:$F/db/$1"; else server_dsn "$S" "$1"; fi; }

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
	fi
	echo "CREATE TABLE witness (changeset varchar(40) NOT NULL, step int NOT NULL, nonce varchar(80) NOT NULL); CREATE TABLE counter (n int NOT NULL); INSERT INTO counter VALUES (0);" >"$F/witness.sql"
	faults_database golden || return 1
	local site
	for site in eu us; do
		faults_targets_of "$site" >"$F/$site.targets" && fleet_agent "$site-1" "$site" "$site/*" <"$F/$site.targets" || return 1
	done
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
	fleet_approve "$ROLLOUT" $((FAULTS_TENANTS * 2)) >"$F/shown.$ROLLOUT" 2>"$F/approve.log" || { cat "$F/approve.log" >&2; return 1; }
}

# ---- faults --------------------------------------------------------------------------------------------------------------------------------------------

faults_kill() { # agent|controller|server: kill -9
	case $1 in
	agent)
		if ((RANDOM % 2)); then KILLED=eu-1; else KILLED=us-1; fi
		fleet_kill "$KILLED" KILL 2>/dev/null
		;;
	controller) KILLED=controller && fleet_kill controller KILL 2>/dev/null ;;
	server) KILLED=server && server_kill "$S" ;;
	esac
}

faults_revive() {
	case $KILLED in
	controller) fleet_start_controller ;;
	server) (server_launch "$S") ;; # a child of nobody here, so that the shell does not tell of its death
	*) fleet_start_agent "$KILLED" ;;
	esac
}

# What the client was told, for the history: an operation's number, the target, the round, and what its words promise.
faults_told() { # STATUS.json
	jq -r --arg op "$((OP = ${OP:-0} + 1))" \
		'.rollouts[0].release as $k | .targets[] | select(.state != "pending") | [$op, .target, $k, (if .state == "applied" then "ok" else "info" end)] | @tsv' "$1" >>"$F/history"
}

faults_wait() { # until the rollout has succeeded
	local end=$((SECONDS + ${FAULTS_PATIENCE:-60})) state=''
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

# v22 says that the audit tables cover every fact: they belong to the audit, which these programs do not keep yet; without rows v21 is empty as well.
# v11, v13, v23 speak of liveness, v06 and v07 of a finished catalog: they hold when everything has come to rest.
oracle_views() { # rest|sample
	local at_rest='|v06|v07|v11|v13|v23'
	[ "$1" = rest ] && at_rest=''
	sqlite3 "$ORACLE" "SELECT name FROM sqlite_schema WHERE type = 'view' AND name GLOB 'v[0-9][0-9]_*' ORDER BY 1" | grep -Ev "^(v22$at_rest)_"
}

# Fills a new oracle and prints one line for each row that a view finds; fails when there is one.
oracle_lit() { # rest|sample
	local v rows
	ORACLE=$F/oracle.db
	"$FAULTS_DIR/collect" "$F" "$ORACLE" "$1" || { echo "collect failed"; return 1; }
	rows=$(for v in $(oracle_views "$1"); do echo "SELECT '$v', * FROM $v LIMIT 5;"; done | sqlite3 "$ORACLE" 2>&1)
	[ -z "$rows" ] || { echo "$rows"; return 1; }
}

# ---- the loop ------------------------------------------------------------------------------------------------------------------------------------------

under_way() { [ "$(sqlite3 "$F/controller/store.db" '.timeout 5000' "SELECT final FROM rollout WHERE id = '$ROLLOUT'")" = 0 ]; }

# One release, killed at random moments for as long as it is under way, at most $2 times; the second kill hits the recovery from the first. Counts in KILLS and RESTARTS; ROUND_MS: from the last kill to the proof.
faults_round() { # WHAT TIMES
	local n=0 last=''
	ROUND=$((${ROUND:-0} + 1))
	faults_release "$ROUND" && faults_roll "$ROUND" || return 1
	faults_nap 450
	while [ $n -lt "$2" ] && under_way; do
		faults_kill "$1"
		n=$((n + 1)) KILLS=$((${KILLS:-0} + 1))
		last=$(faults_ms)
		faults_nap 200
		faults_revive || return 1
		RESTARTS=$((${RESTARTS:-0} + 1))
		[ $n -eq "$2" ] || faults_nap 600
	done
	[ "$ROUND" = 1 ] || oracle_lit sample || return 1
	faults_wait && oracle_lit rest || return 1
	ROUND_MS=$(($(faults_ms) - ${last:-$(faults_ms)}))
}

# Fails at the first violation, which it prints; SUMMARY says how it went.
faults_kill_often() { # WHAT TIMES
	local longest=0 start
	start=$(faults_ms) KILLS=0
	while [ $KILLS -lt "$2" ]; do
		if ! faults_round "$1" $(($2 - KILLS > 2 ? 2 : $2 - KILLS)); then
			echo "$E, kill -9 of $1, round $ROUND, after $KILLS kills, SEED=$SEED: not as it must be"
			return 1
		fi
		[ "$ROUND_MS" -le "$longest" ] || longest=$ROUND_MS
	done
	# shellcheck disable=SC2034 # for the caller
	SUMMARY="$E: kill -9 of $1: kills=$KILLS rounds=$ROUND violations=0, longest from kill to proof $longest ms, $((($(faults_ms) - start) / 1000)) s, SEED=$SEED"
}
