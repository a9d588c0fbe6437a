/* gmp-native-host-private.h: finds functions and types of this process's modules
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "host/gmp-host.h"

G_BEGIN_DECLS

#define GMP_TYPE_NATIVE_HOST (gmp_native_host_get_type ())
G_DECLARE_FINAL_TYPE (GmpNativeHost, gmp_native_host, GMP, NATIVE_HOST, GmpHost)

GmpHost *gmp_native_host_new (void);

G_END_DECLS
