/* Every cap on an outside size, in one place. A size is checked before memory is taken for it. */
#ifndef COMMON_WIRE_LIMITS_H
#define COMMON_WIRE_LIMITS_H

#include <stddef.h>

#define LIMIT_FRAME_BODY        ((size_t)256 * 1024) /* protobuf body of a link message */
#define LIMIT_ARENA_MESSAGE     ((size_t)16 * 1024 * 1024) /* decoded form of one link message */
#define LIMIT_LINK_TEXT         4096 /* a free text in a link message: details, error messages; longer ones are cut by the sender */
#define LIMIT_ENROL             ((size_t)8 * 1024) /* body of a message on the enrolment socket, which admits unknown keys */
#define LIMIT_CHUNK             ((size_t)256 * 1024) /* raw bytes of one CHUNK */
#define LIMIT_CHUNK_CREDIT      4 /* chunks asked for at a time */
#define LIMIT_ENVELOPE          ((size_t)64 * 1024 * 1024) /* a whole envelope: a release is the largest */
#define LIMIT_DOCUMENT          ((size_t)1024 * 1024) /* trust document, order, approval, certificate, report */
#define LIMIT_DOSSIER           ((size_t)4 * 1024 * 1024)
#define LIMIT_GATE_REPORT       ((size_t)256 * 1024) /* text of a release's gate report; findings beyond it are counted */
#define LIMIT_CHANGESETS        20000
#define LIMIT_STATEMENTS        1000000 /* in one release */
#define LIMIT_STATEMENT         ((size_t)64 * 1024 * 1024)
#define LIMIT_REVOCATIONS       10000 /* entries of each list of a freshness document */
#define LIMIT_TRUST_STEPS       100 /* trust documents named at a time to an agent that is behind */
#define LIMIT_BREAK_GLASS       100 /* targets of one emergency */
#define LIMIT_APPROVALS         16
#define LIMIT_GATE_PASSES       2000 /* of one order */
#define LIMIT_TARGETS           1000000 /* of one order */
#define LIMIT_TARGET_LIST       ((size_t)256 * 1024 * 1024) /* its text */
#define LIMIT_TARGETS_PER_AGENT 2000
#define LIMIT_OPEN_TASKS        32 /* of one target at its agent */
#define LIMIT_YAML              ((size_t)1024 * 1024)
#define LIMIT_DEFINITION        ((size_t)256 * 1024) /* text of one object of a database, kept for what may come of it */
#define LIMIT_CHANGE_FILE       ((size_t)64 * 1024 * 1024)
#define LIMIT_ARENA_DOCUMENT    ((size_t)512 * 1024 * 1024) /* decoded form of the largest document */

#endif
