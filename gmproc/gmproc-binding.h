/* gmproc-binding.h: functions for bindings to other languages, in addition to gmproc.h
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gmproc.h>

#define GMPROC_INSIDE

#include "application/gmp-client-server-binding.h"
#include "application/gmp-pool-binding.h"
#include "application/gmp-runner-binding.h"
#include "application/gmp-workers-binding.h"
#include "base/gmp-signals.h"
#include "base/gmp-variant.h"
#include "host/gmp-host.h"
#include "worker/gmp-worker-binding.h"

#undef GMPROC_INSIDE
