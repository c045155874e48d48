/* The checks by code, name and what to do: the one list that refusals, reports, the site's own screen and the manual share. A check answers with its code, so that whoever is refused is
 * refused by a check: there is no other way to say no. */
#ifndef AGENT_VERIFY_CHECKS_H
#define AGENT_VERIFY_CHECKS_H

#include "common/base/err.h"

enum check_code {
	CHECK_NONE, /* nothing was refused */
	C1_MESSAGE,
	C2_SITE_POLICY,
	C2_BREAK_GLASS,
	C3_TRUST,
	C4_FRESHNESS,
	C5_CLOCK,
	C6_RELEASE_SIGNATURES,
	C7_RELEASE,
	C8_SEQUENCE,
	C9_APPROVALS,
	C10_TARGET,
	C11_ORDER,
	C12_WAVE_GATE,
	C13_DATABASE,
	C14_ENGINE,
	C15_LOCK,
	C16_LEDGER,
	C17_SCHEMA_BEFORE,
	C18_CONTENT,
	C19_STATEMENT,
	C20_CLASS,
	C21_TIMEOUTS,
	C22_INTENT,
	C23_VALIDATIONS,
	C24_SCHEMA_AFTER,
	C25_LEDGER_CHAIN,
	C26_REPORT,
	CHECK_COUNT
};

/* Static storage. */
const char *check_title(enum check_code c); /* "C9 approvals"; CHECK_NONE: "" */
const char *check_what_to_do(enum check_code c);

/* Ends a refusal: adds what to do to the message, and leaves ERR_POLICY as it is and makes any other code ERR_SIGNATURE. Returns `c`. */
enum check_code check_refuse(enum check_code c, struct err *e);

#endif
