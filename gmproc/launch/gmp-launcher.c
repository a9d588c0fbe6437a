/* gmp-launcher.c: starts processes, here or elsewhere
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-launcher-private.h"

G_DEFINE_ABSTRACT_TYPE (GmpLauncher, gmp_launcher, G_TYPE_OBJECT)

static void
gmp_launcher_class_init (GmpLauncherClass *klass G_GNUC_UNUSED)
{
}

static void
gmp_launcher_init (GmpLauncher *self G_GNUC_UNUSED)
{
}

GmpProcess *
gmp_launcher_launch (GmpLauncher     *self,
                     const GmpLaunch *launch,
                     GError         **error)
{
  return GMP_LAUNCHER_GET_CLASS (self)->launch (self, launch, error);
}
