/* gmproc.h: the one header that programs include
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#define GMPROC_INSIDE

#include "base/gmp-types.h"
#include "base/gmp-enum-types.h"
#include "base/gmp-error.h"
#include "base/gmp-runtime.h"
#include "base/gmp-shared-memory.h"
#include "base/gmp-version.h"
#include "worker/gmp-worker.h"
#include "worker/gmp-request.h"
#include "worker/gmp-server-worker.h"
#include "worker/gmp-client-worker.h"
#include "host/gmp-init.h"
#include "report/gmp-failure.h"
#include "application/gmp-runner.h"
#include "application/gmp-workers.h"
#include "application/gmp-client-server.h"
#include "application/gmp-pool.h"
#include "remote/gmp-remote-env.h"

#undef GMPROC_INSIDE
