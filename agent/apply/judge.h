/* Did an interrupted statement take effect? Pure: from the statement, and from what the catalog said of its object before it and says now. */
#ifndef AGENT_APPLY_JUDGE_H
#define AGENT_APPLY_JUDGE_H

#include "common/sql/classify.h"

enum verdict { VERDICT_NOT_APPLIED, VERDICT_APPLIED, VERDICT_UNSURE };

struct seen { /* of the object that the statement names, by engine->object_state */
	uint8_t state[DIGEST_SIZE]; /* zero: absent */
	const char *text; /* its definition, as far as the engine gives one; NULL: not known, where only the state was kept */
	const char *wanted; /* as the engine would show what the statement makes (engine->index_wanted); NULL or "": it does not say */
};

/* *ret_why says it in one sentence (static storage). "Not applied" is said only of statements whose effect would show in the definition, or that may be run twice; "applied" only when
 * the definition shows what the statement says, and did not before. Whatever is left is for a person. */
enum verdict judge(enum dialect d, struct bytes statement, const struct seen *before, const struct seen *now, const char **ret_why);

#endif
