/* What a device does not have yet. A line of the lists in selfcheck_pending.c goes with the commit
 * that adds it to the device; both files go with the last line. */
#ifndef HPAC_DOCTOR_SELFCHECK_PENDING_H
#define HPAC_DOCTOR_SELFCHECK_PENDING_H

#include "selfcheck_internal.h"

bool hpac_selfcheck_is_pending(const hpac_device *device, const selfcheck_case *one,
                               const selfcheck_options *options);

#endif
