/* gnu-mp.c: gmp.h of GNU MP and gmproc.h in one file, either one first
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#ifndef WITHOUT_GNU_MP

#ifdef GNU_MP_FIRST
#include <gmp.h>
#endif
#include <gmproc.h>
#include <gmp.h>

#include <stdlib.h>

/* The worker uses GNU MP: returns 2 to the power of 100, as text. */
static GVariant *
power (GVariant *params G_GNUC_UNUSED,
       GError  **error G_GNUC_UNUSED)
{
  GVariant *result;
  mpz_t number;
  char *text;

  mpz_init (number);
  mpz_ui_pow_ui (number, 2, 100);
  gmp_asprintf (&text, "%Zd", number);
  mpz_clear (number);
  result = g_variant_new_string (text);
  free (text);
  return result;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GmpWorkers) workers = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  gmp_init (&argc, &argv);

  workers = gmp_workers_new ();
  gmp_workers_add (workers, 1, power, NULL, &error);
  g_assert_no_error (error);
  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_assert_no_error (error);
  text = g_variant_print (results, FALSE);
  g_assert_cmpstr (text, ==, "{1: <'1267650600228229401496703205376'>}");

  /* The error domain of each library. */
  g_assert_cmpint (GMP_ERROR_NONE, ==, 0);
  g_assert_true (GMP_ERROR == gmp_error_quark ());
  g_assert_cmpint (gmp_version[0], >=, '4');
  g_assert_cmpstr (gmp_get_version_string (), !=, gmp_version);
  return EXIT_SUCCESS;
}

#else

/* Meson's exit status for "skipped". */
int
main (void)
{
  return 77;
}

#endif
