/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the handlers of the owner's services have in common. */
#include "spdm/internal.h"

const struct spdm_services *spdm_services_of(const struct spdm_responder *r)
{
    static const struct spdm_services none;
    return r->services ? r->services : &none;
}

enum ide_err spdm_no_service(struct spdm_responder *r, const struct spdm_message *m)
{
    r->error_code = SPDM_ERROR_UNSUPPORTED_REQUEST;
    r->error_data = m->code;
    return ide_fail(&r->connection.fault, IDE_E_CAPABILITY, m->name, NULL);
}

enum ide_err spdm_service_result(struct spdm_responder *r, enum ide_err err)
{
    bool has_code = err == IDE_OK || err == IDE_E_BUSY || err == IDE_E_NOT_READY || err == IDE_E_RESET;
    if (!has_code)
        r->error_code = r->connection.params.version >= SPDM_VERSION_13 ? SPDM_ERROR_OPERATION_FAILED
                                                                        : SPDM_ERROR_UNSPECIFIED;
    return err;
}
