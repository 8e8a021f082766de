/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What wolfCrypt leaves on the stack: keys in bignums, HMAC's pads, round keys, the powers of GCM's hash key.
 */
#include "spdm/crypto_wolf.h"
#include "spdm/cursor.h"

#define RECORD     1024u         /* one record: the assembler's GHASH takes 640 bytes */
#define DERIVATION 2048u         /* HMAC and key schedules; measured: 1.2 KiB */
#define PUBLIC_KEY (48u * 1024u) /* measured: 21 KiB for a signature with P-384 */
#define RSA        (96u * 1024u) /* measured: 53 KiB for a signature of 4096 bits, 58 with Debian's build */

/* Not in AddressSanitizer's own stack: wolfCrypt is built without it, and leaves what it leaves on the real
 * one. */
#define ON_THE_STACK __attribute__((noinline, no_sanitize_address))

ON_THE_STACK void wolf_burn_record(void)
{
    uint8_t area[RECORD];
    wipe(area, sizeof(area));
}

ON_THE_STACK void wolf_burn_derivation(void)
{
    uint8_t area[DERIVATION];
    wipe(area, sizeof(area));
}

ON_THE_STACK void wolf_burn_public_key(void)
{
    uint8_t area[PUBLIC_KEY];
    wipe(area, sizeof(area));
}

ON_THE_STACK void wolf_burn_rsa(void)
{
    uint8_t area[RSA];
    wipe(area, sizeof(area));
}
