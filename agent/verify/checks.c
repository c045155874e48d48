/* The table of checks: one row a check. A code means the same thing for ever. */
#include "agent/verify/checks.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *title, *what_to_do;
} checks[CHECK_COUNT] = {
    [CHECK_NONE] = {"", ""},
    [C1_MESSAGE] = {"C1 message", "stop the old controller; the acting one offers the work again"},
    [C2_SITE_POLICY] = {"C2 site-policy", "the site's operator decides when this may run"},
    [C2_BREAK_GLASS] = {"C2 break-glass",
                        "start a new rollout, and have keys that this site counts declare it, or the environment's approvers approve it; only the "
                        "site's own people change break_glass in its policy"},
    [C3_TRUST] = {"C3 trust", "have the root keys sign the next trust document and give it to this agent"},
    [C4_FRESHNESS] = {"C4 freshness", "let the agent reach a controller that has a current freshness document"},
    [C5_CLOCK] = {"C5 clock", "set this machine's clock; nothing is run before that"},
    [C6_RELEASE_SIGNATURES] = {"C6 release-signatures", "sign with 'rollcall release sign', then push the release again"},
    [C7_RELEASE] = {"C7 release", "build and sign a new release, or bring this agent up to date"},
    [C8_SEQUENCE] = {"C8 sequence", "build a release with a higher sequence, or order a rollback"},
    [C9_APPROVALS] = {"C9 approvals", "start a new rollout and have its order approved by as many as it needs"},
    [C10_TARGET] = {"C10 target", "start a rollout whose plan selects this target, and have that approved"},
    [C11_ORDER] = {"C11 order", "start a new rollout and have its order approved"},
    [C12_WAVE_GATE] = {"C12 wave-gate", "a key of role gate looks at that wave's reports and signs: 'rollcall gate pass ROLLOUT'; then retry"},
    [C13_DATABASE] = {"C13 database", "correct the target in agent.yaml: this is another database than the one its ledger names"},
    [C14_ENGINE] = {"C14 engine", "build the release for this engine and its version, or leave this target out of the plan"},
    [C15_LOCK] = {"C15 lock", "wait: another session is at work on this target"},
    [C16_LEDGER] = {"C16 ledger",
                    "put the changeset back as it was applied and write a new one for the change, or accept the old digest with validCheckSum"},
    [C17_SCHEMA_BEFORE] = {"C17 schema-before", "look at the drift, then repair it, or accept it with 'rollcall-agent snapshot TARGET --accept'"},
    [C18_CONTENT] = {"C18 content", "build and sign the release again: its parts do not fit together"},
    [C19_STATEMENT] = {"C19 statement", "change the changeset, then build and sign the release again"},
    [C20_CLASS] = {"C20 class", "build the release with the same version of Rollcall that the agents run, then sign it again"},
    [C21_TIMEOUTS] =
        {"C21 timeouts",
         "take the setting out of the changeset, or have the site's people allow it: longest_lock and longest_statement in the site's policy "
         "say how much, or else lock_timeout and statement_timeout in agent.yaml"},
    [C22_INTENT] = {"C22 intent", "look at the agent's journal: it cannot record what it is about to do"},
    [C23_VALIDATIONS] = {"C23 validations", "look at the values in the report, and correct the data or the changeset"},
    [C24_SCHEMA_AFTER] = {"C24 schema-after", "compare the schema with the one that the release was proved on"},
    [C25_LEDGER_CHAIN] = {"C25 ledger-chain", "the ledger was changed by hand: compare it with the reports at the controller"},
    [C26_REPORT] = {"C26 report", "check the agent's report key"},
};

const char *check_title(enum check_code c)
{
	assert((unsigned)c < CHECK_COUNT);
	return checks[c].title;
}

const char *check_what_to_do(enum check_code c)
{
	assert((unsigned)c < CHECK_COUNT);
	return checks[c].what_to_do;
}

enum check_code check_refuse(enum check_code c, struct err *e)
{
	assert(c > CHECK_NONE && c < CHECK_COUNT);
	if (!e)
		return c;
	if (e->code != ERR_POLICY)
		e->code = ERR_SIGNATURE;
	size_t n = strlen(e->msg);
	snprintf(e->msg + n, sizeof e->msg - n, ": %s", checks[c].what_to_do);
	return c;
}
