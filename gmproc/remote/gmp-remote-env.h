/* gmp-remote-env.h: an environment that a game on the other end of UDP plays
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

/**
 * GmpRemoteEnvClass:
 * @parent_class: the parent class
 *
 * The class of a final type.
 *
 * Since: 0.1
 */

#define GMP_TYPE_REMOTE_ENV (gmp_remote_env_get_type    ())
GMP_PUBLIC G_DECLARE_FINAL_TYPE (GmpRemoteEnv, gmp_remote_env, GMP, REMOTE_ENV, GObject)

GMP_PUBLIC GmpRemoteEnv *gmp_remote_env_new         (const char          *host,
                                                     guint                output_port,
                                                     guint                input_port);
GMP_PUBLIC gboolean      gmp_remote_env_open        (GmpRemoteEnv        *self,
                                                     GCancellable        *cancellable,
                                                     GError             **error);
GMP_PUBLIC void          gmp_remote_env_close       (GmpRemoteEnv        *self);
GMP_PUBLIC GVariant     *gmp_remote_env_step        (GmpRemoteEnv        *self,
                                                     const char          *name,
                                                     GVariant            *value,
                                                     GCancellable        *cancellable,
                                                     GError             **error);
GMP_PUBLIC void          gmp_remote_env_step_async  (GmpRemoteEnv        *self,
                                                     const char          *name,
                                                     GVariant            *value,
                                                     GCancellable        *cancellable,
                                                     GAsyncReadyCallback  callback,
                                                     gpointer             user_data);
GMP_PUBLIC GVariant     *gmp_remote_env_step_finish (GmpRemoteEnv        *self,
                                                     GAsyncResult        *result,
                                                     GError             **error);
GMP_PUBLIC GVariant     *gmp_remote_env_send        (GmpRemoteEnv        *self,
                                                     const char          *name,
                                                     const char * const  *args,
                                                     GCancellable        *cancellable,
                                                     GError             **error);
GMP_PUBLIC void          gmp_remote_env_send_async  (GmpRemoteEnv        *self,
                                                     const char          *name,
                                                     const char * const  *args,
                                                     GCancellable        *cancellable,
                                                     GAsyncReadyCallback  callback,
                                                     gpointer             user_data);
GMP_PUBLIC GVariant     *gmp_remote_env_send_finish (GmpRemoteEnv        *self,
                                                     GAsyncResult        *result,
                                                     GError             **error);

G_END_DECLS
