/* The inside of the uplink: shared by uplink.c (states, and what is heard) and uplink_say.c (what is said). */
#ifndef AGENT_LINK_UPLINK_IMPL_H
#define AGENT_LINK_UPLINK_IMPL_H

#include "agent/link/dial.h"
#include "agent/link/uplink.h"

#define BOOT_ID_SIZE 16

enum uplink_state { WAITING, CONNECTING, GREETING, DELAYED, UP };

struct uplink {
	zloop_t *loop;
	struct journal *journal;
	struct uplink_settings set;
	struct uplink_handler on;
	struct dial dial;
	int timer;
	enum uplink_state state;
	size_t address; /* for this attempt: see uplink_address */
	size_t addresses_tried;
	unsigned rounds; /* in which every address was tried in vain */
	size_t key; /* of controller_keys, the same */
	size_t keys_tried;
	uint32_t pause_ms, spread_ms, heartbeat_ms, max_epoch, proto; /* proto: as WELCOME chose */
	int64_t due_us; /* WAITING, DELAYED: next attempt; CONNECTING, GREETING: give up; monotonic */
	int64_t first_word_us; /* CONNECTING: who has said nothing by then is left for the next address; 0: that was looked at */
	int64_t heard_us, beat_us, outbox_us, ticked_us;
	uint64_t session, seq_in, seq_out;
	uint64_t next_report, acked_report; /* next to send; the controller has up to acked */
	uint64_t stuck_report; /* too large to send, said once */
	uint8_t boot_id[BOOT_ID_SIZE];
	bool said_down; /* log a lasting failure once */
	char refused[256]; /* the last message that was not taken, and why: kept once, not for each attempt */
};

int64_t uplink_after_ms(uint32_t ms); /* monotonic */

/* uplink_say.c: numbered, in the present session. */
enum frame_sent uplink_say(struct uplink *u, const struct msg *m);
int uplink_say_hello(struct uplink *u, struct err *e) MUST_CHECK; /* with the next session counter; sequences begin anew */
bool uplink_say_targets(struct uplink *u); /* false: not all of it went out */
void uplink_say_heartbeat(struct uplink *u);
/* Of an acknowledgement that fits; the next reports follow. */
void uplink_acked(struct uplink *u, const struct msg_report_ack *ack);

#endif
