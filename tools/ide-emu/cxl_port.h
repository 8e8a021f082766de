/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CXL.cachemem IDE of one function: the component registers that show it (CXL 3.1
 * §8.2.4.22, found through the Register Locator DVSEC in BAR 0), and the keys
 * behind them. Flits are not modelled. What is: the key in use and the one that
 * waits, for each direction, and IDE.Start, with which a transmitter changes to
 * its waiting key and the receiver at the other end of the link must do the same.
 * A direction is Active only while both ends use the same key, IV and mode;
 * nothing else makes it so.
 *
 * All functions here are called with the model's lock held.
 */
#ifndef IDE_EMU_CXL_PORT_H
#define IDE_EMU_CXL_PORT_H

#include "ide_km/cxl_ide_km.h"
#include "tools/ide-emu/config_space.h"
#include "tools/ide-emu/platform.h"

struct emu_function;

/* Key, IV and mode of one direction. */
struct cxl_way {
    bool waits, may_start; /* a key was programmed, and for a receiver K_SET_GO came */
    bool active;           /* key is in use */
    struct cxl_ide_key next, key;
    enum cxl_ide_mode next_mode, mode;
};

struct cxl_port {
    struct cxl_way way[IDE_DIRECTIONS];
    bool offered; /* offer was handed out by GET_KEY */
    struct cxl_ide_key offer;
    uint32_t session; /* whose keys these are, if there are any; or who was offered one */
    uint8_t error;    /* Rx Error Status */
};

#define CXL_COMPONENT_SIZE 0x10000u /* bytes of registers in BAR 0 */
#define CXL_ENDPOINT_BAR   0x20000u /* an endpoint has memory below them */

/* Rx Error Status */
#define CXL_ERROR_INTEGRITY     1u
#define CXL_ERROR_ESTABLISHMENT 8u

/* Adds the DVSECs and fills the registers; false if they do not fit. A function without CXL has nothing to
 * add. */
bool cxl_port_build(struct emu_function *f);
void cxl_port_reset(struct emu_function *f);
void cxl_port_wipe(struct emu_function *f);

/* Whether an offset in BAR 0 is a register, and a write of software's to it. Reads come from the BAR's
 * memory. */
bool cxl_port_has(const struct emu_function *f, uint64_t offset);
void cxl_port_write(struct emu_function *f, uint64_t offset, const uint8_t *data, size_t n);

/* CXL_IDE_KM, and what a key unit does; session tells who. false: refused. own_iv: the IV in key counts. */
bool cxl_port_query(const struct emu_function *f, struct cxl_ide_query_resp *out);
bool cxl_port_get_key(struct emu_function *f, uint32_t session, const struct cxl_ide_key *random,
                      struct cxl_ide_key *out);
bool cxl_port_key_prog(struct emu_function *f, uint32_t session, enum ide_direction direction,
                       const struct cxl_ide_key *key, bool own_iv);
bool cxl_port_set_go(struct emu_function *f, uint32_t session, enum ide_direction direction,
                     enum cxl_ide_mode mode);
bool cxl_port_set_stop(struct emu_function *f, uint32_t session, enum ide_direction direction);
void cxl_port_session_end(struct emu_function *f, uint32_t session);

/* "containment", "skid" or "insecure": what the status register says. */
const char *cxl_port_state(struct emu_function *f, enum ide_direction direction);

#endif
