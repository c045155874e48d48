/* When an agent renews its certificate, as plain arithmetic. */
#ifndef AGENT_KEYSET_SCHEDULE_H
#define AGENT_KEYSET_SCHEDULE_H

#include <stdint.h>

#include "common/model/trust.h"

/* At two thirds of the certificate's life and up to a tenth of it later: spread over a fleet by the certificate's serial, and the same whenever it is asked. */
int64_t renewal_due_us(const struct certificate *c);
/* Milliseconds until the next attempt behind `tries` attempts in a row without a certificate: doubling, from a minute to six hours, and quicker for a short life. Without the
 * jitter, which the caller adds. */
uint32_t renewal_pause_ms(const struct certificate *c, unsigned tries);

#endif
