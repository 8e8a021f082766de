/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Streams between ports. A stream is Secure only when both ends have it enabled
 * and, on every sub-stream in both directions, the transmitter's current key is
 * started at the receiver and the same. Nothing else makes it so.
 *
 * An end that is bridged to an external responder got its keys inside a session
 * that the model cannot see into. There the known end alone decides: enabled at
 * both ends, and the known end's key set complete and started. With both ends
 * bridged nothing is known, and the stream stays Insecure.
 *
 * All functions here are called with the model's lock held.
 */
#ifndef IDE_EMU_IDE_LINK_H
#define IDE_EMU_IDE_LINK_H

#include "tools/ide-emu/emu.h"

struct link_end {
    struct emu_function *function;
    struct port_stream *stream;
};

/*
 * The other end: for a link stream the port across the link, for a selective stream of a root port the function below
 * it that its RID association covers, and the reverse. Same Stream ID, and for a selective stream through a switch
 * flow-through enabled in every port between. stream NULL: there is none.
 */
struct link_end ide_link_partner(struct link_end end);

/* Decides every stream's state anew and reports it. After any change of registers, keys or faults. */
void ide_link_settle(struct emu *emu);

/* IDE_KM for one port, then ide_link_settle(). */
enum kp_ack_status ide_link_key_prog(struct emu_function *f, uint32_t session, const struct ide_km_target *target,
                                     const struct ide_key *key);
bool ide_link_set_go(struct emu_function *f, uint32_t session, const struct ide_km_target *target);
bool ide_link_set_stop(struct emu_function *f, uint32_t session, const struct ide_km_target *target);
void ide_link_session_end(struct emu_function *f, uint32_t session);

/*
 * The receiver got a TLP that it cannot authenticate: it sends an IDE fail message to the other end, and both are
 * Insecure without keys (PCIe 6.x §6.33.1).
 */
void ide_link_fail(struct link_end receiver);

#endif
