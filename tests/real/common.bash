# What the scripts with real input share: a folder that goes away, projects over other people's files, rolling forward and back, and comparing schemas.
# Sourced by crates, authelia and liquibase.
# shellcheck shell=bash disable=SC2034 # read by those scripts
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/support/fleet.bash
. "$here/../support/fleet.bash"
# shellcheck source=tests/support/servers.bash
. "$here/../support/servers.bash"

real_fail=0

real_begin() { # sets W; everything started is gone at the end, whatever the end is
	W=$(mktemp -d "${TMPDIR:-/tmp}/rollcall-real-XXXXXX") && chmod 755 "$W" || exit 1
	trap 'fleet_down 2>/dev/null; servers_stop_all 2>/dev/null; [ -n "${KEEP:-}" ] && echo "kept: $W" || rm -rf "$W"' EXIT
	FLEET_LIMITS='{max_parallel: 4, max_parallel_per_instance: 8, retry_budget: 20s, lock_timeout: 3s, statement_timeout: 60s, connect_timeout: 5s, class_x: true}'
}

die() {
	echo "$*" >&2
	exit 1
}

say() { printf '%s\n' "$*"; }

# Two gates are lowered, for histories that were never written for them: rows and schema in one change, and routines that may commit.
real_project() { # NAME ENGINE READER
	local dir=$W/$1
	mkdir -p "$dir/changes" "$dir/plans"
	cat >"$dir/rollcall.yaml" <<-YAML
		project: $1
		engines: [$2]
		pipeline: [dev]
		changes: changes
		reader: $3
		valid: 30d
		gates: [{rule: PF04, level: warn}, {rule: CX01, level: warn}]
	YAML
	cat >"$dir/plans/all.yaml" <<-YAML
		name: all
		environments:
		  - {name: dev, waves: [{name: all, selector: "app=$1", max_parallel: 20}]}
	YAML
}

real_target() { # ID DSN PROJECT
	echo "  - {id: $1, dsn: \"$2\", labels: {environment: dev, app: $3}}"
}

# Builds, signs and rolls forward; sets R to the rollout and SECONDS_TAKEN, from the start to the last target's report.
real_roll() { # PROJECT VERSION
	local began
	fleet_release "$W/$1" "$2" || return 1
	began=$EPOCHREALTIME
	R=$(fleet_start "$W/$1/plans/all.yaml" dev "$2") || return 1
	real_wait "$R"
	SECONDS_TAKEN=$(real_since "$began")
}

real_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

real_wait() { # ROLLOUT: until nothing more happens by itself
	rc rollout watch "$1" --timeout 20m >"$W/watch.log" 2>&1
}

real_states() { # ROLLOUT: "20 applied", ...
	rc rollout status "$1" -o json 2>/dev/null | jq -r '.targets | group_by(.state) | map("\(length) \(.[0].state)") | join(", ")'
}

real_same() { # WHAT OURS THEIRS: sorted dumps; prints equal or the first differences
	if [ -s "$2" ] && cmp -s "$2" "$3"; then
		say "equal: $1"
	else
		say "DIFFERENT: $1"
		diff "$3" "$2" | head -n 20
		real_fail=1
	fi
}

# Takes back what ROLLOUT applied. Where a published rollback fails, its changeset is left applied by name and the rest goes on, as a person would do it.
real_back() { # ROLLOUT; sets EXCEPT, R and SECONDS_TAKEN; what failed is in $W/wrong
	local began=$EPOCHREALTIME from=$1 failed
	EXCEPT=()
	: >"$W/wrong"
	while :; do
		R=$(rc rollout rollback "$from" "${EXCEPT[@]}" -o json 2>"$W/start.err" | jq -r '.rollouts[0].rollout')
		[ -n "$R" ] || die "the rollback did not start: $(cat "$W/start.err")"
		real_wait "$R"
		rc rollout status "$R" -o json 2>/dev/null >"$W/status.json"
		failed=$(jq -r '[.targets[] | select(.state == "failed") | .changeset] | unique | .[]' "$W/status.json")
		[ -n "$failed" ] || break
		[ "$(wc -l <<<"$failed")" = 1 ] || die "targets failed in different changesets: $failed"
		[[ " ${EXCEPT[*]} " != *" $failed "* ]] || die "$failed was left out and failed all the same"
		jq -r '[.targets[] | select(.state == "failed")][0] | [.changeset, .detail] | @tsv' "$W/status.json" >>"$W/wrong"
		EXCEPT+=(--except "$failed")
		quietly rc rollout abort "$R" --reason "the published rollback of $failed is wrong" || exit 1
		real_wait "$R" # its other targets end too
	done
	SECONDS_TAKEN=$(real_since "$began")
}

# What failed here failed in the plain client too, in the same order; listed by name with the client's own error.
real_wrong() { # FILE: "id<TAB>error" of the plain client
	sed 's/^/  wrong as published: /; s/\t/: /' "$1"
	diff <(cut -f1 "$1") <(cut -f1 "$W/wrong") >"$W/wrong.diff" && return
	say "DIFFERENT: the plain client (<) and Rollcall (>) fail in other rollbacks"
	cat "$W/wrong.diff"
	real_fail=1
}
