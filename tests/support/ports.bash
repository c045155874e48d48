# Loopback ports for what tests start. One that is taken here goes to no other test until its owner ends, also while nobody listens on it: between the choice and the start, and
# while what listened there is down. The kernel gives clients theirs from 32768 on, so ours are below that. Sourced by fleet.bash and servers.bash.
# shellcheck shell=bash

PORTS=/tmp/rollcall-ports.$UID # a line "PORT OWNER" for each; those whose owner is gone are dropped

port_take() { # prints it; owner: $SERVER_OWNER, or the shell that calls
	# shellcheck disable=SC2094 # appending to it is only to have it, and its lock
	(
		flock 9
		kept=$(while read -r port pid; do [ ! -d "/proc/$pid" ] || echo "$port $pid"; done <"$PORTS")
		while :; do
			port=$((10000 + RANDOM % 22000))
			if ! grep -q "^$port " <<<"$kept" && ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
		done
		printf '%s\n' ${kept:+"$kept"} "$port ${SERVER_OWNER:-$$}" >"$PORTS"
		echo "$port"
	) 9>>"$PORTS"
}
