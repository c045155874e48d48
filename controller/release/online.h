/* What rollcall.yaml (mariadb: {algorithm: nocopy, lock: none}), or a changeset's line, says of MariaDB's DDL is written into the statements before they are packed: what approvers
 * sign, `release show` prints and the digest covers is what runs. */
#ifndef CONTROLLER_RELEASE_ONLINE_H
#define CONTROLLER_RELEASE_ONLINE_H

#include "controller/change/statements.h"
#include "controller/release/project.h"

/* In place, in the set's arena. A changeset that `previous` (may be NULL) holds, and whose line says nothing, keeps what it was released with: another setting of the project changes no digest. */
void online_write(const struct project *p, const struct release *previous, struct parsed_set *parsed);

#endif
