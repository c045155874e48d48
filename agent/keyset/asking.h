/* One request for a certificate, the same for a newcomer with a token and for an agent whose present report key speaks for its new keys: the request's bytes, what signs
 * them, the messages, and whether what came back is what was asked for. No network: agent/link/enrol.h and enrol_call.h carry it. */
#ifndef AGENT_KEYSET_ASKING_H
#define AGENT_KEYSET_ASKING_H

#include "agent/keyset/keyset.h"
#include "agent/keyset/keys.h"
#include "common/model/trust.h"
#include "common/wire/link.h"

struct asking {
	/* borrowed, filled by the caller before asking_prepare */
	struct arena *arena;
	const struct trust *trust;
	const char *agent, *site;
	const char **targets;
	size_t n_targets;
	struct bytes token; /* empty: `former` speaks */
	const struct sign_key *former; /* the present report key; NULL with a token */
	struct agent_keys keys; /* owned */
	struct bytes request; /* its text; empty: asking_prepare writes it */
	/* made by asking_prepare and asking_sign */
	uint8_t digest[DIGEST_SIZE], signature[SIGNATURE_SIZE], former_signature[SIGNATURE_SIZE];
};

/* From the keys and targets; or, where there is a text already, checks that it is of these keys. */
int asking_prepare(struct asking *x, struct err *e) MUST_CHECK;
/* For one controller: its key (Z85) is part of what is signed, so that nobody can pass the request on. */
void asking_sign(struct asking *x, const char *controller_key);
/* ENROL_REQ, or ENROL_POLL once it is known there. Points into *x. */
struct msg asking_question(const struct asking *x, bool is_known);
/* What came: signed by the enrol role, and for this agent, site and keys. In the arena. */
int asking_check(const struct asking *x, struct bytes certificate, struct certificate *ret, struct err *e) MUST_CHECK;
void asking_done(struct asking *x);

/* Prepares `x` for new keys of an agent that is enrolled, with the folder of keyset_begin: what is there of an earlier attempt is used again. x->arena, trust, agent, site,
 * targets and former are filled. */
int asking_renewal(struct asking *x, const struct keyset *folder, struct err *e) MUST_CHECK;

#endif
