/* gmp-certificate.c: a certificate for one run of a program
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "agent/gmp-certificate-private.h"

#include "base/gmp-error.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <time.h>

/* A peer that trusts it has received a copy and compares it byte by byte. Its name and its dates
 * are not checked, because the clocks of machines may differ. */
#define DAY      (24 * 60 * 60)
#define LIFETIME (10 * 365 * DAY)

static int
sign (gnutls_x509_crt_t     certificate,
      gnutls_x509_privkey_t key)
{
  static const char name[] = "gmproc";
  const guint8 serial[] = { 1 };
  time_t now = time (NULL);
  int code;

  if ((code = gnutls_x509_privkey_generate (key, GNUTLS_PK_ECDSA,
                                            GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP256R1),
                                            0)) < 0 ||
      (code = gnutls_x509_crt_set_version (certificate, 3)) < 0 ||
      (code = gnutls_x509_crt_set_serial (certificate, serial, sizeof serial)) < 0 ||
      (code = gnutls_x509_crt_set_activation_time (certificate, now - DAY)) < 0 ||
      (code = gnutls_x509_crt_set_expiration_time (certificate, now + LIFETIME)) < 0 ||
      (code = gnutls_x509_crt_set_dn_by_oid (certificate, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                             sizeof name - 1)) < 0 ||
      (code = gnutls_x509_crt_set_key (certificate, key)) < 0)
    return code;
  return gnutls_x509_crt_sign2 (certificate, certificate, key, GNUTLS_DIG_SHA256, 0);
}

static int
print (gnutls_x509_crt_t     certificate,
       gnutls_x509_privkey_t key,
       GString              *text)
{
  gnutls_datum_t pem = { 0 };
  int code = gnutls_x509_crt_export2 (certificate, GNUTLS_X509_FMT_PEM, &pem);

  if (code < 0)
    return code;
  g_string_append_len (text, (const char *) pem.data, pem.size);
  gnutls_free (pem.data);
  code = gnutls_x509_privkey_export2_pkcs8 (key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN,
                                            &pem);
  if (code < 0)
    return code;
  g_string_append_len (text, (const char *) pem.data, pem.size);
  gnutls_free (pem.data);
  return 0;
}

/* A new certificate and its key, as text. */
char *
gmp_certificate_make (GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  gnutls_x509_crt_t certificate;
  gnutls_x509_privkey_t key;
  int code;

  if (gnutls_x509_crt_init (&certificate) < 0 || gnutls_x509_privkey_init (&key) < 0)
    g_error ("There is no memory for a certificate");
  code = sign (certificate, key);
  if (code >= 0)
    code = print (certificate, key, text);
  gnutls_x509_crt_deinit (certificate);
  gnutls_x509_privkey_deinit (key);
  if (code >= 0)
    return g_string_free (g_steal_pointer (&text), FALSE);
  g_set_error (error, GMP_ERROR, GMP_ERROR_FAILED, "Cannot create a certificate: %s",
               gnutls_strerror (code));
  return NULL;
}
