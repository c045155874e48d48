#!/usr/bin/env bash
# Private database servers for tests: PostgreSQL and MariaDB in a folder of their own under ${TMPDIR:-/tmp}, on a unix socket and a free loopback port, never as root
# (started as root, they step down to the packages' users), and gone when the process that owns them is gone, however it ends: a watchdog sees to it.
# Sourced by .bats files (server_start, server_stop, ...) and run by tests/support/servers.c as "servers.bash VERB ARGUMENT...".
#
#   server_start postgresql|mariadb [trust|password]   starts one, prints its folder (DIR below); owner: $SERVER_OWNER, or the shell that calls
#   server_stop DIR        fast and clean, removes the folder        server_kill DIR      kill -9, as a crash would; the folder stays
#   server_restart DIR     after server_kill, or stops first         server_get DIR NAME  kind, port, user, password, pid
#   server_create DIR DB   a database owned by the test user         server_dsn DIR DB    as agent.yaml takes it
#   server_sql DIR DB SQL  as the administrator, bare rows           server_pooler DIR    pgbouncer before it; prints its port
#   server_replica DIR     a MariaDB replica of it, which has all databases that are made from here on; prints its folder
#   server_load DIR DB FILE   a file, by the engine's own client     server_copy DIR DB COPY  by the engine's own dump and client, into an empty database
#   server_feed DIR DB FILE QUERY  what a script leaves, by the engine's own client and as the test's user; feed_sqlite FILE SCRIPT
#   load_sqlite FILE SQL, copy_sqlite FILE COPY   the same for a SQLite file
#   servers_both PG-AUTH MY-AUTH DB...  one of each kind with these databases: $PG and $MY, exported
#   servers_stop_all       all of this owner: for an EXIT trap or teardown_file
set -u

: "${PG_BIN:=$(pg_config --bindir 2>/dev/null || echo /usr/lib/postgresql/15/bin)}"
SERVER_USER=rollcall
# shellcheck source=tests/support/ports.bash
. "$(dirname "${BASH_SOURCE[0]}")/ports.bash"

server_die() {
	echo "servers.bash: $*" >&2
	return 1
}

# server_as KIND COMMAND...: as the user who runs servers of this kind. server_exec takes the place of the (sub)shell, so that $! is the server's own process id.
server_as() { (server_exec "$@"); }

server_exec() {
	local user=nobody
	[ "$1" = mariadb ] && id mysql >/dev/null 2>&1 && user=mysql
	[ "$1" = postgresql ] && id postgres >/dev/null 2>&1 && user=postgres
	shift
	if [ "$(id -u)" -eq 0 ]; then
		exec setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups env HOME=/nonexistent "$@"
	fi
	exec "$@"
}

server_get() { cat "$1/$2" 2>/dev/null; }

server_put() { printf '%s\n' "$3" >"$1/$2"; }

server_data() { # DIR KIND: the folder that the server itself owns
	mkdir -m 700 "$1/data" && if [ "$(id -u)" -eq 0 ]; then server_as "$2" true && chown "$(server_as "$2" id -u):$(server_as "$2" id -g)" "$1/data"; fi
}

# MariaDB's temporary tables are there too: at its start a server deletes all that lie in its tmpdir, those of other servers as well.
server_socket_dir() { # DIR KIND: where the socket is; everybody may connect
	mkdir -m 755 "$1/run" && if [ "$(id -u)" -eq 0 ]; then chown "$(server_as "$2" id -u):$(server_as "$2" id -g)" "$1/run"; fi
}

server_make() { # DIR KIND AUTH
	local dir=$1 kind=$2 auth=$3
	server_data "$dir" "$kind" && server_socket_dir "$dir" "$kind" || return 1
	if [ "$kind" = postgresql ]; then
		server_as "$kind" "$PG_BIN/initdb" -D "$dir/data" -A trust --no-sync -U postgres -E UTF8 --locale=C >"$dir/log" 2>&1 ||
			{ cat "$dir/log" >&2 && return 1; }
		[ "$auth" = trust ] || printf 'local all postgres trust\nlocal all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n' |
			server_as "$kind" tee "$dir/data/pg_hba.conf" >/dev/null
	else
		server_as "$kind" mariadb-install-db --no-defaults --datadir="$dir/data" --tmpdir="$dir/run" --auth-root-authentication-method=normal --skip-test-db \
			--innodb-log-file-size=8M --innodb-buffer-pool-size=16M >"$dir/log" 2>&1 || { tail "$dir/log" >&2 && return 1; }
	fi
}

server_launch() { # DIR: starts it on its port and waits until it answers
	local dir=$1 port fsync=${SERVER_FSYNC:-off} options=()
	port=$(server_get "$dir" port)
	if [ "$(server_get "$dir" kind)" = postgresql ]; then
		server_exec postgresql setsid "$PG_BIN/postgres" -D "$dir/data" -k "$dir/run" -p "$port" -c listen_addresses=127.0.0.1 -c "fsync=$fsync" \
			-c "full_page_writes=$fsync" -c max_connections=200 -c log_min_messages=warning >>"$dir/log" 2>&1 </dev/null 3>&- 4>&- &
	else
		if [ -e "$dir/options" ]; then mapfile -t options <"$dir/options"; fi
		server_exec mariadb setsid mariadbd --no-defaults --datadir="$dir/data" --tmpdir="$dir/run" --socket="$dir/run/mysqld.sock" --port="$port" --bind-address=127.0.0.1 \
			--pid-file="$dir/data/server.pid" --skip-name-resolve --innodb-log-file-size=8M --innodb-buffer-pool-size=32M --max-connections=200 \
			--innodb-flush-log-at-trx-commit="$([ "$fsync" = on ] && echo 1 || echo 2)" --plugin-maturity=unknown \
			--plugin-load-add=metadata_lock_info "${options[@]}" >>"$dir/log" 2>&1 </dev/null 3>&- 4>&- &
	fi
	server_put "$dir" pid $!
	for _ in $(seq 1500); do
		server_answers "$dir" && return 0
		server_alive "$(server_get "$dir" pid)" || return 1
		sleep 0.03
	done
	return 1
}

server_answers() {
	if [ "$(server_get "$1" kind)" = postgresql ]; then
		"$PG_BIN/pg_isready" -q -h "$1/run" -p "$(server_get "$1" port)"
	else
		mariadb-admin --no-defaults -S "$1/run/mysqld.sock" -uroot ping >/dev/null 2>&1
	fi
}

server_sql() { # DIR DB SQL
	if [ "$(server_get "$1" kind)" = postgresql ]; then
		"$PG_BIN/psql" -X -q -At -v ON_ERROR_STOP=1 -h "$1/run" -p "$(server_get "$1" port)" -U postgres -d "${2:-postgres}" -c "$3"
	else
		mariadb --no-defaults -N -B -S "$1/run/mysqld.sock" -uroot -D "${2:-mysql}" -e "$3"
	fi
}

server_user() { # DIR: the account that tests connect with: no superuser, may make databases
	local password
	password=$(server_get "$1" password)
	if [ "$(server_get "$1" kind)" = postgresql ]; then
		server_sql "$1" '' "CREATE ROLE $SERVER_USER LOGIN CREATEDB CREATEROLE PASSWORD '$password'"
	else
		server_sql "$1" '' "DROP USER IF EXISTS ''@'localhost', ''@'$(hostname)'"
		server_sql "$1" '' "CREATE USER $SERVER_USER@'%' IDENTIFIED BY '$password'"
		server_sql "$1" '' "GRANT ALL ON *.* TO $SERVER_USER@'%' WITH GRANT OPTION"
		server_sql "$1" '' "REVOKE SUPER, READ_ONLY ADMIN ON *.* FROM $SERVER_USER@'%'"
	fi
}

# Outlives whoever started it; holds none of its descriptors.
server_watch() { # DIR OWNER
	# shellcheck disable=SC2016 # expanded by the watchdog
	setsid bash -c 'cd /; tail --pid="$1" -f /dev/null; . "$2"; server_stop "$0"' "$1" "$2" "$(realpath "${BASH_SOURCE[0]}")" \
		</dev/null >/dev/null 2>&1 3>&- 4>&- &
	server_put "$1" watch $!
}

server_start() {
	local kind=$1 auth=${2:-trust} dir attempt
	case $kind in postgresql | mariadb) ;; *) server_die "$kind: postgresql or mariadb" || return 1 ;; esac
	dir=$(mktemp -d "${TMPDIR:-/tmp}/rollcall-db-XXXXXX") && chmod 755 "$dir" || return 1
	server_put "$dir" kind "$kind"
	server_put "$dir" user "$SERVER_USER"
	server_put "$dir" password "$([ "$auth" = trust ] && [ "$kind" = mariadb ] || echo "pw-$RANDOM$RANDOM")"
	server_put "$dir" owner "${SERVER_OWNER:-$$}"
	server_watch "$dir" "${SERVER_OWNER:-$$}"
	server_make "$dir" "$kind" "$auth" || { server_stop "$dir" && return 1; }
	for attempt in 1 2 3 4 5; do
		server_put "$dir" port "$(port_take)"
		if server_launch "$dir"; then
			server_user "$dir" && echo "$dir"
			return
		fi
		tail -n 5 "$dir/log" >&2
		server_kill "$dir"
	done
	server_stop "$dir"
	server_die "$kind did not start in $attempt attempts"
}

server_replica() { # DIR
	local replica
	printf '%s\n' --log-bin=binlog --server-id=1 >"$1/options"
	replica=$(server_start mariadb) || return 1
	printf '%s\n' --server-id=2 --read-only --relay-log=relay >"$replica/options"
	server_restart "$1" && server_restart "$replica" || return 1
	server_sql "$replica" '' "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=$(server_get "$1" port), MASTER_USER='$SERVER_USER',
		MASTER_PASSWORD='$(server_get "$1" password)', MASTER_CONNECT_RETRY=1, MASTER_USE_GTID=slave_pos; START SLAVE" && echo "$replica"
}

server_children() { # PID: it and all below it
	local child
	echo "$1"
	for child in $(pgrep -P "$1"); do server_children "$child"; done
}

server_alive() { # PID: a zombie that nobody reaped yet is dead
	local state
	state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) && [ -n "$state" ] && [ "$state" != Z ]
}

server_gone() { # PID...: waits until none is left
	local pid
	for pid in "$@"; do
		for _ in $(seq 500); do
			server_alive "$pid" || break
			sleep 0.02
		done
	done
}

server_kill() {
	local pid pids
	pid=$(server_get "$1" pid)
	kill -STOP "$pid" 2>/dev/null # what it forked after the count would live on, with its memory
	mapfile -t pids < <(server_children "$pid")
	kill -9 "${pids[@]}" 2>/dev/null
	server_gone "${pids[@]}"
	rm -f "$1/data/postmaster.pid" "$1"/run/.s.PGSQL.*.lock # init may reap late, and PostgreSQL takes a zombie for the living
}

server_halt() { # fast, clean; kill -9 when it takes longer than 10 s
	local pid
	pid=$(server_get "$1" pid) || return 0
	if [ "$(server_get "$1" kind)" = postgresql ]; then kill -INT "$pid" 2>/dev/null; else kill -TERM "$pid" 2>/dev/null; fi
	server_gone "$pid"
	if server_alive "$pid"; then server_kill "$1"; fi
}

server_restart() {
	server_halt "$1"
	server_launch "$1"
}

server_stop() {
	local watch
	[ -d "$1" ] || return 0
	if [ -e "$1/pooler.pid" ]; then kill "$(server_get "$1" pooler.pid)" 2>/dev/null; fi
	server_halt "$1"
	watch=$(server_get "$1" watch)
	rm -rf "$1"
	if [ -n "$watch" ] && [ "$watch" != "$$" ]; then pkill -TERM -s "$watch" 2>/dev/null; fi
	return 0
}

servers_both() {
	PG=$(server_start postgresql "$1") && MY=$(server_start mariadb "$2") || return 1
	export PG MY
	local database
	for database in "${@:3}"; do server_create "$PG" "$database" && server_create "$MY" "$database" || return 1; done
}

servers_stop_all() {
	local dir
	for dir in "${TMPDIR:-/tmp}"/rollcall-db-*; do
		if [ "$(server_get "$dir" owner)" = "${SERVER_OWNER:-$$}" ]; then server_stop "$dir"; fi
	done
}

server_create() {
	if [ "$(server_get "$1" kind)" = postgresql ]; then
		server_sql "$1" '' "CREATE DATABASE \"$2\" OWNER $SERVER_USER"
	else
		server_sql "$1" '' "CREATE DATABASE \`$2\` CHARACTER SET utf8mb4"
	fi
}

server_client() { # DIR CLIENT ARGUMENT...: psql, pg_dump, mariadb or mariadb-dump as the administrator
	local dir=$1 client=$2 port
	shift 2
	port=$(server_get "$dir" port)
	case $client in
	psql) psql -X -q -v ON_ERROR_STOP=1 -h "$dir/run" -p "$port" -U postgres "$@" ;;
	pg_dump) pg_dump -h "$dir/run" -p "$port" -U postgres "$@" ;;
	*) "$client" --no-defaults --socket="$dir/run/mysqld.sock" -u root "$@" ;;
	esac
}

server_load() {
	if [ "$(server_get "$1" kind)" = postgresql ]; then server_client "$1" psql -f "$3" "$2"; else server_client "$1" mariadb "$2" <"$3"; fi
}

server_copy() (
	set -o pipefail
	if [ "$(server_get "$1" kind)" = postgresql ]; then
		server_client "$1" pg_dump "$2" | server_client "$1" psql "$3" >/dev/null
	else
		server_client "$1" mariadb-dump --routines --events --triggers "$2" | server_client "$1" mariadb "$3"
	fi
)

server_effect() { # DIR DB: everything in it
	server_client "$1" mariadb-dump --routines --events --triggers --skip-comments --skip-extended-insert "$2"
}

# What the script leaves, or no success: PostgreSQL is asked by QUERY and rolled back, MariaDB's database begins empty and is dumped.
server_feed() { # DIR DB FILE QUERY
	local port whole=()
	port=$(server_get "$1" port)
	if grep -q '^-- whole to the server' "$3"; then whole=(--delimiter='no such end'); fi # which then finds the statements' ends by itself
	if [ "$(server_get "$1" kind)" = postgresql ]; then
		PGOPTIONS='-c statement_timeout=10s' psql -X -q -At -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$port" -U "$SERVER_USER" -d "$2" -c BEGIN -f "$3" -c "$4" -c ROLLBACK >"$1/fed" &&
			tail -n 1 "$1/fed"
	else
		server_empty "$1" "$2" && mariadb --no-defaults --comments --default-character-set=utf8mb4 --init-command="SET max_statement_time=10, time_zone='+00:00'" -h 127.0.0.1 -P "$port" \
			-u "$SERVER_USER" "${whole[@]}" "$2" <"$3" >/dev/null && server_effect "$1" "$2"
	fi
} 2>/dev/null

server_empty() { # DIR DB
	server_sql "$1" '' "DROP DATABASE IF EXISTS \`$2\`" && server_create "$1" "$2"
}

feed_sqlite() { # FILE SCRIPT
	rm -f "$1" && sqlite3 -bail "$1" <"$2" >/dev/null && effect_sqlite "$1"
} 2>/dev/null

effect_sqlite() { sqlite3 "$1" .dump; }

load_sqlite() { sqlite3 -bail "$1" <"$2"; }

copy_sqlite() (
	set -o pipefail
	sqlite3 "$1" .dump | sqlite3 "$2"
)

server_dsn() {
	echo "$(server_get "$1" kind)://$SERVER_USER@127.0.0.1:$(server_get "$1" port)/$2"
}

server_pooler() {
	local dir=$1 port
	port=$(port_take)
	cat >"$dir/run/pgbouncer.ini" <<-INI
		[databases]
		* = host=127.0.0.1 port=$(server_get "$dir" port) user=$SERVER_USER password=$(server_get "$dir" password)
		[pgbouncer]
		listen_addr = 127.0.0.1
		listen_port = $port
		unix_socket_dir =
		auth_type = any
		pool_mode = transaction
		ignore_startup_parameters = ${2:-options,extra_float_digits}
	INI
	chmod 644 "$dir/run/pgbouncer.ini"
	server_exec postgresql setsid "$(PATH=$PATH:/usr/sbin command -v pgbouncer)" -q "$dir/run/pgbouncer.ini" >>"$dir/log" 2>&1 </dev/null 3>&- 4>&- &
	server_put "$dir" pooler.pid $!
	for _ in $(seq 1000); do
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && echo "$port" && return 0
		sleep 0.03
	done
	server_die "pgbouncer did not start"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	: "${SERVER_OWNER:=$PPID}"
	verb=$1
	shift
	case $verb in
	start | stop | kill | replica | halt | restart | get | create | dsn | sql | pooler | load | copy | feed | effect | empty) "server_$verb" "$@" ;;
	copy_sqlite | load_sqlite | feed_sqlite | effect_sqlite) "$verb" "$@" ;;
	*) server_die "unknown verb $verb" ;;
	esac
fi
