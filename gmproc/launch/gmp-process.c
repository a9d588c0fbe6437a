/* gmp-process.c: a process that a launcher started
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-process-private.h"

G_DEFINE_ABSTRACT_TYPE (GmpProcess, gmp_process, G_TYPE_OBJECT)

static guint64
gmp_process_real_get_peak_memory (GmpProcess *self G_GNUC_UNUSED)
{
  return 0;
}

static void
gmp_process_class_init (GmpProcessClass *klass)
{
  klass->get_peak_memory = gmp_process_real_get_peak_memory;
}

static void
gmp_process_init (GmpProcess *self G_GNUC_UNUSED)
{
}

int
gmp_process_get_pid (GmpProcess *self)
{
  return GMP_PROCESS_GET_CLASS (self)->get_pid (self);
}

void
gmp_process_send_signal (GmpProcess *self,
                         int         signum)
{
  GMP_PROCESS_GET_CLASS (self)->send_signal (self, signum);
}

void
gmp_process_wait_async (GmpProcess         *self,
                        GCancellable       *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer            user_data)
{
  GMP_PROCESS_GET_CLASS (self)->wait_async (self, cancellable, callback, user_data);
}

gboolean
gmp_process_wait_finish (GmpProcess   *self,
                         GAsyncResult *result,
                         int          *wait_status,
                         GError      **error)
{
  return GMP_PROCESS_GET_CLASS (self)->wait_finish (self, result, wait_status, error);
}

guint64
gmp_process_get_peak_memory (GmpProcess *self)
{
  return GMP_PROCESS_GET_CLASS (self)->get_peak_memory (self);
}
