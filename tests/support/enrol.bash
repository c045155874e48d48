# Enrolment over the wire in a fleet of fleet.bash; the working folder is $F. Source it after fleet.bash.
# shellcheck shell=bash

# listen.enrol, and with an argument the key that approves by itself
enrolment() {
	ENROL=tcp://127.0.0.1:$(port_take)
	sed -i "s|^listen: {|listen: {enrol: \"$ENROL\", |" "$F/controller.yaml"
	[ $# -eq 0 ] || echo "enrol_key: $1" >>"$F/controller.yaml"
}

invite() { # NAME [OPTION...]
	local name=$1
	shift
	quietly rc agents invite "$name" --site us --targets 'us/*' --endpoint "$ENROL" --controller-key keys/controller.curve.pub --key keys/enrol \
		--out "$name.token" "$@"
}

enroll() { # NAME [OPTION...]: at the site
	local name=$1
	shift
	"$ROLLCALL_BIN/rollcall-agent" enroll --token "$name.token" --trust trust.env --dir "$name" "$@"
}
